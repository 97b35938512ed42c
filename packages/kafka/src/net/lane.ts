import type { Api } from '../wire/api.ts'
import { BrokerConnection } from './broker-connection.ts'
import type { ConnectionOptions } from './link.ts'
import { lostError } from './connect-errors.ts'

/**
 * What a connection is for. A broker takes the requests of one connection one after the other, so one that waits (a fetch
 * for data, a group for its members) would hold up all behind it.
 */
export type LaneName = 'fetch' | `fetch-${number}` | 'produce' | 'control' | 'group' | 'heartbeat'

interface Queued {
  readonly start: (connection: BrokerConnection) => void
  readonly fail: (error: Error) => void
}

/** One connection at a time to one broker, made when it is needed. Requests leave in order of call. */
export class Lane {
  readonly #host: string
  readonly #port: number
  readonly #options: ConnectionOptions
  #connection: BrokerConnection | null = null
  #queue: Queued[] = []
  #opening = false
  #closed = false

  constructor(host: string, port: number, options: ConnectionOptions) {
    this.#host = host
    this.#port = port
    this.#options = options
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen === true
  }

  /** As BrokerConnection.request, and what opening the connection may reject with; then `sent` is false. */
  request<Q, R>(api: Api<Q, R>, q: Q, timeoutMs?: number): Promise<R> {
    if (this.#closed)
      return Promise.reject(lostError(`${this.#host}:${this.#port}`, false, new Error('the client is closed')))
    const connection = this.#connection
    if (connection !== null && connection.isOpen && !this.#opening) return connection.request(api, q, timeoutMs)
    return new Promise<R>((resolve, reject) => {
      this.#queue.push({
        start: (opened) => void opened.request(api, q, timeoutMs).then(resolve, reject),
        fail: reject,
      })
      if (!this.#opening) void this.#openConnection()
    })
  }

  close(): void {
    this.#closed = true
    this.#connection?.close()
    this.#connection = null
  }

  async #openConnection(): Promise<void> {
    this.#opening = true
    try {
      const opened = await BrokerConnection.open(this.#host, this.#port, this.#options)
      if (this.#closed) opened.close()
      this.#connection = opened
      for (const { start } of this.#take()) start(opened)
    } catch (error) {
      for (const { fail } of this.#take()) fail(error as Error)
    }
  }

  #take(): Queued[] {
    const queue = this.#queue
    this.#queue = []
    this.#opening = false
    return queue
  }
}
