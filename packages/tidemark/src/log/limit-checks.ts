import { TidemarkError } from '../errors/error.ts'
import { HEADER_BYTES } from './batch-header.ts'
import type { RecordHeaders } from './batch-encoder.ts'
import type { StreamInfo } from './types.ts'

/** The most that a record takes beside its key, value and headers: lengths, attributes, its distance in time and offset. */
const RECORD_BYTES = 40
/** A batch is closed when it has grown to this. */
const BATCH_BYTES = 256 * 1024
/** Clocks of brokers are not ours, by so much. */
const SKEW_MS = 1000
/** A message is written by the commit after it, or by one that takes long: it must not have become too old by then. */
const COMMIT_MS = 60_000

/**
 * What a stream takes, as numbers to compare with: bytes of a batch, and the times between which timestamps must lie as of
 * the last look at the clock.
 */
export class LimitChecks {
  readonly #info: StreamInfo
  readonly maxBatchBytes: number
  /** When a batch is closed though more would fit. */
  readonly closeBytes: number
  earliestMs: number = Number.NEGATIVE_INFINITY
  latestMs: number = Number.POSITIVE_INFINITY
  #nowMs = 0

  constructor(info: StreamInfo) {
    this.#info = info
    this.maxBatchBytes = info.limits?.maxBatchBytes ?? Number.POSITIVE_INFINITY
    this.closeBytes = Math.min(BATCH_BYTES, this.maxBatchBytes)
  }

  /** Timestamps are limited: the clock has to be looked at now and then. */
  get timed(): boolean {
    const { beforeMs = Number.POSITIVE_INFINITY, afterMs = Number.POSITIVE_INFINITY } = this.#info.limits ?? {}
    return beforeMs < Number.POSITIVE_INFINITY || afterMs < Number.POSITIVE_INFINITY
  }

  sampleTime(nowMs: number): void {
    const { limits } = this.#info
    if (limits === undefined) return
    this.#nowMs = nowMs
    this.earliestMs = nowMs - limits.beforeMs + Math.min(COMMIT_MS, limits.beforeMs / 2)
    this.latestMs = nowMs + limits.afterMs - Math.min(SKEW_MS, limits.afterMs / 2)
  }

  /** The timestamp, or that of the last look at the clock if it is not taken. */
  taken(timestamp: number): number {
    return timestamp < this.earliestMs || timestamp > this.latestMs ? this.#nowMs : timestamp
  }

  /** ERR_MESSAGE_TIMESTAMP. */
  checkTime(timestamp: number): void {
    if (timestamp < this.earliestMs || timestamp > this.latestMs) throw this.untimely(timestamp)
  }

  /** ERR_MESSAGE_TOO_LARGE: a record of this size does not fit, even alone in its batch. */
  checkAlone(recordBytes: number): void {
    if (HEADER_BYTES + recordBytes > this.maxBatchBytes) throw this.#tooLarge(HEADER_BYTES + recordBytes)
  }

  untimely(timestamp: number): TidemarkError {
    const { name, limits } = this.#info
    const isLate = timestamp > this.#nowMs
    const most = isLate ? limits?.afterMs : limits?.beforeMs
    const distanceMs = Math.abs(timestamp - this.#nowMs)
    return new TidemarkError(
      'ERR_MESSAGE_TIMESTAMP',
      `a message for stream ${name} has the timestamp ${timestamp}, ${distanceMs} ms ${isLate ? 'ahead of' : 'behind'} the ` +
        `clock; the stream takes ${most} at most (${limits?.setBy}). Give it another timestamp, or let the stream take more`,
      { details: { stream: name, timestamp, limitMs: most ?? 0 } },
    )
  }

  #tooLarge(sizeBytes: number): TidemarkError {
    const { name, limits } = this.#info
    return new TidemarkError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message for stream ${name} takes ${sizeBytes} bytes with its batch; the stream takes ${this.maxBatchBytes} at most ` +
        `(${limits?.setBy}). Make it smaller, or let the stream take more`,
      { details: { stream: name, sizeBytes, limitBytes: this.maxBatchBytes } },
    )
  }
}

/** The most that a record may take whose key and value have so many bytes: never less than it does. */
export function recordBytesAtMost(ownBytes: number, headers: RecordHeaders | null): number {
  let sizeBytes = RECORD_BYTES + ownBytes
  // A letter of a name takes three bytes at most.
  if (headers !== null) for (const [name, value] of headers) sizeBytes += 10 + 3 * name.length + (value?.length ?? 0)
  return sizeBytes
}
