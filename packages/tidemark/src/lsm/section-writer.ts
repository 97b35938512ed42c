import { invariant } from '../errors/error.ts'
import { murmur2 } from '../hash/murmur2.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { SortedCursor } from '../store/types.ts'
import type { BlockWriter } from './block-writer.ts'
import { BloomBuilder } from './bloom.ts'
import { sharedBytes } from './bytes.ts'
import type { FileOutput } from './file-output.ts'
import { BLOCK_BYTES, LARGE_VALUE_BYTES, RESTART_INTERVAL, TAG_DELETION, TAG_INLINE, TAG_LARGE } from './format.ts'

const NO_BYTES = new Uint8Array(0)

/** Writes the entries of one store: data blocks and large values as they come, and what the metadata says of them. */
export class SectionWriter {
  readonly name: string
  readonly bloom: BloomBuilder
  readonly #maxEntries: number
  readonly #output: FileOutput
  readonly #block: BlockWriter
  readonly #index = new ByteWriter(4096)
  readonly #large = new ByteWriter(64)
  readonly #ordinal = new ByteWriter(8)
  #entries = 0
  #deletions = 0
  #blocks = 0
  #largeBlocks = 0
  /** Where the last data block and the last large block ended, as the index says positions by their distance. */
  #dataEnd = 0
  #largeEnd = 0
  #firstKey: Uint8Array = NO_BYTES
  #lastKey = new Uint8Array(256)
  #lastLength = 0

  constructor(name: string, maxEntries: number, output: FileOutput, block: BlockWriter) {
    this.name = name
    this.bloom = new BloomBuilder(maxEntries)
    this.#maxEntries = maxEntries
    this.#output = output
    this.#block = block
  }

  get entries(): number {
    return this.#entries
  }

  get deletions(): number {
    return this.#deletions
  }

  get firstKey(): Uint8Array {
    return this.#firstKey
  }

  get lastKey(): Uint8Array {
    return this.#lastKey.slice(0, this.#lastLength)
  }

  /** Appends the entry that the cursor is at; keys must ascend. */
  add(cursor: SortedCursor): void {
    const key = cursor.keyBytes
    const keyStart = cursor.keyStart
    const keyEnd = cursor.keyEnd
    const shared = sharedBytes(key, keyStart, keyEnd, this.#lastKey, 0, this.#lastLength)
    if (this.#entries === 0) this.#firstKey = key.slice(keyStart, keyEnd)
    else this.#checkOrder(key, keyStart, keyEnd, shared)
    const block = this.#block
    if (block.empty) this.#startBlock(cursor, shared)
    const tag = this.#tag(cursor)
    if (tag === TAG_LARGE) {
      const ordinal = this.#writeLarge(cursor)
      block.add(key, keyStart, keyEnd, shared, tag, ordinal.bytes, 0, ordinal.position)
    } else if (tag === TAG_DELETION) {
      this.#deletions++
      block.add(key, keyStart, keyEnd, shared, tag, NO_BYTES, 0, 0)
    } else {
      block.add(key, keyStart, keyEnd, shared, tag, cursor.valueBytes, cursor.valueStart, cursor.valueEnd)
    }
    this.bloom.add(cursor.hash)
    this.#entries++
    this.#keepKey(key, keyStart, keyEnd, shared)
    if (block.sizeBytes >= BLOCK_BYTES) this.#endBlock()
  }

  #tag(cursor: SortedCursor): number {
    if (!cursor.present) return TAG_DELETION
    const length = cursor.valueEnd - cursor.valueStart
    return length > LARGE_VALUE_BYTES ? TAG_LARGE : length + TAG_INLINE
  }

  #checkOrder(key: Uint8Array, start: number, end: number, shared: number): void {
    const ascending =
      shared === this.#lastLength
        ? end - start > shared
        : shared < end - start && (key[start + shared] as number) > (this.#lastKey[shared] as number)
    invariant(ascending, `store '${this.name}' gives keys to be written in ascending order, each once`)
  }

  #keepKey(key: Uint8Array, start: number, end: number, shared: number): void {
    const length = end - start
    if (length > this.#lastKey.length) {
      const grown = new Uint8Array(length * 2)
      grown.set(this.#lastKey.subarray(0, this.#lastLength))
      this.#lastKey = grown
    }
    const last = this.#lastKey
    for (let i = shared; i < length; i++) last[i] = key[start + i] as number
    this.#lastLength = length
  }

  /** The index entry starts with a separator: the shortest start of the key that is above the key before it. */
  #startBlock(cursor: SortedCursor, shared: number): void {
    invariant(
      (cursor.hash | 0) === murmur2(cursor.keyBytes, cursor.keyStart, cursor.keyEnd),
      `the hash of a key of store '${this.name}' is its murmur2`,
    )
    const length = this.#entries === 0 ? 0 : shared + 1
    this.#index.varuint(length)
    this.#index.raw(cursor.keyBytes, cursor.keyStart, cursor.keyStart + length)
  }

  #endBlock(): void {
    const block = this.#block
    block.finish(this.#lastKey, this.#lastLength)
    const { bytes, position: size } = block.out
    const at = this.#output.position
    this.#index.varuint(at - this.#dataEnd)
    this.#index.varuint(size)
    this.#index.i32(crc32c(bytes, 0, size))
    this.#output.append(bytes, 0, size)
    this.#dataEnd = at + size
    this.#blocks++
    block.reset()
  }

  #writeLarge(cursor: SortedCursor): ByteWriter {
    const { valueBytes, valueStart, valueEnd } = cursor
    const at = this.#output.position
    this.#large.varuint(at - this.#largeEnd)
    this.#large.varuint(valueEnd - valueStart)
    this.#large.i32(crc32c(valueBytes, valueStart, valueEnd))
    this.#output.append(valueBytes, valueStart, valueEnd)
    this.#largeEnd = at + valueEnd - valueStart
    this.#ordinal.reset()
    this.#ordinal.varuint(this.#largeBlocks++)
    return this.#ordinal
  }

  /** After the last entry. */
  endEntries(): void {
    if (!this.#block.empty) this.#endBlock()
    invariant(this.#entries <= this.#maxEntries, `store '${this.name}' has as many entries to write as it said`)
  }

  /** What the metadata says of this section, in front of the bloom filter's bytes. */
  writeMetadata(out: ByteWriter, bloomBytes: number): void {
    out.text(this.name)
    out.varuint(this.#entries)
    out.varuint(this.#deletions)
    out.block(this.#firstKey)
    out.block(this.lastKey)
    out.varuint(RESTART_INTERVAL)
    out.varuint(this.#blocks)
    out.raw(this.#index.bytes, 0, this.#index.position)
    out.varuint(this.#largeBlocks)
    out.raw(this.#large.bytes, 0, this.#large.position)
    out.varuint(bloomBytes)
  }
}
