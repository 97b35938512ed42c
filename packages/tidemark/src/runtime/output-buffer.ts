import type { RecordHeaders } from '../log/batch-encoder.ts'
import { LimitChecks, recordBytesAtMost } from '../log/limit-checks.ts'
import type { RecordCursor } from '../log/record-cursor.ts'
import type { Append, StreamInfo } from '../log/types.ts'
import { OutputPartition } from './output-partition.ts'

/** All partitions of one output stream. */
export class OutputStream {
  readonly info: StreamInfo
  readonly limits: LimitChecks
  readonly #buffer: OutputBuffer
  readonly #partitions: OutputPartition[] = []

  constructor(info: StreamInfo, buffer: OutputBuffer) {
    this.info = info
    this.limits = new LimitChecks(info)
    this.#buffer = buffer
    for (let p = 0; p < info.partitions; p++) this.#partitions.push(new OutputPartition(info.id, p))
  }

  /**
   * Adds one record. A null key or value has end -1. The bytes are copied. Throws ERR_MESSAGE_TOO_LARGE and
   * ERR_MESSAGE_TIMESTAMP for what the stream does not take, so that it fails where it was sent.
   */
  append(
    partition: number,
    timestamp: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    headers: RecordHeaders | null,
  ): void {
    const target = this.#partitions[partition] as OutputPartition
    const { limits } = this
    if (timestamp < limits.earliestMs || timestamp > limits.latestMs) throw limits.untimely(timestamp)
    // Of null, a start says nothing.
    const ownBytes = (keyEnd < 0 ? 0 : keyEnd - keyStart) + (valueEnd < 0 ? 0 : valueEnd - valueStart)
    const mostBytes = recordBytesAtMost(ownBytes, headers)
    if (target.sizeBytes + mostBytes > limits.maxBatchBytes) {
      limits.checkAlone(mostBytes)
      target.close()
    }
    target.encoder.append(
      timestamp,
      keyEnd < 0 ? null : keyBytes,
      keyStart,
      keyEnd,
      valueEnd < 0 ? null : valueBytes,
      valueStart,
      valueEnd,
      headers,
    )
    this.#buffer.added(ownBytes + 10)
    if (target.sizeBytes >= limits.closeBytes) target.close()
  }

  /** Takes the cursor's record as it is, where that is less work than to append it; it has no headers. False: append it. */
  pass(partition: number, cursor: RecordCursor): boolean {
    const target = this.#partitions[partition] as OutputPartition
    const { limits } = this
    const { timestamp } = cursor
    if (timestamp < limits.earliestMs || timestamp > limits.latestMs) throw limits.untimely(timestamp)
    if (!target.pass(cursor, limits.maxBatchBytes)) return false
    this.#buffer.added(cursor.recordEnd - cursor.recordStart)
    return true
  }

  seal(into: Append[]): void {
    for (const target of this.#partitions) {
      target.close()
      for (const bytes of target.closed) into.push({ stream: target.stream, partition: target.partition, bytes })
      if (target.closed.length > 0) target.closed = []
    }
  }
}

/**
 * The active output buffer of a task: what it sent since the last freeze, encoded at once (so later changes of the
 * objects have no effect). `seal` hands it over and leaves an empty one.
 */
export class OutputBuffer {
  readonly streams: OutputStream[] = []
  /** Takes what goes to streams of users as soon as it is there; null: it waits for the commit. */
  early: ((appends: readonly Append[]) => void) | null = null
  /** A stream takes timestamps near the clock only: `sampleTime` is to be called. */
  timed = false
  #bytes = 0
  #records = 0

  stream(info: StreamInfo): OutputStream {
    const known = this.streams.find((s) => s.info.id === info.id)
    if (known !== undefined) return known
    const made = new OutputStream(info, this)
    this.streams.push(made)
    if (made.limits.timed) this.timed = true
    return made
  }

  sampleTime(nowMs: number): void {
    for (const { limits } of this.streams) limits.sampleTime(nowMs)
  }

  added(bytes: number): void {
    this.#bytes += bytes
    this.#records++
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#records === 0
  }

  /** To be called between two messages. It still counts towards the size that makes a commit due. */
  sendEarly(): void {
    if (this.early === null || this.#records === 0) return
    const appends: Append[] = []
    for (const stream of this.streams) if (stream.info.kind === 'user') stream.seal(appends)
    if (appends.length > 0) this.early(appends)
  }

  seal(): Append[] {
    this.sendEarly()
    const appends: Append[] = []
    for (const stream of this.streams) stream.seal(appends)
    this.#bytes = 0
    this.#records = 0
    return appends
  }
}
