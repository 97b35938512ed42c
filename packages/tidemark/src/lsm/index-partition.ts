import { ByteReader } from '../serde/byte-reader.ts'
import type { BlockBuffers } from './block-buffers.ts'
import type { CacheOwner } from './block-cache.ts'
import { CODEC_NONE } from './format.ts'
import { Separators } from './separators.ts'

/** What a block of a decoded partition takes beside its separator: the columns below, and the place in `cached`. */
const BYTES_PER_BLOCK = 46

/**
 * Where some neighbouring data blocks of a section are, and which of them may hold a key. It owns those blocks in the
 * cache: while one of them is there, the partition is too.
 */
export class IndexPartition implements CacheOwner {
  readonly cacheGroup: object
  readonly separators: Separators
  /** Where each block is in the file and how many bytes it has there, with the CRC of these bytes. */
  readonly positions: Float64Array
  readonly sizes: Uint32Array
  readonly crcs: Uint32Array
  /** The size of the block's content if it is compressed, 0 if it is stored as it is. */
  readonly plainSizes: Uint32Array
  readonly codecs: Uint8Array
  /** The blocks as far as they are cached, ready to be searched; null when not. */
  readonly cached: (Uint8Array | null)[]
  readonly cachedReads: Uint8Array
  /**
   * Blocks that an iterator was given since they came, 1 for each: it may look at them after they have gone, so their
   * buffers are not used again. A look-up of a key is done with a block before anything else is read.
   */
  readonly lent: Uint8Array
  /** Blocks in the cache, and those on their way there. */
  held = 0
  /** Whether the cache holds it: blocks of one that it does not hold could not be found again. */
  kept = false
  /** Bytes that were left over by decoding: 0 in a sound partition. */
  unread = 0
  readonly #rawBytes: number
  readonly #buffers: BlockBuffers

  /** Decodes a partition whose CRC was checked. Throws ERR_SERDE when it does not hold `blocks` blocks. */
  constructor(
    bytes: Uint8Array,
    start: number,
    end: number,
    blocks: number,
    cacheGroup: object,
    buffers: BlockBuffers,
  ) {
    this.cacheGroup = cacheGroup
    this.#buffers = buffers
    this.separators = new Separators(bytes, blocks)
    this.positions = new Float64Array(blocks)
    this.sizes = new Uint32Array(blocks)
    this.crcs = new Uint32Array(blocks)
    this.plainSizes = new Uint32Array(blocks)
    this.codecs = new Uint8Array(blocks)
    this.cached = new Array<Uint8Array | null>(blocks).fill(null)
    this.cachedReads = new Uint8Array(blocks)
    this.lent = new Uint8Array(blocks)
    this.#rawBytes = end - start
    this.#read(new ByteReader(bytes, start, end))
  }

  #read(reader: ByteReader): void {
    let position = 0
    for (let i = 0; i < this.blocks; i++) {
      const separator = reader.varuint()
      this.separators.set(i, reader.position, reader.position + separator)
      reader.position += separator
      position += reader.varuint()
      const size = reader.varuint()
      const codec = reader.u8()
      this.positions[i] = position
      this.sizes[i] = size
      this.codecs[i] = codec
      if (codec !== CODEC_NONE) this.plainSizes[i] = reader.varuint()
      this.crcs[i] = reader.i32()
      position += size
    }
    this.unread = reader.remaining
    this.separators.ready()
  }

  get blocks(): number {
    return this.positions.length
  }

  /** What it takes in memory, roughly. */
  get memoryBytes(): number {
    return this.#rawBytes + this.blocks * BYTES_PER_BLOCK
  }

  evict(block: number): boolean {
    const bytes = this.cached[block] as Uint8Array
    this.cached[block] = null
    if (this.lent[block] === 0) this.#buffers.give(bytes)
    this.lent[block] = 0
    this.held--
    return true
  }
}
