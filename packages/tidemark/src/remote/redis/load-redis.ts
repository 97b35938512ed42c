import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { TidemarkError } from '../../errors/error.ts'

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

/** How a package is found: replaced in tests. */
export type ResolvePackage = (name: string) => unknown

/** Loads the package, beside Tidemark or in the working directory. ERR_REMOTE_PACKAGE has the command to install it. */
export function loadRedis(resolve: ResolvePackage = load): RedisModule {
  const { name, version } = REDIS_PACKAGE
  try {
    return resolve(name) as RedisModule
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] as string) : String(cause)
    throw new TidemarkError(
      'ERR_REMOTE_PACKAGE',
      `tables in Redis need the package ${name}, which cannot be loaded (${why}). Install it: npm install ${name}@${version}`,
      { cause, details: { package: name } },
    )
  }
}

function load(name: string): unknown {
  const own = createRequire(import.meta.url)
  try {
    return own(name)
  } catch (error) {
    // A command that was installed globally has not the packages of the project.
    const here = createRequire(pathToFileURL(`${process.cwd()}/package.json`))
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return here(name)
    throw error
  }
}
