import { crc32c } from '../log/crc/crc32c.ts'
import type { BlockSource } from './entry-cursor.ts'
import { corrupt } from './format.ts'
import type { Section } from './section.ts'
import type { SortedFile } from './sorted-file.ts'

const READ_BYTES = 128 * 1024

/** The data blocks of a section in order, read ahead and past the cache: for merges, which read each block once. */
export class SequentialBlocks implements BlockSource {
  blockBytes: Uint8Array
  blockStart = 0
  blockEnd = 0
  readonly #file: SortedFile
  readonly #section: Section
  /** The file's bytes [position, position + length) are in the buffer. */
  #buffer = new Uint8Array(0)
  #position = 0
  #length = 0

  constructor(file: SortedFile, section: Section) {
    this.#file = file
    this.#section = section
    this.blockBytes = section.blockBytes
  }

  load(block: number): void {
    const section = this.#section
    if (this.#file.resident !== null) {
      section.load(block)
      this.blockBytes = section.blockBytes
      this.blockStart = section.blockStart
      this.blockEnd = section.blockEnd
      return
    }
    const position = section.index.positions[block] as number
    const size = section.index.sizes[block] as number
    if (position < this.#position || position + size > this.#position + this.#length) this.#read(position, size)
    this.blockBytes = this.#buffer
    this.blockStart = position - this.#position
    this.blockEnd = this.blockStart + size
    if (crc32c(this.#buffer, this.blockStart, this.blockEnd) !== section.index.crcs[block]) {
      throw corrupt(this.#file.path, position, 'has a block that fails its checksum', section.head.name)
    }
  }

  #read(position: number, size: number): void {
    const wanted = Math.max(READ_BYTES, size)
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted)
    const length = Math.min(wanted, this.#file.sizeBytes - position)
    this.#length = this.#file.readRaw(this.#buffer, position, length)
    this.#position = position
    if (this.#length >= size) return
    throw corrupt(this.#file.path, position + this.#length, 'is cut off', this.#section.head.name)
  }
}
