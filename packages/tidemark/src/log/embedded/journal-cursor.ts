import {
  ENTRY_HEADER_BYTES,
  entryFlags,
  entrySequence,
  entrySynced,
  entryType,
  findMagic,
  validEntryEnd,
} from './journal-entry.ts'

/**
 * What follows the last valid entry: nothing, the remains of a write that was never synced, or something that was
 * durable once and is damaged.
 */
export type JournalTail = 'clean' | 'torn' | 'damaged'

/** Walks the entries of one journal file. After `next` has returned false, `start` is the end of the valid part. */
export class JournalCursor {
  readonly bytes: Uint8Array
  start = 0
  end = 0
  sequence: number
  flags = 0
  /** Where the first entry ends. */
  headBytes = 0

  /** `sequence` is that of the entry before the first one, or -1 to take the first as it is. */
  constructor(bytes: Uint8Array, sequence: number) {
    this.bytes = bytes
    this.sequence = sequence
  }

  next(): boolean {
    this.start = this.end
    const end = validEntryEnd(this.bytes, this.start)
    if (end < 0) return false
    const sequence = entrySequence(this.bytes, this.start)
    if (this.sequence !== -1 && sequence !== this.sequence + 1) return false
    if (this.start === 0) this.headBytes = end
    this.end = end
    this.sequence = sequence
    this.flags = entryFlags(this.bytes, this.start)
    return true
  }

  get type(): number {
    return entryType(this.bytes, this.start)
  }

  get payload(): number {
    return this.start + ENTRY_HEADER_BYTES
  }

  /** Judges what follows the valid part; call it after `next` has returned false. */
  tail(): JournalTail {
    const bad = this.start
    if (bad === this.bytes.length) return 'clean'
    // Whole, but out of order: no write in flight can leave that.
    if (validEntryEnd(this.bytes, bad) >= 0) return 'damaged'
    for (let at = findMagic(this.bytes, bad + 1); at >= 0; at = findMagic(this.bytes, at + 1)) {
      if (validEntryEnd(this.bytes, at) < 0) continue
      if (entrySequence(this.bytes, at) > this.sequence && entrySynced(this.bytes, at) > bad) return 'damaged'
    }
    return 'torn'
  }
}
