import { findRun, restartCount, runStart } from './block-search.ts'
import { compareBytes, copyBytes } from './bytes.ts'
import { EntryCursor, type BlockSource } from './entry-cursor.ts'
import type { Section } from './section.ts'

/**
 * Entries of a section in descending order of their keys: from below `to` down to `from`, null for open. Prefix
 * compression goes forward only, so that one run between two restarts is put together at a time.
 */
export class ReverseCursor extends EntryCursor {
  readonly #from: Uint8Array | null
  readonly #to: Uint8Array | null
  #started = false
  #block: number
  #bytes: Uint8Array
  #blockStart = 0
  #blockEnd = 0
  #run = 0
  /** Keys of the run, one behind the other, and where they end; tags and values of its entries. */
  #keys = new Uint8Array(1024)
  readonly #keyEnds: number[] = []
  readonly #tags: number[] = []
  readonly #valueStarts: number[] = []
  readonly #valueEnds: number[] = []
  /** Entries of the run that are still to come. */
  #left = 0

  constructor(section: Section, source: BlockSource, from: Uint8Array | null, to: Uint8Array | null) {
    super(section, source)
    this.#from = from
    this.#to = to
    this.#block = section.blocks
    this.#bytes = source.blockBytes
  }

  override next(): boolean {
    if (!this.#started) this.#start()
    while (this.#left === 0) if (!this.#previousRun()) return false
    const i = --this.#left
    const start = i === 0 ? 0 : (this.#keyEnds[i - 1] as number)
    const end = this.#keyEnds[i] as number
    if (end - start > this.keyBytes.length) this.keyBytes = new Uint8Array((end - start) * 2)
    copyBytes(this.#keys, start, end, this.keyBytes, 0)
    this.keyEnd = end - start
    const from = this.#from
    if (from !== null && compareBytes(this.keyBytes, 0, this.keyEnd, from, 0, from.length) < 0) {
      this.#left = 0
      this.#run = 0
      this.#block = 0
      return false
    }
    this.takeValue(this.#bytes, this.#tags[i] as number, this.#valueStarts[i] as number, this.#valueEnds[i] as number)
    return true
  }

  #start(): void {
    this.#started = true
    const to = this.#to
    if (to === null) return
    this.#load(this.section.seek(to, 0, to.length))
    const run = findRun(this.#bytes, this.#blockStart, this.#blockEnd, this.entry, to, 0, to.length)
    this.#run = run + 1
    if (run < 0) return
    this.#previousRun()
    while (this.#left > 0) {
      const start = this.#left === 1 ? 0 : (this.#keyEnds[this.#left - 2] as number)
      const end = this.#keyEnds[this.#left - 1] as number
      if (compareBytes(this.#keys, start, end, to, 0, to.length) < 0) break
      this.#left--
    }
  }

  #load(block: number): void {
    const { source } = this
    source.load(block)
    this.#block = block
    this.#bytes = source.blockBytes
    this.#blockStart = source.blockStart
    this.#blockEnd = source.blockEnd
    this.#run = restartCount(this.#bytes, this.#blockEnd)
  }

  /** Puts the run before the current one together, of the block before if need be; false if there is none. */
  #previousRun(): boolean {
    if (this.#run === 0) {
      if (this.#block === 0) return false
      this.#load(this.#block - 1)
    }
    this.#run--
    const restarts = restartCount(this.#bytes, this.#blockEnd)
    let at = runStart(this.#bytes, this.#blockStart, this.#blockEnd, restarts, this.#run)
    const end = runStart(this.#bytes, this.#blockStart, this.#blockEnd, restarts, this.#run + 1)
    let count = 0
    let keyEnd = 0
    while (at < end) {
      const { entry } = this
      entry.read(this.#bytes, at)
      this.takeKey(this.#bytes)
      this.#reserve(keyEnd, keyEnd + this.keyEnd)
      copyBytes(this.keyBytes, 0, this.keyEnd, this.#keys, keyEnd)
      keyEnd += this.keyEnd
      this.#keyEnds[count] = keyEnd
      this.#tags[count] = entry.tag
      this.#valueStarts[count] = entry.keyEnd
      this.#valueEnds[count] = entry.valueEnd
      count++
      at = entry.valueEnd
    }
    this.#left = count
    return true
  }

  #reserve(used: number, needed: number): void {
    if (needed <= this.#keys.length) return
    const grown = new Uint8Array(needed * 2)
    grown.set(this.#keys.subarray(0, used))
    this.#keys = grown
  }
}
