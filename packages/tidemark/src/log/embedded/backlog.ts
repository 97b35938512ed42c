import { isTidemarkError } from '../../errors/error.ts'
import type { TransactionRecord } from './records.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { PlannedAppend } from './transaction-plan.ts'

/**
 * Appends that are committed (the journal has them durably) and still have to be written to segments. Empty but for the
 * time of a commit, unless the disk is full: then it keeps one group in memory until there is room.
 */
export class Backlog {
  readonly #segments: SegmentFiles
  #appends: PlannedAppend[] = []
  #done = 0

  constructor(segments: SegmentFiles) {
    this.#segments = segments
  }

  get isEmpty(): boolean {
    return this.#appends.length === 0
  }

  add(transactions: readonly TransactionRecord<PlannedAppend>[]): void {
    for (const transaction of transactions) this.#appends.push(...transaction.appends)
  }

  /**
   * Writes what it can. Returns the appends when all of them are written, null when the disk is full. `partial` is called
   * in the middle of the first write.
   */
  write(partial: (() => void) | null): readonly PlannedAppend[] | null {
    try {
      for (; this.#done < this.#appends.length; this.#done++) {
        const append = this.#appends[this.#done] as PlannedAppend
        const bytes = append.bytes.subarray(append.start, append.start + append.sizeBytes)
        if (partial !== null && this.#done === 0) {
          this.#segments.write(append.target, append.segmentBase, bytes.subarray(0, bytes.length >> 1), append.position)
          partial()
        }
        this.#segments.write(append.target, append.segmentBase, bytes, append.position)
      }
    } catch (error) {
      if (isTidemarkError(error, 'ERR_DISK_FULL')) return null
      throw error
    }
    const written = this.#appends
    this.#appends = []
    this.#done = 0
    return written
  }
}
