import {
  ByteReader,
  ByteWriter,
  crc32c,
  DELTA_VERSION,
  type RecordCursor,
  type StoredDelta,
  type StoreDescriptor,
  TidemarkError,
  writeDescriptor,
} from 'tidemark/system'
import { COMMIT_KEY, type CommitRecord, decodeCommit } from './commit-record.ts'

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
  readonly #body = new ByteWriter(64 * 1024)
  /**
   * The first delta says that it follows none. What the files had last is not known here (they may have come to a commit
   * without changes), and need not be: that nothing lies between is known by the offset where reading begins.
   */
  #previous = 0
  #store = 0
  #most = 0
  #entries = 0

  constructor(where: string) {
    this.#where = where
  }

  /** Entries that no commit record has followed yet. */
  get open(): number {
    return this.#entries
  }

  /** Takes the cursor's record; a commit if that was its last. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER. */
  take(cursor: RecordCursor): CollectedCommit | null {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset } = cursor
    if (keyEnd < 0) throw this.#foreign(offset)
    if (keyEnd - keyStart === 1 && bytes[keyStart] === COMMIT_KEY[0]) {
      if (valueEnd < 0) throw this.#foreign(offset)
      return this.#commit(decodeCommit(bytes, valueStart, valueEnd, `${this.#where}, offset ${offset}`), offset)
    }
    const from = new ByteReader(bytes, keyStart, keyEnd)
    const id = from.varuint()
    if (id === 0) throw this.#foreign(offset)
    this.#entry(id, bytes, from.position, keyEnd, valueEnd < 0 ? -1 : valueStart, valueEnd)
    return null
  }

  #entry(id: number, bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const body = this.#body
    if (id !== this.#store) {
      if (this.#store !== 0) body.varuint(0)
      this.#store = id
      this.#most = Math.max(this.#most, id)
      body.varuint(id)
      body.u8(0)
    }
    body.varuint(keyEnd - keyStart + 1)
    body.raw(bytes, keyStart, keyEnd)
    if (valueStart < 0) body.varuint(0)
    else {
      body.varuint(valueEnd - valueStart + 1)
      body.raw(bytes, valueStart, valueEnd)
    }
    this.#entries++
  }

  #commit(record: CommitRecord, at: number): CollectedCommit {
    if (this.#entries === 0) return { record, at, delta: null }
    if (this.#most > record.stores.length) {
      throw new TidemarkError(
        'ERR_STATE_CORRUPT',
        `${this.#where} has entries of store ${this.#most}, which the commit record at ${at} does not know`,
      )
    }
    const delta = { id: record.id, bytes: this.#finish(record.id, record.stores) }
    this.#previous = record.id
    this.#body.reset()
    this.#store = 0
    this.#most = 0
    this.#entries = 0
    return { record, at, delta }
  }

  #finish(id: number, stores: readonly StoreDescriptor[]): Uint8Array {
    const out = new ByteWriter(this.#body.position + 1024)
    out.u8(DELTA_VERSION)
    out.varuint(id)
    out.varuint(this.#previous)
    out.varuint(stores.length)
    for (const store of stores) writeDescriptor(store, out)
    out.raw(this.#body.bytes, 0, this.#body.position)
    out.varuint(0)
    out.varuint(0)
    out.i32(crc32c(out.bytes, 0, out.position) | 0)
    return out.copy()
  }

  #foreign(offset: number): TidemarkError {
    return new TidemarkError(
      'ERR_STATE_CORRUPT',
      `the record at ${this.#where}, offset ${offset}, is not one of Tidemark's. Was something else written to the state topic?`,
    )
  }
}
