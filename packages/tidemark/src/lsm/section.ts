import { bloomHas } from './bloom.ts'
import type { BlockCache, CacheOwner } from './block-cache.ts'
import type { BlockIndex } from './block-index.ts'
import { findEntry } from './block-search.ts'
import { EntryReader } from './entry-reader.ts'
import { TAG_DELETION, TAG_LARGE } from './format.ts'

/** What a section needs of its file. */
export interface SectionFile {
  readonly path: string
  /** The whole file, verified, when it is kept in memory. */
  readonly resident: Uint8Array | null
  readonly cache: BlockCache
  /** Reads bytes and verifies them. Throws ERR_STATE_CORRUPT. */
  readVerified(position: number, sizeBytes: number, crc: number, store: string): Uint8Array
}

/** What the metadata says of a section. */
export interface SectionHead {
  readonly name: string
  readonly entries: number
  readonly deletions: number
  readonly index: BlockIndex
  readonly restartInterval: number
  /** The blocks of large values, by ordinal. */
  readonly largePositions: Float64Array
  readonly largeSizes: Uint32Array
  readonly largeCrcs: Uint32Array
  readonly bloom: Uint8Array
  readonly bloomStart: number
  readonly bloomLines: number
}

/** The entries of one store in one sorted file. Answers are in fields, valid until the next call. */
export class Section implements CacheOwner {
  readonly head: SectionHead
  readonly index: BlockIndex
  readonly file: SectionFile
  /** The data blocks, then the blocks of large values, as far as they are cached. */
  readonly cachedBlocks: (Uint8Array | null)[]
  readonly cachedReads: Uint8Array
  valueBytes: Uint8Array
  valueStart = 0
  valueEnd = 0
  /** Where the block that `load` loaded is. */
  blockBytes: Uint8Array
  blockStart = 0
  blockEnd = 0
  readonly #entry = new EntryReader()
  readonly #bloom: Uint8Array
  readonly #bloomStart: number
  readonly #bloomLines: number

  constructor(file: SectionFile, head: SectionHead) {
    this.file = file
    this.head = head
    this.index = head.index
    const blocks = head.index.blocks + head.largeSizes.length
    this.cachedBlocks = new Array<Uint8Array | null>(blocks).fill(null)
    this.cachedReads = new Uint8Array(blocks)
    this.#bloom = head.bloom
    this.#bloomStart = head.bloomStart
    this.#bloomLines = head.bloomLines
    this.valueBytes = head.bloom
    this.blockBytes = head.bloom
  }

  /** False only if the key is not here. */
  mayContain(key: Uint8Array, start: number, end: number, hash: number): boolean {
    return bloomHas(this.#bloom, this.#bloomStart, this.#bloomLines, hash) && this.index.find(key, start, end) >= 0
  }

  /** 0 not here, 1 found (the value is in valueBytes[valueStart, valueEnd)), 2 deleted here. */
  get(key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    if (!bloomHas(this.#bloom, this.#bloomStart, this.#bloomLines, hash)) return 0
    const block = this.index.find(key, start, end)
    if (block < 0) return 0
    this.load(block)
    const entry = this.#entry
    if (!findEntry(this.blockBytes, this.blockStart, this.blockEnd, entry, key, start, end)) return 0
    if (entry.tag === TAG_DELETION) return 2
    if (entry.tag === TAG_LARGE) {
      this.loadLarge(entry.ordinal)
    } else {
      this.valueBytes = this.blockBytes
      this.valueStart = entry.keyEnd
      this.valueEnd = entry.valueEnd
    }
    return 1
  }

  /** Makes a data block available in blockBytes[blockStart, blockEnd). */
  load(block: number): void {
    const { resident } = this.file
    if (resident !== null) {
      this.blockBytes = resident
      this.blockStart = this.index.positions[block] as number
      this.blockEnd = this.blockStart + (this.index.sizes[block] as number)
      return
    }
    this.blockBytes = this.#cached(block) ?? this.#read(block)
    this.blockStart = 0
    this.blockEnd = this.blockBytes.length
  }

  #cached(block: number): Uint8Array | null {
    const bytes = this.cachedBlocks[block] as Uint8Array | null
    if (bytes === null) return null
    this.cachedReads[block] = 1
    this.file.cache.hits++
    return bytes
  }

  #read(block: number): Uint8Array {
    const { positions, sizes, crcs } = this.index
    const position = positions[block] as number
    const bytes = this.file.readVerified(position, sizes[block] as number, crcs[block] as number, this.head.name)
    this.file.cache.add(this, block, bytes)
    return bytes
  }

  /** Makes a large value available in valueBytes[valueStart, valueEnd). */
  loadLarge(ordinal: number): void {
    const { head, file } = this
    const position = head.largePositions[ordinal] as number
    const size = head.largeSizes[ordinal] as number
    if (file.resident !== null) {
      this.valueBytes = file.resident
      this.valueStart = position
      this.valueEnd = position + size
      return
    }
    const place = this.index.blocks + ordinal
    let bytes = this.#cached(place)
    if (bytes === null) {
      bytes = file.readVerified(position, size, head.largeCrcs[ordinal] as number, head.name)
      file.cache.add(this, place, bytes)
    }
    this.valueBytes = bytes
    this.valueStart = 0
    this.valueEnd = size
  }
}
