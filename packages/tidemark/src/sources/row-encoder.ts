import type { StreamDef } from '../api/stream.ts'
import type { Clock } from '../clock/clock.ts'
import { isTidemarkError } from '../errors/error.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import { BatchEncoder, type RecordHeaders } from '../log/batch-encoder.ts'
import { LimitChecks, recordBytesAtMost } from '../log/limit-checks.ts'
import type { Append, StreamInfo } from '../log/types.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { placeOf } from './placement.ts'
import type { MalformedRow, RowBatch } from './row-batch.ts'

const JSON_SERDE: Serde<unknown> = json()
const MAX_TIME_MS = 8.64e15
const utf8 = new TextEncoder()

/** A batch that has come to this share of the most is closed: what does not fit beside others has to be encoded twice. */
const ROOM = 0.5

/** One partition's open batch, and those before it that have no room for more. */
class Target {
  readonly info: StreamInfo
  readonly partition: number
  readonly encoder = new BatchEncoder()
  #closed: Uint8Array[] = []

  constructor(info: StreamInfo, partition: number) {
    this.info = info
    this.partition = partition
  }

  /** Before a record: closes a batch of more than this. */
  close(overBytes: number): void {
    if (this.encoder.count === 0 || this.encoder.sizeBytes <= overBytes) return
    this.#closed.push(this.encoder.finish())
    this.encoder.reset()
  }

  get sizeBytes(): number {
    let sizeBytes = this.encoder.sizeBytes
    for (const batch of this.#closed) sizeBytes += batch.length
    return sizeBytes
  }

  take(): readonly Uint8Array[] {
    this.close(0)
    const batches = this.#closed
    this.#closed = []
    return batches
  }
}

export interface RowEncoderOptions {
  readonly stream: StreamDef<unknown, unknown>
  readonly info: StreamInfo
  /** The stream for rows that cannot be read; null for none. */
  readonly deadLetters: StreamInfo | null
  readonly clock: Clock
}

/**
 * Encodes rows into record batches by the stream's serdes, with the event time of `stream.time`. A row is what the
 * value's serde decodes from: for `json(schema)` the schema's input, which is validated here by reading it back.
 */
export class RowEncoder {
  readonly #stream: StreamDef<unknown, unknown>
  readonly #info: StreamInfo
  readonly #place: Place
  readonly #clock: Clock
  #nowMs: number
  readonly #targets: readonly Target[]
  readonly #deadTargets: readonly Target[]
  readonly #limits: LimitChecks
  readonly #deadLimits: LimitChecks | null
  /** The schema of the value's serde must see the row as JSON first. */
  readonly #hasSchema: boolean
  readonly #value = new ByteWriter()
  readonly #key = new ByteWriter(256)

  constructor(options: RowEncoderOptions) {
    this.#stream = options.stream
    this.#info = options.info
    this.#place = placeBy(options.stream.partitioner, options.stream.name)
    this.#clock = options.clock
    this.#nowMs = options.clock.now()
    this.#targets = targetsOf(options.info)
    this.#deadTargets = options.deadLetters === null ? [] : targetsOf(options.deadLetters)
    this.#limits = new LimitChecks(options.info)
    this.#deadLimits = options.deadLetters === null ? null : new LimitChecks(options.deadLetters)
    this.sampleTime()
    this.#hasSchema = options.stream.value.name === 'json' && options.stream.value !== JSON_SERDE
  }

