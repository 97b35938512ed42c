import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { Clock } from '../../clock/clock.ts'
import { isTidemarkError, toWireError } from '../../errors/error.ts'
import type { Transaction } from '../types.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import type { HostMessage, HostReply, NumberedResult, PortMessage, PortReply, RemoteMethod } from './thread-messages.ts'

const CATCH_UP_INTERVAL_MS = 200
const FLUSH_WANTED_INTERVAL_MS = 1000
const GROUP_MAX_BYTES = 64 * 1024 * 1024

interface ServedPort {
  readonly port: MessagePort
  /** 1 while an `advanced` message is on its way. */
  readonly pending: Int32Array
}

interface Waiting {
  readonly from: ServedPort
  readonly number: number
  readonly transaction: Transaction
}

/** Runs an EmbeddedLog for other threads: groups the commits of one turn of the event loop, answers, notifies. */
export class LogServer {
  readonly #log: EmbeddedLog
  readonly #host: MessagePort
  readonly #clock: Clock
  readonly #ports = new Set<ServedPort>()
  readonly #retention: NodeJS.Timeout
  #waiting: Waiting[] = []
  #turn: NodeJS.Immediate | null = null
  #catchUp: NodeJS.Timeout | null = null
  #wantedText = ''
  #wantedAtMs = Number.NEGATIVE_INFINITY
  #ended = false

