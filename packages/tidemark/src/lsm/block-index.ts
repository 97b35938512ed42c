import type { ByteReader } from '../serde/byte-reader.ts'
import { compareBytes, sharedBytes } from './bytes.ts'

const STEP_BLOCKS = 4096
/** Bytes of a key that fit a double as an integer. */
const PREFIX_BYTES = 6

/** The first six bytes of bytes[at, end) as a number, zeros after the end: numbers are in the order of the bytes. */
function prefixOf(bytes: Uint8Array, at: number, end: number): number {
  if (end - at >= PREFIX_BYTES) {
    const high = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
    const low = ((bytes[at + 3] as number) << 16) | ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number)
    return high * 0x1000000 + low
  }
  let prefix = 0
  for (let i = 0; i < PREFIX_BYTES; i++) prefix = prefix * 256 + (at + i < end ? (bytes[at + i] as number) : 0)
  return prefix
}

/**
 * Where the data blocks of a section are, and which of them may hold a key. A search compares numbers made of the six
 * bytes after what all keys of the section have in common, and bytes only where these are equal.
 */
export class BlockIndex {
  readonly firstKey: Uint8Array
  readonly lastKey: Uint8Array
  readonly positions: Float64Array
  readonly sizes: Uint32Array
  readonly crcs: Uint32Array
  readonly #separators: Uint8Array
  readonly #starts: Uint32Array
  readonly #ends: Uint32Array
  readonly #prefixes: Float64Array
  /** Bytes that all keys have in common, and the prefixes of the first and last key after them. */
  readonly #common: number
  readonly #firstPrefix: number
  readonly #lastPrefix: number

  constructor(metadata: Uint8Array, firstKey: Uint8Array, lastKey: Uint8Array, blocks: number) {
    this.firstKey = firstKey
    this.lastKey = lastKey
    this.positions = new Float64Array(blocks)
    this.sizes = new Uint32Array(blocks)
    this.crcs = new Uint32Array(blocks)
    this.#separators = metadata
    this.#starts = new Uint32Array(blocks)
    this.#ends = new Uint32Array(blocks)
    this.#prefixes = new Float64Array(blocks)
    this.#common = sharedBytes(firstKey, 0, firstKey.length, lastKey, 0, lastKey.length)
    this.#firstPrefix = prefixOf(firstKey, this.#common, firstKey.length)
    this.#lastPrefix = prefixOf(lastKey, this.#common, lastKey.length)
  }

  get blocks(): number {
    return this.positions.length
  }

  /** Fills the index from the metadata that it was made for. */
  *read(reader: ByteReader): Generator<void, void> {
    let end = 0
    for (let i = 0; i < this.positions.length; i++) {
      const length = reader.varuint()
      this.#starts[i] = reader.position
      reader.position += length
      this.#ends[i] = reader.position
      this.#prefixes[i] = prefixOf(reader.bytes, (this.#starts[i] as number) + this.#common, reader.position)
      const position = end + reader.varuint()
      const size = reader.varuint()
      this.positions[i] = position
      this.sizes[i] = size
      this.crcs[i] = reader.i32()
      end = position + size
      if (i % STEP_BLOCKS === STEP_BLOCKS - 1) yield
    }
  }

  /** The only block that may hold the key, -1 when it is below the first or above the last. */
  find(key: Uint8Array, start: number, end: number): number {
    const common = this.#common
    const { firstKey } = this
    if (end - start < common) return -1
    for (let i = 0; i < common; i++) if (key[start + i] !== firstKey[i]) return -1
    const prefix = prefixOf(key, start + common, end)
    if (prefix < this.#firstPrefix || prefix > this.#lastPrefix) return -1
    return this.#search(key, start, end, prefix)
  }

  /** The last block that starts at or below the key; 0 when all are above it. */
  seek(key: Uint8Array, start: number, end: number): number {
    const { firstKey, lastKey } = this
    if (compareBytes(key, start, end, firstKey, 0, firstKey.length) <= 0) return 0
    if (compareBytes(key, start, end, lastKey, 0, lastKey.length) >= 0) return this.blocks - 1
    return this.#search(key, start, end, prefixOf(key, start + this.#common, end))
  }

  /** The last block whose separator is at most the key. Block 0 has none: it takes all keys below the others. */
  #search(key: Uint8Array, start: number, end: number, prefix: number): number {
    const prefixes = this.#prefixes
    let low = 0
    let high = prefixes.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const other = prefixes[middle] as number
      if (other < prefix || (other === prefix && this.#compareSeparator(middle, key, start, end) <= 0)) low = middle
      else high = middle - 1
    }
    return low
  }

  #compareSeparator(block: number, key: Uint8Array, start: number, end: number): number {
    return compareBytes(this.#separators, this.#starts[block] as number, this.#ends[block] as number, key, start, end)
  }
}
