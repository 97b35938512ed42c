import type { Headers } from '../api/message.ts'
import type { StreamDef } from '../api/stream.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import { BatchEncoder } from '../log/batch-encoder.ts'
import { HEADER_BYTES } from '../log/batch-header.ts'
import { LimitChecks } from '../log/limit-checks.ts'
import type { Append, StreamInfo } from '../log/types.ts'
import { ByteWriter } from '../serde/byte-writer.ts'

/** One message to be put into a stream from outside a job. */
export interface OutsideMessage {
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
  readonly headers?: Headers
}

/** Encodes messages for one stream, each as a batch of its own; null keys go round the partitions. */
export class MessageEncoder {
  readonly #stream: StreamDef<unknown, unknown>
  readonly #info: StreamInfo
  readonly #place: Place
  readonly #encoder = new BatchEncoder()
  readonly #key = new ByteWriter(128)
  readonly #value = new ByteWriter(512)
  readonly #limits: LimitChecks
  #turn = 0

  constructor(stream: StreamDef<unknown, unknown>, info: StreamInfo) {
    this.#stream = stream
    this.#info = info
    this.#place = placeBy(stream.partitioner, stream.name)
    this.#limits = new LimitChecks(info)
  }

  /** ERR_MESSAGE_TOO_LARGE, ERR_MESSAGE_TIMESTAMP: the stream does not take it. `nowMs`: the clock. */
  encode(message: OutsideMessage, nowMs: number): Append {
    const { key, value, timestamp, headers } = message
    this.#limits.sampleTime(nowMs)
    this.#limits.checkTime(timestamp)
    this.#key.reset()
    this.#value.reset()
    const hasKey = key !== null && key !== undefined
    if (hasKey) this.#stream.key.write(key, this.#key)
    const hasValue = value !== null && value !== undefined
    if (hasValue) this.#stream.value.write(value, this.#value)
    const { partitions } = this.#info
    const partition = hasKey
      ? this.#place(this.#key.bytes, 0, this.#key.position, partitions)
      : this.#turn++ % partitions
    this.#encoder.reset()
    this.#encoder.append(
      timestamp,
      hasKey ? this.#key.bytes : null,
      0,
      this.#key.position,
      hasValue ? this.#value.bytes : null,
      0,
      this.#value.position,
      headers === undefined || headers.length === 0 ? null : headers,
    )
    this.#limits.checkAlone(this.#encoder.sizeBytes - HEADER_BYTES)
    return { stream: this.#info.id, partition, bytes: this.#encoder.finish() }
  }
}
