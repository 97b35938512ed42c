import { TidemarkError } from 'tidemark/system'
import type { Api } from '../wire/api.ts'
import { apiVersions } from '../wire/api-versions.ts'
import { WireReader } from '../wire/wire-reader.ts'
import { WireWriter } from '../wire/wire-writer.ts'
import { lostError } from './connect-errors.ts'
import { Frames } from './frames.ts'
import { kafkaError } from './kafka-errors.ts'
import { type ConnectionOptions, type Link, openLink } from './link.ts'

interface Waiting {
  readonly api: Api<unknown, unknown>
  readonly version: number
  readonly untilMs: number
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** Correlation ids from here on are ours; those below are of the link, which may authenticate again by itself. */
const FIRST_ID = 0x40000000
const LAST_ID = 0x7fffffff

/**
 * One connection to one broker. Once the link is open its socket is read and written here: requests go out as lists of
 * pieces (no copy of large ones), answers are cut by Frames. Requests leave in order of call, several may be under way,
 * and the broker answers them in that order.
 */
export class BrokerConnection {
  readonly broker: string
  readonly #options: ConnectionOptions
  readonly #link: Link
  readonly #waiting = new Map<number, Waiting>()
  readonly #versions = new Map<number, { readonly min: number; readonly max: number }>()
  /** Pieces that wait until a re-authentication is over: brokers take no other request in between. */
  #held: (readonly Uint8Array[])[] = []
  #nextId = FIRST_ID
  /** When the time limits are looked at next; infinity while nothing is waited for. */
  #alarmMs = Number.POSITIVE_INFINITY
  #alarm: AbortController | null = null
  #open = true
  #onClosed: (() => void) | null = null

  private constructor(broker: string, options: ConnectionOptions, link: Link) {
    this.broker = broker
    this.#options = options
    this.#link = link
    this.#takeSocket()
  }

  /** Connects, authenticates and asks for versions. Rejects with ERR_KAFKA_CONNECTION, ERR_KAFKA_AUTHENTICATION, ERR_KAFKA_VERSION. */
  static async open(host: string, port: number, options: ConnectionOptions): Promise<BrokerConnection> {
    const broker = `${host}:${port}`
    const opened = new BrokerConnection(broker, options, await openLink(host, port, options))
    try {
      await opened.#negotiate()
    } catch (error) {
      opened.close()
      throw error
    }
    return opened
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Called once, when the connection is gone for whatever reason. */
  onClosed(listener: () => void): void {
    this.#onClosed = listener
  }

  /**
   * Sends a request and settles with its answer. Rejects with ERR_KAFKA_CONNECTION, ERR_KAFKA_TIMEOUT (the connection is
   * given up then, since answers come in order), ERR_KAFKA_VERSION, ERR_KAFKA_PROTOCOL.
   */
  request<Q, R>(api: Api<Q, R>, q: Q, timeoutMs: number = this.#options.requestTimeoutMs): Promise<R> {
    if (!this.#open) return Promise.reject(lostError(this.broker, false, null))
    let version: number
    let pieces: readonly Uint8Array[]
    const id = this.#nextId
    try {
      version = this.versionOf(api)
      pieces = this.#encode(api, version, id, q)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
    this.#nextId = id === LAST_ID ? FIRST_ID : id + 1
    return new Promise<R>((resolve, reject) => {
      const untilMs = this.#options.clock.monotonicMs() + timeoutMs
      const waiting = { api, version, untilMs, resolve, reject } as unknown as Waiting
      this.#waiting.set(id, waiting)
      if (this.#link.isReady()) this.#send(pieces)
      else this.#held.push(pieces)
      if (this.#alarm === null) void this.#watch()
      else if (untilMs < this.#alarmMs) this.#alarm.abort()
    })
  }

  /** The version to speak. Throws ERR_KAFKA_VERSION if broker and client have none in common. */
  versionOf(api: Api<never, unknown>): number {
    const range = this.#versions.get(api.key)
    if (range === undefined && api.key === apiVersions.key) return api.version
    const version = Math.min(api.version, range?.max ?? -1)
    if (range !== undefined && version >= api.minVersion && version >= range.min) return version
    const has = range === undefined ? 'does not know it' : `has versions ${range.min} to ${range.max}`
    throw new TidemarkError(
      'ERR_KAFKA_VERSION',
      `${api.name} is needed in version ${api.minVersion} to ${api.version}, but broker ${this.broker} ${has}. ` +
        'Use brokers of Kafka 4.0 or newer.',
      { details: { broker: this.broker, api: api.name, needs: api.minVersion, has: range?.max ?? -1 } },
    )
  }

  close(): void {
    this.#end(null)
  }

  async #negotiate(): Promise<void> {
    const answer = await this.request(apiVersions, { softwareName: 'tidemark', softwareVersion: '0.1.0' })
    if (answer.error !== 0) {
      throw new TidemarkError(
        'ERR_KAFKA_VERSION',
        `broker ${this.broker} does not speak ApiVersions ${apiVersions.version} (${kafkaError(answer.error).name}): it is ` +
          'too old. Use brokers of Kafka 4.0 or newer.',
        { details: { broker: this.broker, api: apiVersions.name, needs: apiVersions.minVersion, has: -1 } },
      )
    }
    for (const { key, min, max } of answer.apis) this.#versions.set(key, { min, max })
  }

  #encode<Q, R>(api: Api<Q, R>, version: number, id: number, q: Q): readonly Uint8Array[] {
    const writer = new WireWriter()
    writer.reserveSize().int16(api.key).int16(version).int32(id).plainString(this.#options.clientId).tags()
    api.write(writer, q, version)
    return writer.finish()
  }

  #send(pieces: readonly Uint8Array[]): void {
    const { socket } = this.#link
    if (pieces.length > 1) socket.cork()
    for (const piece of pieces) socket.write(piece)
    if (pieces.length > 1) socket.uncork()
  }

  /** What answers the link's own requests is handed to it as it came. */
  #takeSocket(): void {
    const { socket } = this.#link
    const frames = new Frames((frame) => {
      const id = frame.readInt32BE(0)
      if (id >= FIRST_ID) return this.#onAnswer(id, frame)
      const whole = Buffer.allocUnsafe(4 + frame.length)
      whole.writeInt32BE(frame.length, 0)
      frame.copy(whole, 4)
      this.#link.onAnswer(whole)
    }, this.#options.memory)
    this.#link.read((chunk) => {
      try {
        frames.push(chunk)
      } catch (error) {
        this.#end(error)
      }
    })
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(null))
    this.#link.whenReady(() => {
      const held = this.#held
      this.#held = []
      for (const pieces of held) this.#send(pieces)
    })
  }

