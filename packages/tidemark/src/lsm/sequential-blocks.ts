import { crc32c } from '../log/crc/crc32c.ts'
import type { BlockSource } from './entry-cursor.ts'
import { CODEC_NONE, corrupt } from './format.ts'
import type { IndexPartition } from './index-partition.ts'
import type { Section } from './section.ts'
import type { SortedFile } from './sorted-file.ts'

const READ_BYTES = 128 * 1024

/** The data blocks of a section in order, read ahead and past the cache: for merges, which read each block once. */
export class SequentialBlocks implements BlockSource {
  blockBytes: Uint8Array
  blockStart = 0
  blockEnd = 0
  valueBytes: Uint8Array = new Uint8Array(0)
  readonly valueStart = 0
  valueEnd = 0
  readonly #file: SortedFile
  readonly #section: Section
  /** The file's bytes [position, position + length) are in the buffer. */
  #buffer = new Uint8Array(0)
  #position = 0
  #length = 0
  #number = -1
  #partition: IndexPartition | null = null

  constructor(file: SortedFile, section: Section) {
    this.#file = file
    this.#section = section
    this.blockBytes = section.blockBytes
  }

  load(block: number): void {
    const section = this.#section
    if (this.#file.resident !== null) {
      section.load(block)
      this.#take(section.blockBytes, section.blockStart, section.blockEnd)
      return
    }
    const number = section.partitionOf(block)
    if (number !== this.#number) {
      this.#partition = section.readPartition(number)
      this.#number = number
    }
    const partition = this.#partition as IndexPartition
    const place = block - section.firstBlockOf(number)
    const position = partition.positions[place] as number
    const size = partition.sizes[place] as number
    if (position < this.#position || position + size > this.#position + this.#length) this.#read(position, size)
    const start = position - this.#position
    if (crc32c(this.#buffer, start, start + size) !== partition.crcs[place]) {
      throw corrupt(this.#file.path, position, 'has a block that fails its checksum', section.head.name)
    }
    if (partition.codecs[place] === CODEC_NONE) {
      this.#take(this.#buffer, start, start + size)
      return
    }
    const plain = section.plainBlock(partition, place, this.#buffer.subarray(start, start + size))
    this.#take(plain, 0, plain.length)
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    this.blockBytes = bytes
    this.blockStart = start
    this.blockEnd = end
  }

  loadLarge(block: Uint8Array, at: number): void {
    this.valueBytes = this.#section.readLarge(block, at)
    this.valueEnd = this.valueBytes.length
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
