import type { Disk, DiskFile } from '../disk/disk.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { Findings, type Finding } from '../lsm/finding.ts'
import { maskedCrc } from './masked-crc.ts'

const FOOTER_BYTES = 48
const MAGIC = 0xdb47_7524_8b80_fb57n
/** Behind each block: its kind of compression, and a checksum of both. */
const TRAILER_BYTES = 5
const MOST_VARINT = 10

interface Place {
  readonly position: number
  readonly size: number
}

/**
 * Checks the checksum of every block of a LevelDB table, which LevelDB itself does not do when it reads. By LevelDB's
 * documented table format (doc/table_format.md). Steps of one block. Files that were written with compression in their
 * index are checked as far as that can be read without it.
 */
export function* verifyLevelTable(disk: Disk, path: string): Generator<void, readonly Finding[]> {
  const findings = new Findings(path)
  const file = disk.open(path, 'read')
  try {
    const size = file.size()
    const footer = readAt(file, { position: Math.max(0, size - FOOTER_BYTES), size: FOOTER_BYTES })
    if (footer === null || Buffer.from(footer).readBigUInt64LE(FOOTER_BYTES - 8) !== MAGIC) {
      findings.damage(Math.max(0, size - FOOTER_BYTES), 'has no footer of a LevelDB table')
      return findings.list
    }
    const at = { offset: 0 }
    const metaIndex = placeOf(footer, at)
    const index = placeOf(footer, at)
    checkBlock(file, metaIndex, findings)
    const entries = checkBlock(file, index, findings)
    if (entries === null) return findings.list
    for (const block of blocksOf(entries)) {
      checkBlock(file, block, findings)
      yield
    }
    return findings.list
  } finally {
    file.close()
  }
}

/** The block's content if its checksum is right and it is not compressed. */
function checkBlock(file: DiskFile, { position, size }: Place, findings: Findings): Uint8Array | null {
  const bytes = readAt(file, { position, size: size + TRAILER_BYTES })
  if (bytes === null) {
    findings.damage(position, `ends before its block of ${size} bytes does`)
    return null
  }
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(size + 1)
  const crc = crc32c(bytes, 0, size + 1)
  if (stored !== maskedCrc(crc)) {
    findings.damage(position, `its block of ${size} bytes has another checksum than it was written with`)
    return null
  }
  return bytes[size] === 0 ? bytes.subarray(0, size) : null
}

function readAt(file: DiskFile, { position, size }: Place): Uint8Array | null {
  if (position + size > file.size()) return null
  const bytes = new Uint8Array(size)
  return file.read(bytes, 0, size, position) === size ? bytes : null
}

/** Entries of an index: shared, unshared, length of the value; the rest of the key; the value, which is a place. */
function* blocksOf(index: Uint8Array): Generator<Place> {
  const restarts = Buffer.from(index.buffer, index.byteOffset, index.length).readUInt32LE(index.length - 4)
  const end = index.length - 4 - 4 * restarts
  const at = { offset: 0 }
  while (at.offset < end) {
    varint(index, at)
    const unshared = varint(index, at)
    const length = varint(index, at)
    at.offset += unshared
    const value = at.offset
    yield placeOf(index, at)
    at.offset = value + length
  }
}

function placeOf(bytes: Uint8Array, at: { offset: number }): Place {
  const position = varint(bytes, at)
  return { position, size: varint(bytes, at) }
}

function varint(bytes: Uint8Array, at: { offset: number }): number {
  let value = 0
  let scale = 1
  for (let i = 0; i < MOST_VARINT; i++) {
    const byte = bytes[at.offset++] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) break
    scale *= 128
  }
  return value
}
