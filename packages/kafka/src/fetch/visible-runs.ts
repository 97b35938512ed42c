import { batchHeader, readMarker, RecordCursor, TidemarkError, type AbortedTransaction } from 'tidemark/system'

const { AT, CONTROL, HEADER_BYTES, MAGIC, TRANSACTIONAL } = batchHeader

/** What of an answer's batches a reader is to see. */
export interface VisibleRuns {
  /**
   * Three numbers for each run of visible batches that stand back to back: first byte, byte after the last, and the offset
   * that follows, hidden batches behind the run included. A run without bytes stands for hidden batches alone.
   */
  readonly runs: readonly number[]
  /** The offset after the last whole batch; that from which was fetched if there is none. */
  readonly next: number
  /** Leader epoch of the last whole batch, -1 if there is none. */
  readonly leaderEpoch: number
}

/**
 * Finds the whole batches in what a broker sent (the last may be cut off), and those of them that are to be seen: all, or
 * with `aborted` (read committed) no control batch and no batch of an aborted transaction, by the same rule as core's
 * ReadCommittedFilter, but from the headers alone: nothing is unpacked. What is shown is checked (CRC) by the cursor that
 * reads it; what is hidden is checked here. Throws ERR_BATCH_CORRUPT.
 */
export function visibleRuns(
  bytes: Uint8Array,
  from: number,
  aborted: readonly AbortedTransaction[] | null,
): VisibleRuns {
  const filter = new HeaderFilter(aborted)
  const runs: number[] = []
  let next = from
  let leaderEpoch = -1
  let runStart = -1
  let runEnd = -1
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const size = batchHeader.batchSizeBytes(bytes, at)
    if (size < HEADER_BYTES || bytes[at + AT.magic] !== MAGIC) throw damaged(bytes, at, size)
    if (size > bytes.length - at) break
    const after = batchHeader.nextOffset(bytes, at)
    leaderEpoch = batchHeader.readInt32(bytes, at + AT.leaderEpoch)
    if (after > from && filter.accepts(bytes, at, at + size)) {
      if (runEnd !== at || runStart < 0) {
        if (runStart >= 0) runs.push(runStart, runEnd, next)
        runStart = at
      }
      runEnd = at + size
    }
    next = Math.max(next, after)
    at += size
  }
  if (runStart >= 0) runs.push(runStart, runEnd, next)
  else if (next > from) runs.push(0, 0, next)
  return { runs, next, leaderEpoch }
}

/** As core's ReadCommittedFilter, on headers. A null list accepts all but control batches. */
class HeaderFilter {
  readonly #waiting: readonly AbortedTransaction[]
  readonly #aborted = new Set<number>()
  #position = 0

  constructor(aborted: readonly AbortedTransaction[] | null) {
    const few = aborted === null || aborted.length < 2
    this.#waiting = few ? (aborted ?? []) : aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  accepts(bytes: Uint8Array, start: number, end: number): boolean {
    const bits = batchHeader.attributes(bytes, start)
    if ((bits & (CONTROL | TRANSACTIONAL)) === 0) return true
    const waiting = this.#waiting
    const lastOffset = batchHeader.nextOffset(bytes, start) - 1
    while (this.#position < waiting.length) {
      const first = waiting[this.#position] as AbortedTransaction
      if (first.firstOffset > lastOffset) break
      this.#aborted.add(first.producerId)
      this.#position++
    }
    if ((bits & CONTROL) !== 0) {
      if (this.#aborted.size > 0) this.#endTransaction(bytes, start, end)
      return false
    }
    if (this.#aborted.size === 0 || !this.#aborted.has(batchHeader.producerId(bytes, start))) return true
    if (!batchHeader.batchCrcValid(bytes, start, end)) throw damaged(bytes, start, end - start)
    return false
  }

  #endTransaction(bytes: Uint8Array, start: number, end: number): void {
    const cursor = new RecordCursor()
    cursor.reset(bytes, start, end)
    if (cursor.nextBatch() && readMarker(cursor)?.type === 'abort') this.#aborted.delete(cursor.producerId)
  }
}

function damaged(bytes: Uint8Array, at: number, size: number): TidemarkError {
  const offset = batchHeader.baseOffset(bytes, at)
  const format = batchHeader.magic(bytes, at)
  const what =
    size < HEADER_BYTES
      ? `a length of ${size} bytes is less than a header`
      : format === MAGIC
        ? 'its CRC is wrong'
        : `it is of format ${format}, but only format ${MAGIC} is read`
  return new TidemarkError(
    'ERR_BATCH_CORRUPT',
    `damaged record batch at byte ${at} of an answer (base offset ${offset}): ${what}. Check the disk of the broker.`,
    { details: { position: at, baseOffset: offset } },
  )
}
