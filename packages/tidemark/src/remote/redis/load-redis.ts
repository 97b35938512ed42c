import { loadPackage, type ResolvePackage } from '../../errors/optional-package.ts'

/** The package that speaks to Redis, and the version that the tests run with. */
export const REDIS_PACKAGE = { name: '@redis/client', version: '6.3.1' } as const

/** What is used of the package's client: no type of the package is one of ours. */
export interface RedisClient {
  readonly isReady: boolean
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'ready', listener: () => void): unknown
  connect(): Promise<unknown>
  destroy(): void
  sendCommand(args: readonly (string | Buffer)[], options?: { readonly typeMapping: object }): Promise<unknown>
}

/** What is used of the package. */
export interface RedisModule {
  createClient(options: {
    readonly url: string
    readonly disableOfflineQueue: boolean
    readonly socket: {
      readonly connectTimeout: number
      readonly reconnectStrategy: (retries: number) => number
    }
  }): RedisClient
  readonly RESP_TYPES: { readonly BLOB_STRING: number }
}

/** Loads the package, beside Tidemark or in the working directory. ERR_REMOTE_PACKAGE has the command to install it. */
export function loadRedis(resolve?: ResolvePackage): RedisModule {
  const neededBy = 'tables in Redis need'
  return loadPackage({ ...REDIS_PACKAGE, neededBy, code: 'ERR_REMOTE_PACKAGE' }, resolve) as RedisModule
}
