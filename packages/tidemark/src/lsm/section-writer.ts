import { invariant } from '../errors/error.ts'
import { murmur2 } from '../hash/murmur2.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { SortedCursor } from '../store/types.ts'
import type { BlockWriter } from './block-writer.ts'
import { BLOOM_LINE_BYTES, BloomBuilder, partitionShift } from './bloom.ts'
import { sharedBytes } from './bytes.ts'
import type { FileOutput } from './file-output.ts'
import { type BlockCompression, compressed } from './codec.ts'
import {
  BLOCK_BYTES,
  CODEC_NONE,
  CODEC_ZSTD,
  COMPRESSED_BLOCK_BYTES,
  INDEX_PARTITION_BYTES,
  LARGE_REFERENCE_BYTES,
  LARGE_VALUE_BYTES,
  RESTART_INTERVAL,
  TAG_DELETION,
  TAG_INLINE,
  TAG_LARGE,
} from './format.ts'

const STEP_BYTES = 64 * 1024
const NO_BYTES = new Uint8Array(0)

/**
 * Writes the entries of one store: data blocks, large values and index partitions as they come, and at the end what the
 * metadata say of them.
 */
export class SectionWriter {
  readonly name: string
  readonly bloom: BloomBuilder
  readonly #maxEntries: number
  readonly #output: FileOutput
  readonly #block: BlockWriter
  readonly #compress: boolean
  readonly #blockBytes: number
  /** The index partition under way, and how many blocks are in it. */
  readonly #index = new ByteWriter(2 * INDEX_PARTITION_BYTES)
  #indexBlocks = 0
  /** What the metadata say of the partitions that are written. */
  readonly #partitions = new ByteWriter(256)
  #partitionCount = 0
  #partitionEnd = 0
  /** What starts the partition under way. */
  readonly #separator = new ByteWriter(64)
  readonly #bloomTable = new ByteWriter(256)
  readonly #reference = new ByteWriter(LARGE_REFERENCE_BYTES)
  #entries = 0
  #deletions = 0
  #largeValues = 0
  #storedBytes = 0
  #plainBytes = 0
  /** Where the last data block of the partition ended, as the index says positions by their distance. */
  #dataEnd = 0
  #firstKey: Uint8Array = NO_BYTES
  #lastKey = new Uint8Array(256)
  #lastLength = 0

  constructor(
    name: string,
    maxEntries: number,
    output: FileOutput,
    block: BlockWriter,
    compression: BlockCompression,
    blockBytes?: number,
  ) {
    this.name = name
    this.bloom = new BloomBuilder(maxEntries)
    this.#maxEntries = maxEntries
    this.#output = output
    this.#block = block
    this.#compress = compression === 'zstd'
    this.#blockBytes = blockBytes ?? (this.#compress ? COMPRESSED_BLOCK_BYTES : BLOCK_BYTES)
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
      const reference = this.#writeLarge(cursor)
      block.add(key, keyStart, keyEnd, shared, tag, reference.bytes, 0, reference.position)
    } else if (tag === TAG_DELETION) {
      this.#deletions++
      block.add(key, keyStart, keyEnd, shared, tag, NO_BYTES, 0, 0)
    } else {
      block.add(key, keyStart, keyEnd, shared, tag, cursor.valueBytes, cursor.valueStart, cursor.valueEnd)
    }
    this.bloom.add(cursor.hash)
    this.#entries++
    this.#keepKey(key, keyStart, keyEnd, shared)
    if (block.sizeBytes >= this.#blockBytes) this.#endBlock()
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
    if (ascending) return
    invariant(false, `store '${this.name}' gives keys to be written in ascending order, each once`)
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
    if (this.#indexBlocks === 0) {
      // The metadata say what is at most the first key of a partition; in it the first block has no separator.
      this.#separator.reset()
      this.#separator.raw(cursor.keyBytes, cursor.keyStart, cursor.keyStart + length)
      this.#index.varuint(0)
      return
    }
    this.#index.varuint(length)
    this.#index.raw(cursor.keyBytes, cursor.keyStart, cursor.keyStart + length)
  }

