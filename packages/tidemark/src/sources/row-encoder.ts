import type { StreamDef } from '../api/stream.ts'
import type { Clock } from '../clock/clock.ts'
import { isTidemarkError } from '../errors/error.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import { BatchEncoder } from '../log/batch-encoder.ts'
import type { Append, StreamInfo } from '../log/types.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { json } from '../serde/json.ts'
import type { Serde } from '../serde/serde.ts'
import { placeOf } from './placement.ts'
import type { MalformedRow, RowBatch } from './row-batch.ts'

const JSON_SERDE: Serde<unknown> = json()
const MAX_TIME_MS = 8.64e15
const utf8 = new TextEncoder()

/** One partition's open batch. */
interface Target {
  readonly info: StreamInfo
  readonly partition: number
  readonly encoder: BatchEncoder
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
    this.#hasSchema = options.stream.value.name === 'json' && options.stream.value !== JSON_SERDE
  }

  /** Bytes of the records that are encoded and not sealed yet. */
  get sizeBytes(): number {
    let sizeBytes = 0
    for (const target of this.#targets) sizeBytes += target.encoder.sizeBytes
    for (const target of this.#deadTargets) sizeBytes += target.encoder.sizeBytes
    return sizeBytes
  }

  /** Looks at the clock, for rows without a time of their own. Once for each piece of input. */
  sampleTime(): void {
    this.#nowMs = this.#clock.now()
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
    const { encoder } = this.#targets[partition] as Target
    if (this.#hasSchema) {
      const out = this.#value
      out.reset()
      JSON_SERDE.write(value, out)
      const time = this.#time(stream.value.read(out.bytes, 0, out.position), timestamp)
      encoder.append(time, keyBytes, 0, keyOut.position, out.bytes, 0, out.position, null)
      return
    }
    const out = encoder.begin(this.#time(value, timestamp), keyBytes, 0, keyOut.position)
    stream.value.write(value, out)
    encoder.end(null)
  }

  #time(value: unknown, timestamp: number | null): number {
    const { time } = this.#stream
    if (time === null) return timestamp === null ? this.#nowMs : Math.trunc(timestamp)
    const ms: unknown = time(value)
    if (typeof ms === 'number' && ms >= 0 && ms <= MAX_TIME_MS) return Math.trunc(ms)
    throw new TypeError(`the event time of stream ${this.#stream.name} must be ms since 1970, but is ${shown(ms)}`)
  }

  /** Puts a row that cannot be read into the dead-letter stream: its text, with the cause in headers. */
  addDeadLetter(bad: MalformedRow, source: string, row: number): void {
    const { encoder } = this.#deadTargets[placeOf(row, this.#deadTargets.length)] as Target
    const text = utf8.encode(bad.text)
    encoder.append(this.#nowMs, null, 0, 0, text, 0, text.length, [
      ['tm-error', utf8.encode(bad.error)],
      ['tm-stream', utf8.encode(this.#stream.name)],
      ['tm-file', utf8.encode(source)],
      ['tm-line', utf8.encode(String(bad.line))],
      ['tm-column', utf8.encode(String(bad.column))],
    ])
  }

  /** Takes what was encoded as appends, and starts anew. */
  seal(): Append[] {
    const appends: Append[] = []
    for (const target of [...this.#targets, ...this.#deadTargets]) {
      const { encoder, info, partition } = target
      if (encoder.count === 0) continue
      appends.push({ stream: info.id, partition, bytes: encoder.finish() })
      encoder.reset()
    }
    return appends
  }
}

function targetsOf(info: StreamInfo): Target[] {
  return Array.from({ length: info.partitions }, (_, partition) => ({ info, partition, encoder: new BatchEncoder() }))
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `the text "${value.slice(0, 40)}"` : String(value)
}
