import type { Serde } from '../../serde/serde.ts'
import type { StoreDef } from '../../api/store-def.ts'
import type { StreamDef } from '../../api/stream.ts'
import type { TaskDef } from '../../api/task.ts'
import type { Headers } from '../../api/message.ts'
import type { SendOptions } from '../../api/context.ts'
import { type Duration, durationMs } from '../../api/duration.ts'
import { TidemarkError } from '../../errors/error.ts'
import { type Place, placeBy } from '../../hash/partitioners.ts'
import { ByteWriter } from '../../serde/byte-writer.ts'
import { KeyEncoder } from '../../store/key-encoder.ts'
import { makeStore } from '../../store/make-store.ts'
import { GuardedStore } from '../guarded-store.ts'
import { PartitionCheckedStore, type PartitionRule } from '../partition-check.ts'
import type { OutputStream } from '../output-buffer.ts'
import { Gate, type TaskScope } from '../scope.ts'
import { GuardedTable } from '../tables.ts'
import type { TimerQueue } from '../timers.ts'

const EMPTY = new Uint8Array(0)

/** Sends to one output stream: encodes at once, into the task's active output buffer. */
class Sender {
  readonly #output: OutputStream
  readonly #stream: StreamDef<unknown, unknown>
  readonly #place: Place
  readonly #keyWriter = new ByteWriter(128)
  readonly #valueWriter = new ByteWriter(512)
  #turn = 0

  constructor(output: OutputStream, stream: StreamDef<unknown, unknown>) {
    this.#output = output
    this.#stream = stream
    this.#place = placeBy(stream.partitioner, stream.name)
  }

  send(
    key: unknown,
    value: unknown,
    timestamp: number,
    partition: number | undefined,
    headers: Headers | undefined,
  ): void {
    const keyEnd = encode(this.#stream, 'key', key, this.#keyWriter)
    const valueEnd = encode(this.#stream, 'value', value, this.#valueWriter)
    const { partitions } = this.#output.info
    let target: number
    if (partition !== undefined) {
      if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
        throw new TidemarkError(
          'ERR_OPTION',
          `send to stream ${this.#stream.name}: partition ${partition} is not one of its ${partitions}`,
        )
      }
      target = partition
    } else if (keyEnd >= 0) target = this.#place(this.#keyWriter.bytes, 0, keyEnd, partitions)
    else target = this.#turn++ % partitions
    this.#output.append(
      target,
      timestamp,
      keyEnd < 0 ? EMPTY : this.#keyWriter.bytes,
      0,
      keyEnd,
      valueEnd < 0 ? EMPTY : this.#valueWriter.bytes,
      0,
      valueEnd,
      headers === undefined || headers.length === 0 ? null : headers,
    )
  }
}

function encode(stream: StreamDef<unknown, unknown>, part: 'key' | 'value', data: unknown, writer: ByteWriter): number {
  if (data === null || data === undefined) return -1
  writer.reset()
  const serde: Serde<unknown> = stream[part]
  serde.write(data, writer)
  return writer.position
}

type SendFunction = (key: unknown, value: unknown, options?: SendOptions) => void

/** What a low-level task's handlers get: stores, outputs, timers and the rest, usable only while a handler runs. */
export class TaskContext {
  readonly stores: Readonly<Record<string, unknown>>
  readonly send: Readonly<Record<string, SendFunction>>
  readonly timers: Readonly<Record<string, { set(key: unknown, timeMs: number): void; delete(key: unknown): void }>>
  readonly tables: Readonly<Record<string, GuardedTable>>
  readonly metrics: { counter(name: string, add?: number): void; gauge(name: string, value: number): void }
  readonly log: Readonly<Record<'debug' | 'info' | 'warn' | 'error', (text: string, fields?: object) => void>>
  readonly signal: AbortSignal
  readonly task: number
  readonly now: () => number
  readonly random: () => number
  readonly commit: () => void
  readonly sleep: (duration: Duration) => Promise<void>
  readonly gate: Gate
  readonly #scope: TaskScope
  /** Time of the message or timer at hand: what `send` uses when it is given none. */
  timestamp = 0
  readonly #encoders = new Map<string, KeyEncoder<unknown>>()