  #onAnswer(id: number, frame: Buffer): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) throw new Error(`an answer to request ${id}, which nobody made`)
    this.#waiting.delete(id)
    let answer: unknown
    try {
      const reader = new WireReader(frame, 4)
      if (waiting.api.plainAnswerHeader !== true) reader.tags()
      answer = waiting.api.read(reader, waiting.version)
    } catch (error) {
      waiting.reject(error as Error)
      return
    }
    waiting.resolve(answer)
  }

  /** Waits for the earliest time limit, as long as anything is waited for. */
  async #watch(): Promise<void> {
    const { clock } = this.#options
    while (this.#open && this.#waiting.size > 0) {
      let firstMs = Number.POSITIVE_INFINITY
      for (const { untilMs } of this.#waiting.values()) firstMs = Math.min(firstMs, untilMs)
      const leftMs = firstMs - clock.monotonicMs()
      if (leftMs <= 0) {
        this.#timeOut()
        continue
      }
      this.#alarmMs = firstMs
      this.#alarm = new AbortController()
      await clock.sleep(leftMs, this.#alarm.signal).catch(() => {})
    }
    this.#alarm = null
    this.#alarmMs = Number.POSITIVE_INFINITY
  }

  #timeOut(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [id, waiting] of this.#waiting) {
      if (waiting.untilMs > nowMs) continue
      this.#waiting.delete(id)
      const details = { broker: this.broker, api: waiting.api.name, sent: true }
      const text = `broker ${this.broker} did not answer ${waiting.api.name} in time; it may still carry it out.`
      waiting.reject(new TidemarkError('ERR_KAFKA_TIMEOUT', text, { details }))
    }
    this.#end(new Error('a request before was not answered in time'))
  }

  #end(cause: unknown): void {
    if (!this.#open) return
    this.#open = false
    this.#alarm?.abort()
    this.#link.close()
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const each of waiting) each.reject(lostError(this.broker, true, cause))
    this.#onClosed?.()
  }
}
