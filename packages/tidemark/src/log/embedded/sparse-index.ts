import { type Disk, readFile } from '../../disk/disk.ts'
import { isTidemarkError } from '../../errors/error.ts'
import { readInt32, readInt64, writeInt32, writeInt64 } from '../batch-header.ts'
import { crc32c } from '../crc/crc32c.ts'
import { BatchWalk, type PartitionName } from './batch-walk.ts'

/** Bytes of a segment between two entries, at least. */
export const INDEX_INTERVAL_BYTES = 4096

const OFFSET_MAGIC = 0x544d4958
const TIME_MAGIC = 0x544d5458
const HEADER_BYTES = 24
const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12
const AT = { magic: 0, crc: 4, segmentBytes: 8, count: 16, zero: 20 } as const

/**
 * Every so often a batch of a segment: its base offset, its position, and the greatest timestamp of all batches before
 * the next entry. The first batch always has an entry.
 */
export interface SparseIndex {
  readonly segmentBytes: number
  readonly offsets: readonly number[]
  readonly positions: readonly number[]
  readonly maxTimestampsMs: readonly number[]
}

/** Makes the index of the first `segmentBytes` of a segment from its batch headers. */
export function buildIndex(disk: Disk, segmentPath: string, owner: PartitionName, segmentBytes: number): SparseIndex {
  const offsets: number[] = []
  const positions: number[] = []
  const maxTimestampsMs: number[] = []
  const file = disk.open(segmentPath, 'read')
  try {
    const walk = new BatchWalk(file, owner, 0, segmentBytes)
    let last = Number.NEGATIVE_INFINITY
    let max = -1
    while (walk.next()) {
      max = Math.max(max, walk.maxTimestampMs)
      if (walk.position >= last + INDEX_INTERVAL_BYTES) {
        last = walk.position
        offsets.push(walk.offset)
        positions.push(walk.position)
        maxTimestampsMs.push(max)
      } else {
        maxTimestampsMs[maxTimestampsMs.length - 1] = max
      }
    }
  } finally {
    file.close()
  }
  return { segmentBytes, offsets, positions, maxTimestampsMs }
}

/** Writes both index files of a segment. They are not synced: whoever finds one missing or damaged builds it again. */
export function writeIndex(disk: Disk, paths: IndexPaths, base: number, index: SparseIndex): void {
  const count = index.offsets.length
  const offsets = new Uint8Array(HEADER_BYTES + count * OFFSET_ENTRY_BYTES)
  const times = new Uint8Array(HEADER_BYTES + count * TIME_ENTRY_BYTES)
  for (let i = 0; i < count; i++) {
    const relative = (index.offsets[i] as number) - base
    const offsetAt = HEADER_BYTES + i * OFFSET_ENTRY_BYTES
    writeInt32(offsets, offsetAt, relative)
    writeInt32(offsets, offsetAt + 4, index.positions[i] as number)
    const timeAt = HEADER_BYTES + i * TIME_ENTRY_BYTES
    writeInt64(times, timeAt, index.maxTimestampsMs[i] as number)
    writeInt32(times, timeAt + 8, relative)
  }
  store(disk, paths.index, OFFSET_MAGIC, offsets, index)
  store(disk, paths.timeindex, TIME_MAGIC, times, index)
}

export interface IndexPaths {
  readonly index: string
  readonly timeindex: string
}

function store(disk: Disk, path: string, magic: number, bytes: Uint8Array, index: SparseIndex): void {
  writeInt32(bytes, AT.magic, magic)
  writeInt64(bytes, AT.segmentBytes, index.segmentBytes)
  writeInt32(bytes, AT.count, index.offsets.length)
  writeInt32(bytes, AT.crc, crc32c(bytes, AT.segmentBytes))
  const file = disk.open(path, 'create')
  try {
    file.truncate(0)
    file.write(bytes, 0)
  } finally {
    file.close()
  }
}

/** Reads both index files; null when one is missing, damaged, or of a segment of another size. */
export function readIndex(disk: Disk, paths: IndexPaths, base: number, segmentBytes: number): SparseIndex | null {
  const offsetBytes = load(disk, paths.index, OFFSET_MAGIC, OFFSET_ENTRY_BYTES, segmentBytes)
  const timeBytes = load(disk, paths.timeindex, TIME_MAGIC, TIME_ENTRY_BYTES, segmentBytes)
  if (offsetBytes === null || timeBytes === null) return null
  const count = readInt32(offsetBytes, AT.count)
  if (readInt32(timeBytes, AT.count) !== count) return null
  const offsets: number[] = []
  const positions: number[] = []
  const maxTimestampsMs: number[] = []
  for (let i = 0; i < count; i++) {
    const at = HEADER_BYTES + i * OFFSET_ENTRY_BYTES
    offsets.push(base + (readInt32(offsetBytes, at) >>> 0))
    positions.push(readInt32(offsetBytes, at + 4) >>> 0)
    maxTimestampsMs.push(readInt64(timeBytes, HEADER_BYTES + i * TIME_ENTRY_BYTES))
  }
  return { segmentBytes, offsets, positions, maxTimestampsMs }
}

function load(disk: Disk, path: string, magic: number, entryBytes: number, segmentBytes: number): Uint8Array | null {
  // The usual case for the segment that grows, and dear as an exception.
  if (!disk.exists(path)) return null
  let bytes: Uint8Array
  try {
    bytes = readFile(disk, path)
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
    throw error
  }
  if (bytes.length < HEADER_BYTES || readInt32(bytes, AT.magic) !== magic) return null
  if (readInt64(bytes, AT.segmentBytes) !== segmentBytes) return null
  if (bytes.length !== HEADER_BYTES + readInt32(bytes, AT.count) * entryBytes) return null
  return crc32c(bytes, AT.segmentBytes) === readInt32(bytes, AT.crc) >>> 0 ? bytes : null
}

/** The last entry at or before `offset`: the position to walk from. */
export function positionBefore(index: SparseIndex, offset: number): number {
  return index.positions[firstAbove(index.offsets, offset) - 1] ?? 0
}

/** The first entry whose batches reach `timeMs`: the position to walk from; -1 if none does. */
export function positionAtTime(index: SparseIndex, timeMs: number): number {
  return index.positions[firstAbove(index.maxTimestampsMs, timeMs - 1)] ?? -1
}

/** The place of the first value above `limit` in ascending values. */
function firstAbove(values: readonly number[], limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] as number) > limit) high = middle
    else low = middle + 1
  }
  return low
}