  constructor(
    scope: TaskScope,
    def: TaskDef,
    outputs: (stream: StreamDef<unknown, unknown>) => OutputStream,
    timers: ReadonlyMap<string, TimerQueue>,
    rule: PartitionRule | null = null,
  ) {
    this.#scope = scope
    this.gate = new Gate()
    this.task = scope.task
    this.signal = scope.signal
    this.now = () => scope.clock.now()
    this.random = scope.random
    this.commit = () => scope.requestCommit()
    this.sleep = (duration) => sleep(scope, duration)
    this.stores = this.#makeStores(def.stores, rule)
    this.send = this.#makeSend(def.outputs, outputs)
    this.timers = this.#makeTimers(timers)
    const tables = Object.entries(def.tables).map(([name, table]) => {
      return [name, new GuardedTable(scope.table(table), this.gate)] as const
    })
    this.tables = Object.freeze(Object.fromEntries(tables))
    const { counters } = scope
    this.metrics = {
      counter: (name, add = 1) => void counters.user.set(name, (counters.user.get(name) ?? 0) + add),
      gauge: (name, value) => void counters.user.set(name, value),
    }
    const line = (level: 'debug' | 'info' | 'warn' | 'error') => (text: string, fields?: object) =>
      scope.log(level, fields === undefined ? text : `${text} ${JSON.stringify(fields)}`)
    this.log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  }

  /** The message's own key bytes serve for the stores whose keys have the same serde. */
  hintKey(serde: Serde<unknown>, key: unknown, bytes: Uint8Array, start: number, end: number): void {
    const encoder = this.#encoders.get(serde.name)
    if (encoder !== undefined) encoder.hint(key, bytes, start, end)
  }

  #makeStores(defs: Readonly<Record<string, StoreDef>>, rule: PartitionRule | null): Record<string, unknown> {
    const stores: Record<string, unknown> = {}
    for (const [name, def] of Object.entries(defs)) {
      const own = this.#scope.store(def.name)
      const checked = rule !== null && def.partitionBy !== 'opaque'
      const raw = checked ? new PartitionCheckedStore(own, this.gate, rule) : new GuardedStore(own, this.gate)
      const encoder = this.#encoder(def.key)
      stores[name] = makeStore(raw, encoder, own)
    }
    return Object.freeze(stores)
  }

  #encoder(serde: Serde<unknown>): KeyEncoder<unknown> {
    let encoder = this.#encoders.get(serde.name)
    if (encoder === undefined || encoder.serde !== serde) {
      encoder = new KeyEncoder(serde)
      this.#encoders.set(serde.name, encoder)
    }
    return encoder
  }

  #makeSend(
    defs: Readonly<Record<string, StreamDef<unknown, unknown>>>,
    outputs: (stream: StreamDef<unknown, unknown>) => OutputStream,
  ): Record<string, SendFunction> {
    const send: Record<string, SendFunction> = {}
    for (const [name, def] of Object.entries(defs)) {
      const sender = new Sender(outputs(def), def)
      send[name] = (key, value, options) => {
        this.gate.check()
        sender.send(key, value, options?.timestamp ?? this.timestamp, options?.partition, options?.headers)
      }
    }
    return Object.freeze(send)
  }

  #makeTimers(queues: ReadonlyMap<string, TimerQueue>): TaskContext['timers'] {
    const timers: Record<string, { set(key: unknown, timeMs: number): void; delete(key: unknown): void }> = {}
    for (const [name, queue] of queues) {
      timers[name] = {
        set: (key, timeMs) => {
          this.gate.check()
          queue.set(key, timeMs)
        },
        delete: (key) => {
          this.gate.check()
          queue.delete(key)
        },
      }
    }
    return Object.freeze(timers)
  }
}

function sleep(scope: TaskScope, duration: Duration): Promise<void> {
  return scope.clock.sleep(durationMs(duration, 'sleep'), scope.signal)
}
