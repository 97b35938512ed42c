import { DATA_ROUNDS, type CacheOwner, INDEX_ROUNDS, KIND_DATA, KIND_INDEX } from './block-cache.ts'
import { findEntry } from './block-search.ts'
import { compareBytes, sharedBytes } from './bytes.ts'
import { plainBlock } from './codec.ts'
import { EntryReader } from './entry-reader.ts'
import { CODEC_NONE, corrupt, TAG_DELETION, TAG_LARGE } from './format.ts'
import { IndexPartition } from './index-partition.ts'
import { LargeValues } from './large-values.ts'
import { PartitionedBloom } from './partitioned-bloom.ts'
import type { ReadCounters } from './read-counters.ts'
import type { MissingPart, SectionFile } from './section-file.ts'
import type { PartitionTable, SectionHead } from './section-head.ts'
import { prefix48 } from './separators.ts'
import { isTidemarkError } from '../errors/error.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * The entries of one store in one sorted file. Of its index and filter only the tables of their partitions are always in
 * memory. Answers are in fields, valid until the next call.
 */
export class Section implements CacheOwner {
  readonly head: SectionHead
  readonly file: SectionFile
  readonly bloom: PartitionedBloom
  readonly cacheGroup: object
  /** Of the index partitions. */
  readonly cachedReads: Uint8Array
  valueBytes: Uint8Array = NO_BYTES
  valueStart = 0
  valueEnd = 0
  /** Where the block that `load` loaded is. */
  blockBytes: Uint8Array = NO_BYTES
  blockStart = 0
  blockEnd = 0
  readonly #table: PartitionTable
  readonly #partitions: (IndexPartition | null)[]
  readonly #large: LargeValues
  readonly #entry = new EntryReader()
  readonly #counters: ReadCounters
  readonly #reads: Float64Array
  /** Bytes that all keys have in common, and the next bytes of the first and last key as numbers. */
  readonly #common: number
  readonly #firstPrefix: number
  readonly #lastPrefix: number
  /** The partition that `load` used last. */
  #place = 0

  constructor(file: SectionFile, head: SectionHead) {
    this.file = file
    this.cacheGroup = file
    this.head = head
    this.bloom = new PartitionedBloom(file, head.name, head.bloom)
    this.#table = head.partitions
    this.#counters = file.counters
    this.#reads = file.cache.reads
    const count = head.partitions.positions.length
    this.#partitions = new Array<IndexPartition | null>(count).fill(null)
    this.cachedReads = new Uint8Array(count)
    this.#large = new LargeValues(file, head.name)
    const { firstKey, lastKey } = head
    this.#common = sharedBytes(firstKey, 0, firstKey.length, lastKey, 0, lastKey.length)
    this.#firstPrefix = prefix48(firstKey, this.#common, firstKey.length)
    this.#lastPrefix = prefix48(lastKey, this.#common, lastKey.length)
  }

  /** The number of data blocks; they are numbered in the order of their keys. */
  get blocks(): number {
    return this.#table.firstBlocks[this.partitions] as number
  }

  /** The number of index partitions. */
  get partitions(): number {
    return this.#partitions.length
  }

  /** False only if the key is not here. */
  mayContain(key: Uint8Array, start: number, end: number, hash: number): boolean {
    return this.bloom.has(hash) && this.#inRange(key, start, end)
  }

  /** 0 not here, 1 found (the value is in valueBytes[valueStart, valueEnd)), 2 deleted here. */
  get(key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    const counters = this.#counters
    counters.checks++
    if (!this.bloom.has(hash)) return 0
    counters.passes++
    if (!this.#inRange(key, start, end)) return 0
    const common = this.#common
    const number = this.#table.separators.search(key, start, end, common)
    const partition = this.partition(number)
    this.#loadBlock(partition, partition.separators.search(key, start, end, common))
    const entry = this.#entry
    if (!findEntry(this.blockBytes, this.blockStart, this.blockEnd, entry, key, start, end)) return 0
    counters.found++
    if (entry.tag === TAG_DELETION) return 2
    if (entry.tag === TAG_LARGE) {
      this.loadLarge(this.blockBytes, entry.keyEnd)
    } else {
      this.valueBytes = this.blockBytes
      this.valueStart = entry.keyEnd
      this.valueEnd = entry.valueEnd
    }
    return 1
  }

  /** False only if the key is below the first or above the last; with keys near them it may be wrong. */
  #inRange(key: Uint8Array, start: number, end: number): boolean {
    const common = this.#common
    const { firstKey } = this.head
    if (end - start < common) return false
    for (let i = 0; i < common; i++) if (key[start + i] !== firstKey[i]) return false
    const prefix = prefix48(key, start + common, end)
    return prefix >= this.#firstPrefix && prefix <= this.#lastPrefix
  }

