import type { CallOptions, RemoteDriver, RemoteEntry } from '../../api/remote-table.ts'
import { TidemarkError } from '../../errors/error.ts'
import { ByteWriter } from '../../serde/byte-writer.ts'
import { showValue } from '../../serde/hex.ts'
import type { Serde } from '../../serde/serde.ts'
import { backoffMs } from '../backoff.ts'
import { loadRedis, type RedisClient, type RedisModule } from './load-redis.ts'

export interface RedisDriverOptions {
  readonly table: string
  readonly url: string
  readonly prefix: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly ttlMs: number | null
  readonly random: () => number
}

const CONNECT_TIMEOUT_MS = 5000
const RECONNECT = { baseMs: 20, maxMs: 2000, jitter: 0.5 } as const

/**
 * One connection to Redis. It is made with the first call, and again whenever it is lost. Commands that were under way
 * then fail, and the caller tries them again: reading and setting bear that.
 */
export class RedisDriver implements RemoteDriver {
  readonly #options: RedisDriverOptions
  readonly #client: RedisClient
  readonly #asBytes: { readonly typeMapping: object }
  readonly #prefix: Uint8Array
  readonly #writer = new ByteWriter(256)
  #opened = false
  /** Calls that wait for the connection: told when it is there, and when an attempt to make it failed. */
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = []

  constructor(options: RedisDriverOptions, redis: RedisModule = loadRedis()) {
    this.#options = options
    this.#prefix = new TextEncoder().encode(options.prefix)
    this.#asBytes = { typeMapping: { [redis.RESP_TYPES.BLOB_STRING]: Buffer } }
    this.#client = redis.createClient({
      url: options.url,
      // The caller knows how often and how long to try; nothing is kept here.
      disableOfflineQueue: true,
      socket: {
        connectTimeout: CONNECT_TIMEOUT_MS,
        reconnectStrategy: (retries) => backoffMs(RECONNECT, retries + 1, options.random),
      },
    })
    this.#client.on('ready', () => this.#tell((call) => call.resolve()))
    this.#client.on('error', (error) => this.#tell((call) => call.reject(error)))
  }

  async read(keys: readonly unknown[], { signal }: CallOptions): Promise<readonly unknown[]> {
    await this.#ready(signal)
    const command = ['MGET', ...keys.map((key) => this.#keyOf(key))]
    const found = (await this.#client.sendCommand(command, this.#asBytes)) as readonly (Uint8Array | null)[]
    return found.map((bytes, i) => (bytes === null ? undefined : this.#valueOf(bytes, keys[i])))
  }

  #valueOf(bytes: Uint8Array, key: unknown): unknown {
    const { value, table } = this.#options
    try {
      return value.read(bytes, 0, bytes.length)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      // Of this key alone: the others of the call are as they should be.
      return new TidemarkError(
        'ERR_SERDE',
        `table ${table}: the value of key ${showValue(key)} is not ${value.name}: ${why}`,
        { cause, details: { table } },
      )
    }
  }

  readonly write = async (
    entries: readonly RemoteEntry<unknown, unknown>[],
    { signal }: CallOptions,
  ): Promise<void> => {
    await this.#ready(signal)
    // Sent in one go; all have to be answered, since what is given up now must not come after the next attempt.
    const sent = entries.map(({ key, value }) => this.#client.sendCommand(this.#change(key, value)))
    for (const result of await Promise.allSettled(sent)) if (result.status === 'rejected') throw result.reason
  }

  #change(key: unknown, value: unknown): (string | Buffer)[] {
    const bytes = this.#keyOf(key)
    if (value === undefined) return ['DEL', bytes]
    const { value: serde, ttlMs } = this.#options
    const set = ['SET', bytes, this.#encode(serde, value)]
    return ttlMs === null ? set : [...set, 'PX', String(ttlMs)]
  }

  #keyOf(key: unknown): Buffer {
    return this.#encode(this.#options.key, key, this.#prefix)
  }

  #encode(serde: Serde<unknown>, data: unknown, before?: Uint8Array): Buffer {
    const writer = this.#writer
    writer.reset()
    serde.write(data, writer)
    const bytes = writer.bytes.subarray(0, writer.position)
    return before === undefined ? Buffer.from(bytes) : Buffer.concat([before, bytes])
  }

  /** Settles when there is a connection; rejects when it could not be made this time. */
  async #ready(signal: AbortSignal): Promise<void> {
    const client = this.#client
    if (client.isReady) return
    const ready = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    if (!this.#opened) {
      this.#opened = true
      // It goes on trying for ever; what goes wrong comes by the event.
      client.connect().catch((error: unknown) => this.#tell((call) => call.reject(error as Error)))
    }
    return ready
  }

  #tell(how: (call: { resolve: () => void; reject: (error: Error) => void }) => void): void {
    for (const call of this.#waiting.splice(0)) how(call)
  }

  async close(): Promise<void> {
    if (this.#opened) this.#client.destroy()
  }
}
