import { BatchEncoder } from '../log/batch-encoder.ts'
import type { RecordCursor } from '../log/record-cursor.ts'

/** Input batches below this are encoded anew, so that small ones become larger ones. */
const MIN_RUN_BYTES = 8 * 1024
/** After a run that ended before it was worth it (a filter), so many batches begin none: each run closes a batch. */
const BATCHES_WITHOUT = 64
const EMPTY = new Uint8Array(0)

/**
 * One output partition's share of a commit: closed batches and the one that is being filled.
 *
 * Records that go on as they came, one after the other from the first of their batch, are a run: they are told only where
 * it ends, and copied at once when it does. What they say of their time and offset is relative to the start of the batch,
 * so it stays true where the output's batch begins with the run.
 */
export class OutputPartition {
  readonly stream: number
  readonly partition: number
  readonly #encoder = new BatchEncoder()
  closed: Uint8Array[] = []
  // The run: #bytes[#start, #end) has #count records; #end is -1 if there is none.
  #bytes: Uint8Array = EMPTY
  #start = 0
  #end = -1
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  /** Batches that begin no run. */
  #without = 0

  constructor(stream: number, partition: number) {
    this.stream = stream
    this.partition = partition
  }

  /** Of the open batch, header included. */
  get sizeBytes(): number {
    return this.#end < 0 ? this.#encoder.sizeBytes : this.#encoder.sizeBytes + this.#end - this.#start
  }

  /** For a record that is in no run: what ended one. */
  get encoder(): BatchEncoder {
    if (this.#end >= 0) this.#endRun()
    return this.#encoder
  }

  /** Takes the cursor's record as it is, if a run goes on or begins with it; false: it is to be appended. It has no headers. */
  pass(cursor: RecordCursor, maxBatchBytes: number): boolean {
    const { recordStart, recordEnd, timestamp } = cursor
    if (recordStart !== this.#end || cursor.bytes !== this.#bytes) {
      if (!this.#beginRun(cursor)) return false
    }
    if (this.#encoder.sizeBytes + recordEnd - this.#start > maxBatchBytes) return false
    this.#end = recordEnd
    this.#count++
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    return true
  }

  /** A run begins with the first record of a batch. */
  #beginRun(cursor: RecordCursor): boolean {
    if (cursor.offset !== cursor.baseOffset || !cursor.isWhole || cursor.batchBytes < MIN_RUN_BYTES) return false
    if (this.#without > 0) {
      this.#without--
      return false
    }
    this.close()
    if (this.#without > 0) return false
    cursor.lent = true
    this.#bytes = cursor.bytes
    this.#start = cursor.recordStart
    this.#end = this.#start
    this.#count = 0
    this.#baseTimestamp = cursor.baseTimestamp
    this.#maxTimestamp = cursor.timestamp
    return true
  }

  #endRun(): void {
    if (this.#count > 0) {
      const times = { base: this.#baseTimestamp, max: this.#maxTimestamp }
      this.#encoder.appendRun(this.#bytes, this.#start, this.#end, this.#count, times)
      this.#without = this.#end - this.#start < MIN_RUN_BYTES / 2 ? BATCHES_WITHOUT : 0
    }
    this.#bytes = EMPTY
    this.#end = -1
  }

  close(): void {
    const { encoder } = this
    if (encoder.count === 0) return
    this.closed.push(encoder.finish())
    encoder.reset()
  }
}