  #endBlock(): void {
    const block = this.#block
    block.finish(this.#lastKey, this.#lastLength)
    const { bytes, position: size } = block.out
    const frame = this.#compress ? compressed(bytes, 0, size) : null
    const stored = frame ?? bytes
    const storedSize = frame === null ? size : frame.length
    const at = this.#output.position
    const index = this.#index
    index.varuint(at - this.#dataEnd)
    index.varuint(storedSize)
    index.u8(frame === null ? CODEC_NONE : CODEC_ZSTD)
    if (frame !== null) index.varuint(size)
    index.i32(crc32c(stored, 0, storedSize))
    this.#append(stored, 0, storedSize, size)
    this.#dataEnd = at + storedSize
    this.#indexBlocks++
    block.reset()
    if (index.position >= INDEX_PARTITION_BYTES) this.#endPartition()
  }

  #append(stored: Uint8Array, start: number, end: number, plainBytes: number): void {
    this.#output.append(stored, start, end)
    this.#storedBytes += end - start
    this.#plainBytes += plainBytes
  }

  #endPartition(): void {
    const { bytes, position: size } = this.#index
    const at = this.#output.position
    const table = this.#partitions
    table.varuint(this.#separator.position)
    table.raw(this.#separator.bytes, 0, this.#separator.position)
    table.varuint(at - this.#partitionEnd)
    table.varuint(size)
    table.varuint(this.#indexBlocks)
    table.i32(crc32c(bytes, 0, size))
    this.#output.append(bytes, 0, size)
    this.#partitionEnd = at + size
    this.#partitionCount++
    this.#index.reset()
    this.#indexBlocks = 0
    this.#dataEnd = 0
  }

  #writeLarge(cursor: SortedCursor): ByteWriter {
    const { valueBytes, valueStart, valueEnd } = cursor
    const size = valueEnd - valueStart
    const at = this.#output.position
    const frame = this.#compress ? compressed(valueBytes, valueStart, valueEnd) : null
    const stored = frame ?? valueBytes
    const start = frame === null ? valueStart : 0
    const end = frame === null ? valueEnd : frame.length
    const reference = this.#reference
    reference.reset()
    reference.i64(BigInt(at))
    reference.i32(end - start)
    reference.i32(size)
    reference.u8(frame === null ? CODEC_NONE : CODEC_ZSTD)
    reference.i32(crc32c(stored, start, end))
    this.#append(stored, start, end, size)
    this.#largeValues++
    return reference
  }

  /** After the last entry. */
  endEntries(): void {
    if (!this.#block.empty) this.#endBlock()
    if (this.#indexBlocks > 0) this.#endPartition()
    invariant(this.#entries <= this.#maxEntries, `store '${this.name}' has as many entries to write as it said`)
  }

  /** Writes the bloom filter, in steps; after `endEntries`. */
  *writeBloom(): Generator<void, void> {
    const bytes = yield* this.bloom.finish()
    const lines = bytes.length / BLOOM_LINE_BYTES
    const shift = partitionShift(lines)
    const partitionBytes = BLOOM_LINE_BYTES * 2 ** shift
    const table = this.#bloomTable
    table.varuint(lines)
    table.varuint(shift)
    table.varuint(this.#output.position)
    for (let at = 0; at < bytes.length; at += partitionBytes) {
      const end = Math.min(bytes.length, at + partitionBytes)
      table.i32(crc32c(bytes, at, end))
      this.#output.append(bytes, at, end)
      if (at % STEP_BYTES === 0) yield
    }
  }

  /** What the metadata say of this section; after `writeBloom`. */
  writeMetadata(out: ByteWriter): void {
    out.text(this.name)
    out.varuint(this.#entries)
    out.varuint(this.#deletions)
    out.block(this.#firstKey)
    out.block(this.lastKey)
    out.varuint(RESTART_INTERVAL)
    out.varuint(this.#largeValues)
    out.varuint(this.#storedBytes)
    out.varuint(this.#plainBytes)
    out.varuint(this.#partitionCount)
    out.raw(this.#partitions.bytes, 0, this.#partitions.position)
    out.raw(this.#bloomTable.bytes, 0, this.#bloomTable.position)
  }
}
