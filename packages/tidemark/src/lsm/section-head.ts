import type { ByteReader } from '../serde/byte-reader.ts'
import { Separators } from './separators.ts'

/** What the metadata of a file says of the entries of one store: all that is in memory of it once the file is open. */
export interface SectionHead {
  readonly name: string
  /** Entries, deletions among them. */
  readonly entries: number
  readonly deletions: number
  readonly firstKey: Uint8Array
  readonly lastKey: Uint8Array
  readonly restartInterval: number
  readonly largeValues: number
  /** Bytes of data blocks and large values, as they are stored and before compression. */
  readonly storedBytes: number
  readonly plainBytes: number
  readonly partitions: PartitionTable
  readonly bloom: BloomTable
}

/** Where the index partitions are, with the number of the first block of each. */
export interface PartitionTable {
  readonly separators: Separators
  readonly positions: Float64Array
  readonly sizes: Uint32Array
  readonly crcs: Uint32Array
  /** One more than there are partitions: the last is the number of blocks. */
  readonly firstBlocks: Float64Array
}

/** Where the bloom filter's partitions are: one behind the other, each of so many lines but the last. */
export interface BloomTable {
  readonly lines: number
  /** Lines of a partition are 2 to this power. */
  readonly shift: number
  readonly position: number
  readonly crcs: Uint32Array
}

/** Reads one section of the metadata. Throws ERR_SERDE when it is cut off. */
export function readSectionHead(reader: ByteReader): SectionHead {
  const name = reader.text()
  const entries = reader.varuint()
  const deletions = reader.varuint()
  const firstKey = reader.block()
  const lastKey = reader.block()
  const restartInterval = reader.varuint()
  const largeValues = reader.varuint()
  const storedBytes = reader.varuint()
  const plainBytes = reader.varuint()
  const partitions = readPartitions(reader)
  const bloom = readBloom(reader)
  const counts = { entries, deletions, largeValues, storedBytes, plainBytes }
  return { name, ...counts, firstKey, lastKey, restartInterval, partitions, bloom }
}

function readPartitions(reader: ByteReader): PartitionTable {
  const count = reader.varuint()
  const separators = new Separators(reader.bytes, count)
  const positions = new Float64Array(count)
  const sizes = new Uint32Array(count)
  const crcs = new Uint32Array(count)
  const firstBlocks = new Float64Array(count + 1)
  let position = 0
  for (let i = 0; i < count; i++) {
    const separator = reader.block()
    separators.set(i, reader.position - separator.length, reader.position)
    position += reader.varuint()
    const size = reader.varuint()
    positions[i] = position
    sizes[i] = size
    firstBlocks[i + 1] = (firstBlocks[i] as number) + reader.varuint()
    crcs[i] = reader.i32()
    position += size
  }
  separators.ready()
  return { separators, positions, sizes, crcs, firstBlocks }
}

function readBloom(reader: ByteReader): BloomTable {
  const lines = reader.varuint()
  const shift = reader.varuint()
  const position = reader.varuint()
  const crcs = new Uint32Array(Math.ceil(lines / 2 ** shift))
  for (let i = 0; i < crcs.length; i++) crcs[i] = reader.i32()
  return { lines, shift, position, crcs }
}
