import { batchHeader, type AbortedTransaction, type ReadBatches, type StreamReader } from 'tidemark/system'
import type { AnswerMemory } from '../net/answer-memory.ts'
import type { OutOfRangePolicy } from './fetch-options.ts'
import { visibleRuns } from './visible-runs.ts'

/** What a reader at the end of its partition, or one whose partition is being looked for, waits in. */
export type PartitionState = 'idle' | 'unplaced' | 'placed' | 'resetting' | 'failed' | 'closed'

interface Chunk {
  readonly bytes: Uint8Array
  /** As VisibleRuns has them. */
  readonly runs: readonly number[]
  /** Which run is next, and from which of its bytes on. */
  run: number
  at: number
}

export interface PartitionEvents {
  /** The reader wants records from another offset. */
  onSeek(partition: FetchedPartition): void
  /** There is room again that was lacking when the last request was made. */
  onRoom(partition: FetchedPartition): void
  onClose(partition: FetchedPartition): void
}

/** An answer that is larger than what is kept of it by this factor is let go: the part is copied. */
const KEEP_FACTOR = 8

/** The batches of one partition that have come and were not read yet, and where to fetch on. One reader each. */
export class FetchedPartition implements StreamReader {
  readonly topic: string
  readonly partition: number
  readonly outOfRange: OutOfRangePolicy
  state: PartitionState = 'idle'
  topicId: string | null = null
  node = -1
  leaderEpoch = -1
  /** Leader epoch of the last batch that came, -1 after a seek. */
  lastFetchedEpoch = -1
  /** The offset to fetch from next. */
  fetchOffset = 0
  bufferedBytes = 0
  /** True if the last request left it out, because its buffer was full. */
  leftOut = false
  /** True from an error until the next good answer. */
  recovering = false
  /** Since when its topic is missing, by the monotone clock; null if it is not. */
  missingSinceMs: number | null = null
  start = -1
  end = -1
  readonly #events: PartitionEvents
  readonly #memory: AnswerMemory
  readonly #chunks: Chunk[] = []
  #position = 0
  #error: Error | null = null

  constructor(
    topic: string,
    partition: number,
    events: PartitionEvents,
    outOfRange: OutOfRangePolicy,
    memory: AnswerMemory,
  ) {
    this.#memory = memory
    this.topic = topic
    this.partition = partition
    this.outOfRange = outOfRange
    this.#events = events
  }

  /** The offset that the next `read` begins with. */
  get position(): number {
    return this.#position
  }

  seek(offset: number): void {
    this.goTo(offset)
    this.#error = null
    this.#events.onSeek(this)
  }

  /**
   * Visible batches in order; `start` is the position, records below it may come first: skip them. Throws what the
   * partition failed by, until the next seek: ERR_OFFSET_OUT_OF_RANGE, ERR_BATCH_CORRUPT, ERR_KAFKA_TRUNCATED,
   * ERR_KAFKA_TOPIC_MISSING, ERR_KAFKA_DENIED and others of @tidemark/kafka. What came before the failure is given first.
   */
  read(maxBytes: number): ReadBatches | null {
    const chunk = this.#chunks[0]
    if (chunk === undefined) {
      if (this.#error !== null) throw this.#error
      return null
    }
    const { runs, bytes } = chunk
    const from = chunk.at
    const runEnd = runs[chunk.run + 1] as number
    let to = runEnd
    let end = runs[chunk.run + 2] as number
    if (runEnd - from > maxBytes) {
      to = from + batchHeader.batchSizeBytes(bytes, from)
      let last = from
      while (to < runEnd && to + batchHeader.batchSizeBytes(bytes, to) - from <= maxBytes) {
        last = to
        to += batchHeader.batchSizeBytes(bytes, to)
      }
      if (to < runEnd) end = batchHeader.nextOffset(bytes, last)
    }
    if (to < runEnd) chunk.at = to
    else this.#nextRun(chunk)
    const start = this.#position
    this.#position = end
    this.#release(to - from)
    const part = bytes.subarray(from, to)
    this.#memory.keep(part)
    // It may be the last of its answer, of which nothing but the part is needed then.
    if (this.#chunks[0] !== chunk) this.#memory.release(bytes)
    return { bytes: part, start, end }
  }

  /** As StreamReader has it. */
  done(bytes: Uint8Array): void {
    this.#memory.release(bytes)
  }

  close(): void {
    if (this.state === 'closed') return
    this.goTo(this.#position)
    this.state = 'closed'
    this.#events.onClose(this)
  }

  /** Takes the records of an answer from `fetchOffset` on; true if there is something to read now. May throw ERR_BATCH_CORRUPT. */
  take(answer: Uint8Array, aborted: readonly AbortedTransaction[] | null): boolean {
    if (answer.length === 0) return false
    const { runs, next, leaderEpoch } = visibleRuns(answer, this.fetchOffset, aborted)
    if (runs.length === 0) return false
    this.fetchOffset = next
    this.lastFetchedEpoch = leaderEpoch
    const bytes = answer.length * KEEP_FACTOR < answer.buffer.byteLength ? answer.slice() : answer
    this.#memory.keep(bytes)
    this.#chunks.push({ bytes, runs, run: 0, at: runs[0] as number })
    for (let i = 0; i < runs.length; i += 3) this.bufferedBytes += (runs[i + 1] as number) - (runs[i] as number)
    return true
  }

  /** Goes on from another offset, with nothing buffered. */
  goTo(offset: number): void {
    this.#chunks.length = 0
    this.bufferedBytes = 0
    this.#position = offset
    this.fetchOffset = offset
    this.lastFetchedEpoch = -1
  }

  /** `read` throws this after what is buffered. */
  fail(error: Error): void {
    this.#error = error
    this.state = 'failed'
  }

  #nextRun(chunk: Chunk): void {
    chunk.run += 3
    if (chunk.run >= chunk.runs.length) this.#chunks.shift()
    else chunk.at = chunk.runs[chunk.run] as number
  }

  #release(sizeBytes: number): void {
    this.bufferedBytes -= sizeBytes
    if (this.leftOut) this.#events.onRoom(this)
  }
}
