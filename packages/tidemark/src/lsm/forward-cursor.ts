import { findRun, restartCount, runStart } from './block-search.ts'
import { compareBytes } from './bytes.ts'
import { EntryCursor, type BlockSource } from './entry-cursor.ts'
import type { Section } from './section.ts'

/** Entries of a section in ascending order of their keys: from `from` inclusive to `to` exclusive, null for open. */
export class ForwardCursor extends EntryCursor {
  #block = -1
  #bytes: Uint8Array
  #at = 0
  #end = 0
  /** Entries below this are passed over; null once they are. */
  #from: Uint8Array | null
  readonly #to: Uint8Array | null
  #started = false

  constructor(section: Section, source: BlockSource, from: Uint8Array | null, to: Uint8Array | null) {
    super(section, source)
    this.#bytes = source.blockBytes
    this.#from = from
    this.#to = to
  }

  override next(): boolean {
    if (!this.#started) this.#start()
    for (;;) {
      if (this.#at >= this.#end && !this.#load(this.#block + 1)) return false
      const bytes = this.#bytes
      const { entry } = this
      entry.read(bytes, this.#at)
      this.#at = entry.valueEnd
      this.takeKey(bytes)
      if (this.#from !== null && this.#below(this.#from)) continue
      this.#from = null
      const to = this.#to
      if (to !== null && !this.#below(to)) {
        this.#finish()
        return false
      }
      this.takeValue(bytes, entry.tag, entry.keyEnd, entry.valueEnd)
      return true
    }
  }

  #below(key: Uint8Array): boolean {
    return compareBytes(this.keyBytes, 0, this.keyEnd, key, 0, key.length) < 0
  }

  #finish(): void {
    this.#block = this.section.blocks
    this.#at = this.#end
  }

  #start(): void {
    this.#started = true
    const from = this.#from
    if (from === null) return
    this.#load(this.section.seek(from, 0, from.length))
    const { blockStart, blockEnd } = this.source
    const run = findRun(this.#bytes, blockStart, blockEnd, this.entry, from, 0, from.length)
    if (run > 0) this.#at = runStart(this.#bytes, blockStart, blockEnd, restartCount(this.#bytes, blockEnd), run)
  }

  #load(block: number): boolean {
    if (block >= this.section.blocks) return false
    const { source } = this
    source.load(block)
    this.#block = block
    const bytes = source.blockBytes
    const { blockStart, blockEnd } = source
    const restarts = restartCount(bytes, blockEnd)
    this.#bytes = bytes
    this.#at = blockStart
    this.#end = runStart(bytes, blockStart, blockEnd, restarts, restarts)
    return true
  }
}