  /** The last block that starts at or below the key; 0 when all are above it. */
  seek(key: Uint8Array, start: number, end: number): number {
    const { firstKey, lastKey } = this.head
    if (compareBytes(key, start, end, firstKey, 0, firstKey.length) <= 0) return 0
    if (compareBytes(key, start, end, lastKey, 0, lastKey.length) >= 0) return this.blocks - 1
    const number = this.#table.separators.search(key, start, end, this.#common)
    const block = this.partition(number).separators.search(key, start, end, this.#common)
    return (this.#table.firstBlocks[number] as number) + block
  }

  /** The number of the partition that a block belongs to. */
  partitionOf(block: number): number {
    const { firstBlocks } = this.#table
    if (block >= (firstBlocks[this.#place] as number) && block < (firstBlocks[this.#place + 1] as number)) {
      return this.#place
    }
    let low = 0
    let high = this.partitions - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((firstBlocks[middle] as number) <= block) low = middle
      else high = middle - 1
    }
    this.#place = low
    return low
  }

  /** The number of the first block of a partition. */
  firstBlockOf(number: number): number {
    return this.#table.firstBlocks[number] as number
  }

  /** An index partition, loaded if need be. */
  partition(number: number): IndexPartition {
    const reads = this.#reads
    reads[KIND_INDEX] = (reads[KIND_INDEX] as number) + 1
    const partition = this.#partitions[number] ?? this.#loadPartition(number)
    this.cachedReads[number] = INDEX_ROUNDS
    return partition
  }

  #loadPartition(number: number): IndexPartition {
    const partition = this.readPartition(number)
    this.#keepPartition(number, partition)
    return partition
  }

  /** An index partition as it is now in memory, or else read past the cache. */
  readPartition(number: number): IndexPartition {
    const { positions, sizes, crcs } = this.#table
    const known = this.#partitions[number] ?? null
    if (known !== null) return known
    const size = sizes[number] as number
    const bytes = this.file.readVerified(positions[number] as number, size, crcs[number] as number, this.head.name)
    return this.#decodePartition(number, bytes, 0, size)
  }

  #decodePartition(number: number, bytes: Uint8Array, start: number, end: number): IndexPartition {
    const { firstBlocks, positions } = this.#table
    const blocks = (firstBlocks[number + 1] as number) - (firstBlocks[number] as number)
    let partition: IndexPartition | null = null
    try {
      partition = new IndexPartition(bytes, start, end, blocks, this.cacheGroup, this.file.cache.buffers)
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_SERDE')) throw error
    }
    if (partition !== null && partition.unread === 0) return partition
    const { path } = this.file
    throw corrupt(path, positions[number] as number, 'has an index partition that cannot be read', this.head.name)
  }

  #keepPartition(number: number, partition: IndexPartition): void {
    if (!this.file.cache.add(this, number, partition.memoryBytes, KIND_INDEX)) return
    this.#partitions[number] = partition
    partition.kept = true
  }

  /** The separator of an index partition. */
  separatorOf(number: number): Uint8Array {
    return this.#table.separators.at(number)
  }

  /** Where an index partition is. */
  placeOfPartition(number: number): { readonly position: number; readonly sizeBytes: number; readonly crc: number } {
    const { positions, sizes, crcs } = this.#table
    return {
      position: positions[number] as number,
      sizeBytes: sizes[number] as number,
      crc: crcs[number] as number,
    }
  }

  /** Makes a data block available in blockBytes[blockStart, blockEnd), for as long as the caller likes. */
  load(block: number): void {
    const number = this.partitionOf(block)
    const partition = this.partition(number)
    const place = block - (this.#table.firstBlocks[number] as number)
    this.#loadBlock(partition, place)
    partition.lent[place] = 1
  }

  #loadBlock(partition: IndexPartition, block: number): void {
    const reads = this.#reads
    const { resident } = this.file
    reads[KIND_DATA] = (reads[KIND_DATA] as number) + 1
    const cached = partition.cached[block] as Uint8Array | null
    if (cached !== null) {
      partition.cachedReads[block] = DATA_ROUNDS
      this.blockBytes = cached
      this.blockStart = 0
      this.blockEnd = cached.length
    } else if (resident !== null) {
      this.blockBytes = resident
      this.blockStart = partition.positions[block] as number
      this.blockEnd = this.blockStart + (partition.sizes[block] as number)
    } else {
      this.#readBlock(partition, block)
    }
  }

