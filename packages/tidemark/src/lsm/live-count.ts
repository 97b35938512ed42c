import type { Steps } from '../store/types.ts'
import type { Expiry } from './expiry.ts'
import { ForwardCursor } from './forward-cursor.ts'
import { TAG_LARGE } from './format.ts'
import { entrySize, isExpired, joinShares, type LiveShare } from './live-share.ts'
import { MergeCursor } from './merge-cursor.ts'
import type { Section } from './section.ts'
import { SequentialBlocks } from './sequential-blocks.ts'
import type { SortedFile } from './sorted-file.ts'

const STEP_ENTRIES = 2000

/** A section, in its file. */
export interface FileSection {
  readonly file: SortedFile
  readonly section: Section
}

/**
 * How much of the sections of a store (newest first) is live, exactly: reads all of it, past the cache. `onEntries` is told
 * of how many entries were looked at since it was told last.
 */
export function* countLive(
  sections: readonly FileSection[],
  expiry: Expiry | undefined,
  onEntries: (entries: number) => void,
): Steps<LiveShare> {
  const cursors = sections.map(({ file, section }) => new CountingCursor(file, section, expiry))
  const merged = new MergeCursor(cursors, false)
  let told = 0
  for (let left = STEP_ENTRIES; merged.next(); ) {
    if (--left > 0) continue
    left = STEP_ENTRIES
    const seen = cursors.reduce((sum, { entries }) => sum + entries, 0)
    onEntries(seen - told)
    told = seen
    yield
  }
  onEntries(cursors.reduce((sum, { entries }) => sum + entries, 0) - told)
  return joinShares(
    cursors.map(({ entries, bytes, liveEntries, liveBytes, storedBytes }) => ({
      entries,
      storedBytes,
      liveEntries,
      livePart: bytes === 0 ? 0 : liveBytes / bytes,
      variance: 0,
    })),
  )
}

/** The entries of one section; those that a merge shows (`resolve`) are the newest of their keys. */
class CountingCursor extends ForwardCursor {
  readonly storedBytes: number
  entries = 0
  bytes = 0
  liveEntries = 0
  liveBytes = 0
  readonly #expiry: Expiry | undefined
  #size = 0

  constructor(file: SortedFile, section: Section, expiry: Expiry | undefined) {
    super(section, new SequentialBlocks(file, section), null, null)
    this.storedBytes = section.head.storedBytes
    this.#expiry = expiry
  }

  override next(): boolean {
    if (!super.next()) return false
    this.entries++
    this.#size = entrySize(this.keyEnd, this.valueBytes, this.entry.tag, this.valueStart, this.valueEnd)
    this.bytes += this.#size
    return true
  }

  override resolve(): void {
    if (!this.present) return
    const expiry = this.#expiry
    // A large value is only loaded for its deadline.
    if (this.entry.tag === TAG_LARGE && expiry !== undefined && expiry.deadlineMs !== null) super.resolve()
    if (isExpired(expiry, this.keyBytes, this.keyEnd, this.valueBytes, this.valueStart)) return
    this.liveEntries++
    this.liveBytes += this.#size
  }
}
