import type { DiskFile } from '../disk/disk.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { ForwardCursor } from './forward-cursor.ts'
import { readInto } from './file-reads.ts'
import { corrupt } from './format.ts'
import type { IndexPartition } from './index-partition.ts'
import type { Section } from './section.ts'

const STEP_BYTES = 256 * 1024
const STEP_ENTRIES = 4096

interface Place {
  readonly position: number
  readonly sizeBytes: number
  readonly crc: number
}

/** Reads everything in front of the metadata, in steps. Throws ERR_STATE_CORRUPT, ERR_DISK_IO. */
export function* readAll(file: DiskFile, length: number): Generator<void, Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += STEP_BYTES) {
    const wanted = Math.min(STEP_BYTES, length - at)
    const count = readInto(file, bytes, at, at, wanted)
    if (count < wanted) throw corrupt(file.path, at + count, 'is cut off')
    yield
  }
  return bytes
}

/**
 * Verifies every part of the sections of a file whose bytes are in memory, and makes index and filter ready: no read
 * goes to the disk any more. Throws ERR_STATE_CORRUPT.
 */
export function* makeResident(path: string, bytes: Uint8Array, sections: Iterable<Section>): Generator<void, void> {
  for (const section of sections) {
    const store = section.head.name
    for (let i = 0; i < section.bloom.partitions; i++) {
      check(path, bytes, section.bloom.place(i), store)
      yield
    }
    section.bloom.makeResident(bytes)
    for (let i = 0; i < section.partitions; i++) {
      check(path, bytes, section.placeOfPartition(i), store)
      yield* checkBlocks(path, bytes, section, section.makeResident(i, bytes))
    }
    yield* checkLargeValues(section)
  }
}

function* checkBlocks(
  path: string,
  bytes: Uint8Array,
  section: Section,
  partition: IndexPartition,
): Generator<void, void> {
  let left = STEP_BYTES
  for (let i = 0; i < partition.blocks; i++) {
    const position = partition.positions[i] as number
    const sizeBytes = partition.sizes[i] as number
    check(path, bytes, { position, sizeBytes, crc: partition.crcs[i] as number }, section.head.name)
    section.keepResident(partition, i, bytes)
    left -= sizeBytes
    if (left > 0) continue
    left = STEP_BYTES
    yield
  }
}

function check(path: string, bytes: Uint8Array, { position, sizeBytes, crc }: Place, store: string): void {
  if (position + sizeBytes > bytes.length || crc32c(bytes, position, position + sizeBytes) !== crc) {
    throw corrupt(path, position, 'has a block that fails its checksum', store)
  }
}

/** Each use of a large value checks it; here all are used once. */
function* checkLargeValues(section: Section): Generator<void, void> {
  if (section.head.largeValues === 0) return
  const cursor = new ForwardCursor(section, section, null, null)
  for (let count = 1; cursor.next(); count++) {
    cursor.resolve()
    if (count % STEP_ENTRIES === 0) yield
  }
}
