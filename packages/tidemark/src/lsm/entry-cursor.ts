import { copyBytes } from './bytes.ts'
import { EntryReader } from './entry-reader.ts'
import { TAG_DELETION, TAG_LARGE } from './format.ts'
import type { Section } from './section.ts'

/** Where a cursor gets its data blocks: from the section by the cache, or read ahead. */
export interface BlockSource {
  readonly blockBytes: Uint8Array
  readonly blockStart: number
  readonly blockEnd: number
  load(block: number): void
  /** Makes the large value whose reference is at block[at, ...) available in valueBytes[valueStart, valueEnd). */
  loadLarge(block: Uint8Array, at: number): void
  readonly valueBytes: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
}

/** A cursor over entries of one section, deletions included. What the fields say holds until the next call. */
export abstract class EntryCursor {
  keyBytes: Uint8Array = new Uint8Array(64)
  readonly keyStart = 0
  keyEnd = 0
  present = false
  valueBytes: Uint8Array
  valueStart = 0
  valueEnd = 0
  protected readonly section: Section
  protected readonly source: BlockSource
  protected readonly entry: EntryReader = new EntryReader()
  /** Where the reference of a large value is in `valueBytes`; -1 when the value is there itself. */
  #large = -1
  #view: Uint8Array

  constructor(section: Section, source: BlockSource) {
    this.section = section
    this.source = source
    this.valueBytes = source.blockBytes
    this.#view = this.keyBytes
  }

  /** Moves to the next entry; false at the end. */
  abstract next(): boolean

  /** The key as a view, made anew only when its length changes. */
  get key(): Uint8Array {
    if (this.#view.length !== this.keyEnd || this.#view.buffer !== this.keyBytes.buffer) {
      this.#view = this.keyBytes.subarray(0, this.keyEnd)
    }
    return this.#view
  }

  /** Loads the value if it has a block of its own: only for entries that are shown, as it may be large. */
  resolve(): void {
    if (this.#large < 0) return
    const { source } = this
    source.loadLarge(this.valueBytes, this.#large)
    this.valueBytes = source.valueBytes
    this.valueStart = source.valueStart
    this.valueEnd = source.valueEnd
    this.#large = -1
  }

  /** Completes the key with the unshared bytes of the entry that was read. */
  protected takeKey(block: Uint8Array): void {
    const { shared, keyStart, keyEnd } = this.entry
    const length = shared + keyEnd - keyStart
    if (length > this.keyBytes.length) {
      const grown = new Uint8Array(length * 2)
      grown.set(this.keyBytes.subarray(0, shared))
      this.keyBytes = grown
    }
    copyBytes(block, keyStart, keyEnd, this.keyBytes, shared)
    this.keyEnd = length
  }

  protected takeValue(block: Uint8Array, tag: number, valueStart: number, valueEnd: number): void {
    this.present = tag !== TAG_DELETION
    this.#large = tag === TAG_LARGE ? valueStart : -1
    this.valueBytes = block
    this.valueStart = valueStart
    this.valueEnd = valueEnd
  }
}
