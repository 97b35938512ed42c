import { DeltaWriter, type RecordCursor, type StoredDelta, TidemarkError } from 'tidemark/system'
import { type CommitRecord, decodeCommit } from './commit-record.ts'
import { readStateRecord } from './state-record.ts'

/** A commit as the state topic tells of it. */
export interface CollectedCommit {
  readonly record: CommitRecord
  /** The offset of its commit record: the next commit begins behind it. */
  readonly at: number
  /** Its changes, together with those of earlier commits whose commit record compaction has removed; null for none. */
  readonly delta: StoredDelta | null
}

/**
 * Makes deltas of the records of a state partition, as a read-committed reader sees them, in order from the end of a
 * commit (or from the start). After compaction a key may have been written before, and by a commit that is gone: what comes
 * out at the last commit record is the state all the same.
 */
export class DeltaCollector {
  readonly #where: string
  readonly #delta = new DeltaWriter()
  /**
   * The first delta says that it follows none. What the files had last is not known here (they may have come to a commit
   * without changes), and need not be: that nothing lies between is known by the offset where reading begins.
   */
  #previous = 0

  constructor(where: string) {
    this.#where = where
  }

  /** Entries that no commit record has followed yet. */
  get open(): number {
    return this.#delta.entries
  }

  /** Takes the cursor's record; a commit if that was its last. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER. */
  take(cursor: RecordCursor): CollectedCommit | null {
    const { bytes, keyEnd, valueStart, valueEnd, offset } = cursor
    const entry = readStateRecord(cursor, this.#where)
    if (entry === null) {
      return this.#commit(decodeCommit(bytes, valueStart, valueEnd, `${this.#where}, offset ${offset}`), offset)
    }
    this.#delta.add(entry.store, bytes, entry.keyStart, keyEnd, bytes, valueEnd < 0 ? -1 : valueStart, valueEnd)
    return null
  }

  #commit(record: CommitRecord, at: number): CollectedCommit {
    const { entries, highest } = this.#delta
    if (entries === 0) return { record, at, delta: null }
    if (highest > record.stores.length) {
      throw new TidemarkError(
        'ERR_STATE_CORRUPT',
        `${this.#where} has entries of store ${highest}, which the commit record at ${at} does not know`,
      )
    }
    const delta = { id: record.id, bytes: this.#delta.finish(record.id, this.#previous, record.stores) }
    this.#previous = record.id
    return { record, at, delta }
  }
}