  constructor(log: EmbeddedLog, host: MessagePort, clock: Clock, retentionIntervalMs: number) {
    this.#log = log
    this.#host = host
    this.#clock = clock
    host.on('message', (message: HostMessage) => this.#guarded(() => this.#onHost(message)))
    this.#retention = setInterval(() => this.#guarded(() => this.#applyRetention()), retentionIntervalMs)
    this.#reply({ kind: 'ready' })
  }

  #onHost(message: HostMessage): void {
    // What was sent on any port before a request was made counts before it.
    for (const served of this.#ports) this.#drain(served)
    this.#commitWaiting()
    if (message.kind === 'port') this.#serve(message.port, message.pending)
    else if (message.kind === 'close') this.#close(message.number)
    else this.#answer(message.number, message.method, message.args)
  }

  #answer(number: number, method: RemoteMethod, args: unknown[]): void {
    try {
      const value = (this.#log[method] as (...args: unknown[]) => unknown).apply(this.#log, args)
      this.#host.postMessage({ kind: 'answer', number, value } satisfies HostReply, buffersOf(value))
    } catch (error) {
      this.#reply({ kind: 'refused', number, error: toWireError(error) })
      if (this.#log.stopped) throw error
    }
  }

  #serve(port: MessagePort, pending: SharedArrayBuffer): void {
    const served = { port, pending: new Int32Array(pending) }
    this.#ports.add(served)
    port.on('message', (message: PortMessage) => this.#guarded(() => this.#onPort(served, message)))
    port.on('close', () => this.#ports.delete(served))
  }

  /** Takes the messages that have arrived and wait for their turn of the event loop. */
  #drain(served: ServedPort): void {
    for (let next = receiveMessageOnPort(served.port); next !== undefined; next = receiveMessageOnPort(served.port)) {
      this.#onPort(served, next.message as PortMessage)
    }
  }

  #onPort(from: ServedPort, message: PortMessage): void {
    if (message.kind === 'flushed') {
      this.#commitWaiting()
      this.#log.flushed(message.producer, message.id)
      return
    }
    this.#waiting.push({ from, number: message.number, transaction: message.transaction })
    // After all messages that have arrived by now: they make one group, with one sync.
    this.#turn ??= setImmediate(() => this.#guarded(() => this.#commitWaiting()))
  }

  #commitWaiting(): void {
    if (this.#turn !== null) clearImmediate(this.#turn)
    this.#turn = null
    while (this.#waiting.length > 0 && !this.#ended) this.#commitGroup(this.#takeGroup())
  }

  #takeGroup(): Waiting[] {
    let bytes = 0
    let count = 0
    while (count < this.#waiting.length && bytes < GROUP_MAX_BYTES) {
      const { appends, delta } = (this.#waiting[count++] as Waiting).transaction
      bytes += delta?.length ?? 0
      for (const append of appends) bytes += append.bytes.length
    }
    return this.#waiting.splice(0, count)
  }

  #commitGroup(group: readonly Waiting[]): void {
    const results = this.#log.commit(group.map((waiting) => waiting.transaction))
    const byPort = new Map<ServedPort, NumberedResult[]>()
    let advanced = false
    for (const [i, { from, number, transaction }] of group.entries()) {
      const result = results[i] as (typeof results)[number]
      advanced ||= result.outcome === 'committed' && transaction.appends.length > 0
      const list = byPort.get(from)
      if (list === undefined) byPort.set(from, [{ number, result }])
      else list.push({ number, result })
    }
    for (const [{ port }, list] of byPort) port.postMessage({ kind: 'results', results: list } satisfies PortReply)
    if (advanced) this.#notifyAdvanced()
    this.#notifyFlushWanted()
    if (!this.#log.caughtUp) this.#scheduleCatchUp()
  }

  #notifyAdvanced(): void {
    for (const { port, pending } of this.#ports) {
      if (Atomics.exchange(pending, 0, 1) === 0) port.postMessage({ kind: 'advanced' } satisfies PortReply)
    }
  }

  #notifyFlushWanted(): void {
    const producers = this.#log.flushWanted()
    if (producers.length === 0) return
    const text = producers.join('\n')
    const now = this.#clock.monotonicMs()
    if (text === this.#wantedText && now - this.#wantedAtMs < FLUSH_WANTED_INTERVAL_MS) return
    this.#wantedText = text
    this.#wantedAtMs = now
    for (const { port } of this.#ports) port.postMessage({ kind: 'flushWanted', producers } satisfies PortReply)
  }

  /** The disk was full: what is committed becomes visible as soon as there is room, even if nobody commits. */
  #scheduleCatchUp(): void {
    this.#catchUp ??= setTimeout(() => {
      this.#catchUp = null
      this.#guarded(() => {
        if (this.#log.catchUp()) this.#notifyAdvanced()
        else this.#scheduleCatchUp()
      })
    }, CATCH_UP_INTERVAL_MS)
  }

  #applyRetention(): void {
    try {
      this.#log.applyRetention()
    } catch (error) {
      // Nothing was dropped; the next turn tries again.
      if (!isTidemarkError(error, 'ERR_DISK_FULL')) throw error
    }
  }

  #close(number: number): void {
    this.#log.close()
    this.#reply({ kind: 'answer', number, value: null })
    this.#end()
  }

  /** Whatever comes out here ends the log: the supervisor is told, and the thread with it ends the run. */
  #guarded(work: () => void): void {
    if (this.#ended) return
    try {
      work()
    } catch (error) {
      this.#reply({ kind: 'fatal', error: toWireError(error) })
      this.#end()
      this.#log.close()
    }
  }

  #reply(message: HostReply): void {
    this.#host.postMessage(message)
  }

  #end(): void {
    this.#ended = true
    clearInterval(this.#retention)
    if (this.#catchUp !== null) clearTimeout(this.#catchUp)
    if (this.#turn !== null) clearImmediate(this.#turn)
    for (const { port } of this.#ports) port.close()
    this.#host.close()
  }
}

/** Deltas have buffers of their own, which can move instead of being copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  if (!Array.isArray(value)) return []
  const buffers: ArrayBuffer[] = []
  for (const item of value as { readonly bytes?: unknown }[]) {
    if (item.bytes instanceof Uint8Array && item.bytes.buffer instanceof ArrayBuffer) buffers.push(item.bytes.buffer)
  }
  return buffers
}