  #readBlock(partition: IndexPartition, block: number): void {
    const position = partition.positions[block] as number
    const size = partition.sizes[block] as number
    const target = this.file.cache.buffers.take(size)
    const stored = this.file.readVerified(position, size, partition.crcs[block] as number, this.head.name, target)
    const bytes = this.plainBlock(partition, block, stored)
    if (bytes !== stored) this.file.cache.buffers.give(stored)
    this.#keepBlock(partition, block, bytes)
    this.blockBytes = bytes
    this.blockStart = 0
    this.blockEnd = bytes.length
  }

  /** The content of a block from its stored bytes, which were verified. */
  plainBlock(partition: IndexPartition, block: number, stored: Uint8Array): Uint8Array {
    const plain = plainBlock(stored, partition.codecs[block] as number, partition.plainSizes[block] as number)
    if (plain !== null) return plain
    const position = partition.positions[block] as number
    throw corrupt(this.file.path, position, 'has a block that cannot be decompressed', this.head.name)
  }

  #keepBlock(partition: IndexPartition, block: number, bytes: Uint8Array): void {
    const { cache } = this.file
    if (!partition.kept) {
      cache.countMiss(KIND_DATA)
      return
    }
    // Counted before, so that making room for the block does not drop its partition.
    partition.held++
    if (cache.add(partition, block, bytes.length, KIND_DATA)) partition.cached[block] = bytes
    else partition.held--
  }

  loadLarge(block: Uint8Array, at: number): void {
    const value = this.#large.load(block, at)
    this.valueBytes = value
    this.valueStart = 0
    this.valueEnd = value.length
  }

  /** As `loadLarge`, past the cache: the value alone. */
  readLarge(block: Uint8Array, at: number): Uint8Array {
    return this.#large.loadOnce(block, at)
  }

  /**
   * How far a look-up comes without a read: what it would have to read first, or else whether the key is here (deleted
   * or not).
   */
  probe(key: Uint8Array, start: number, end: number, hash: number): MissingPart | boolean {
    const bloom = this.bloom.missing(hash)
    if (bloom !== null) return bloom
    if (!this.mayContain(key, start, end, hash)) return false
    const number = this.#table.separators.search(key, start, end, this.#common)
    const partition = this.#partitions[number] ?? null
    if (partition === null) return this.#missingPartition(number)
    const block = partition.separators.search(key, start, end, this.#common)
    if (partition.cached[block] === null && this.file.resident === null) return this.#missingBlock(partition, block)
    this.#loadBlock(partition, block)
    const entry = this.#entry
    if (!findEntry(this.blockBytes, this.blockStart, this.blockEnd, entry, key, start, end)) return false
    if (entry.tag !== TAG_LARGE || this.file.resident !== null) return true
    return this.#large.missing(this.blockBytes, entry.keyEnd) ?? true
  }

  #missingPartition(number: number): MissingPart {
    const place = this.placeOfPartition(number)
    return {
      ...place,
      store: this.head.name,
      keep: (bytes) => {
        if ((this.#partitions[number] ?? null) !== null) return
        this.#keepPartition(number, this.#decodePartition(number, bytes, 0, bytes.length))
      },
    }
  }

  #missingBlock(partition: IndexPartition, block: number): MissingPart {
    return {
      store: this.head.name,
      position: partition.positions[block] as number,
      sizeBytes: partition.sizes[block] as number,
      crc: partition.crcs[block] as number,
      keep: (bytes) => {
        if (partition.kept && partition.cached[block] === null) {
          this.#keepBlock(partition, block, this.plainBlock(partition, block, bytes))
        }
      },
    }
  }

  /** Takes an index partition from the file's bytes, which were verified, for good. */
  makeResident(number: number, bytes: Uint8Array): IndexPartition {
    const { position, sizeBytes } = this.placeOfPartition(number)
    const partition = this.#decodePartition(number, bytes, position, position + sizeBytes)
    this.#partitions[number] = partition
    return partition
  }

  /** Keeps the content of a compressed block for good, beside the file's bytes. */
  keepResident(partition: IndexPartition, block: number, file: Uint8Array): void {
    if (partition.codecs[block] === CODEC_NONE) return
    const position = partition.positions[block] as number
    const stored = file.subarray(position, position + (partition.sizes[block] as number))
    partition.cached[block] = this.plainBlock(partition, block, stored)
  }

  evict(number: number): boolean {
    const partition = this.#partitions[number] as IndexPartition
    if (partition.held > 0) return false
    partition.kept = false
    this.#partitions[number] = null
    return true
  }
}