  /** Bytes of the records that are encoded and not sealed yet. */
  get sizeBytes(): number {
    let sizeBytes = 0
    for (const target of this.#targets) sizeBytes += target.sizeBytes
    for (const target of this.#deadTargets) sizeBytes += target.sizeBytes
    return sizeBytes
  }

  /** Looks at the clock, for rows without a time of their own. Once for each piece of input. */
  sampleTime(): void {
    this.#nowMs = this.#clock.now()
    this.#limits.sampleTime(this.#nowMs)
    this.#deadLimits?.sampleTime(this.#nowMs)
  }

  /** Adds row i of a batch, which has the number `row` in its source; returns what is wrong with it, or null. */
  add(batch: RowBatch, i: number, row: number): MalformedRow | null {
    const bad = batch.bad?.get(i)
    if (bad !== undefined) return bad
    try {
      this.#add(batch.values[i], batch.keys?.[i] ?? null, batch.timestamps?.[i] ?? null, row)
      return null
    } catch (error) {
      if (isTidemarkError(error, 'ERR_INVARIANT')) throw error
      return batch.refuse(i, error instanceof Error ? error.message : String(error))
    }
  }

  #add(value: unknown, key: unknown, timestamp: number | null, row: number): void {
    const stream = this.#stream
    const keyOut = this.#key
    keyOut.reset()
    if (key !== null) stream.key.write(key, keyOut)
    const keyBytes = key === null ? null : keyOut.bytes
    const partitions = this.#info.partitions
    const partition =
      keyBytes === null ? placeOf(row, partitions) : this.#place(keyBytes, 0, keyOut.position, partitions)
    const target = this.#targets[partition] as Target
    const limits = this.#limits
    target.close(limits.maxBatchBytes * ROOM)
    const { encoder } = target
    if (this.#hasSchema) {
      const out = this.#value
      out.reset()
      JSON_SERDE.write(value, out)
      const time = this.#time(stream.value.read(out.bytes, 0, out.position), timestamp)
      const begun = encoder.begin(time, keyBytes, 0, keyOut.position)
      begun.raw(out.bytes, 0, out.position)
    } else {
      const time = this.#time(value, timestamp)
      stream.value.write(value, encoder.begin(time, keyBytes, 0, keyOut.position))
    }
    if (encoder.begunBytes + encoder.sizeBytes > limits.maxBatchBytes) {
      limits.checkAlone(encoder.begunBytes)
      // It fits alone. What was begun is dropped by closing what was before it.
      target.close(0)
      this.#add(value, key, timestamp, row)
      return
    }
    encoder.end(null)
  }

  /** ERR_MESSAGE_TIMESTAMP: the stream does not take it. */
  #time(value: unknown, timestamp: number | null): number {
    const ms = this.#eventTime(value, timestamp)
    this.#limits.checkTime(ms)
    return ms
  }

  #eventTime(value: unknown, timestamp: number | null): number {
    const { time } = this.#stream
    if (time === null) return timestamp === null ? this.#nowMs : Math.trunc(timestamp)
    const ms: unknown = time(value)
    if (typeof ms === 'number' && ms >= 0 && ms <= MAX_TIME_MS) return Math.trunc(ms)
    throw new TypeError(`the event time of stream ${this.#stream.name} must be ms since 1970, but is ${shown(ms)}`)
  }

  /**
   * Puts a row that cannot be read into the dead-letter stream: its text, with the cause in headers. ERR_MESSAGE_TOO_LARGE:
   * that stream does not take it.
   */
  addDeadLetter(bad: MalformedRow, source: string, row: number): void {
    const target = this.#deadTargets[placeOf(row, this.#deadTargets.length)] as Target
    const limits = this.#deadLimits as LimitChecks
    const text = utf8.encode(bad.text)
    const headers: RecordHeaders = [
      ['tm-error', utf8.encode(bad.error)],
      ['tm-stream', utf8.encode(this.#stream.name)],
      ['tm-file', utf8.encode(source)],
      ['tm-line', utf8.encode(String(bad.line))],
      ['tm-column', utf8.encode(String(bad.column))],
    ]
    const mostBytes = recordBytesAtMost(text.length, headers)
    limits.checkAlone(mostBytes)
    target.close(limits.maxBatchBytes - mostBytes)
    target.encoder.append(this.#nowMs, null, 0, 0, text, 0, text.length, headers)
  }

  /** Takes what was encoded as appends, and starts anew. */
  seal(): Append[] {
    const appends: Append[] = []
    for (const target of [...this.#targets, ...this.#deadTargets]) {
      const { info, partition } = target
      for (const bytes of target.take()) appends.push({ stream: info.id, partition, bytes })
    }
    return appends
  }
}

function targetsOf(info: StreamInfo): Target[] {
  return Array.from({ length: info.partitions }, (_, partition) => new Target(info, partition))
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `the text "${value.slice(0, 40)}"` : String(value)
}
