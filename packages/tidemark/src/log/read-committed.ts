import { readMarker } from './control.ts'
import type { RecordCursor } from './record-cursor.ts'

/** A transaction that was aborted, and the offset of its first record in the partition. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * Decides batch by batch what a read-committed reader sees: no control batch, and no batch of an aborted transaction.
 * An aborted transaction counts from its first offset until its producer's abort marker. Batches are to be shown in order
 * of offset, from where the list of aborted transactions starts, and only those below the last stable offset.
 */
export class ReadCommittedFilter {
  private waiting: readonly AbortedTransaction[] = []
  private position = 0
  private readonly aborted = new Set<number>()

  /** Starts over with the transactions aborted in the range that is read, in any order (as a fetch response has them). */
  reset(aborted: readonly AbortedTransaction[]): void {
    this.waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
    this.position = 0
    this.aborted.clear()
  }

  /**
   * True if the records of the batch that the cursor has just entered are to be delivered. Call it once per batch; it
   * reads the record of a control batch. Throws ERR_BATCH_CORRUPT if that is damaged.
   */
  accepts(cursor: RecordCursor): boolean {
    const { waiting, aborted } = this
    while (this.position < waiting.length) {
      const next = waiting[this.position] as AbortedTransaction
      if (next.firstOffset > cursor.lastOffset) break
      aborted.add(next.producerId)
      this.position++
    }
    if (cursor.isControl) {
      if (readMarker(cursor)?.type === 'abort') aborted.delete(cursor.producerId)
      return false
    }
    return !(cursor.isTransactional && aborted.has(cursor.producerId))
  }
}

/** Transactions of a whole segment, for ReadCommittedFilter. */
export interface TransactionSummary {
  /** In order of their abort markers. */
  readonly aborted: readonly AbortedTransaction[]
  /** First offset of the earliest transaction that is still open, else the offset after the last batch; 0 if empty. */
  readonly lastStableOffset: number
}

/** Collects the transactions of batches in order: `visit` each one, then `summary`. */
export class TransactionScan {
  private readonly open = new Map<number, number>()
  private readonly aborted: AbortedTransaction[] = []
  private nextOffset = 0

  /** Takes the batch that the cursor has just entered. Throws ERR_BATCH_CORRUPT if its marker is damaged. */
  visit(cursor: RecordCursor): void {
    const { producerId } = cursor
    this.nextOffset = cursor.lastOffset + 1
    if (cursor.isControl) {
      const marker = readMarker(cursor)
      if (marker === null) return
      const firstOffset = this.open.get(producerId)
      this.open.delete(producerId)
      if (marker.type === 'abort' && firstOffset !== undefined) this.aborted.push({ producerId, firstOffset })
    } else if (cursor.isTransactional && !this.open.has(producerId)) {
      this.open.set(producerId, cursor.baseOffset)
    }
  }

  summary(): TransactionSummary {
    return { aborted: this.aborted, lastStableOffset: Math.min(this.nextOffset, ...this.open.values()) }
  }
}
