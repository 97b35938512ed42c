/**
 * The frame of a journal entry: 32 bytes, big endian, then the payload.
 *
 *     0 magic "TMJ1"   4 CRC-32C of all that follows   8 length of the payload   12 type   13 flags   14 zero
 *     16 sequence: 64 bits, one more than the entry before, over all files
 *     24 synced: 64 bits, how many bytes of this file were known to be durable when this entry was written
 *
 * `synced` is what tells a torn write from damage: a bad entry at p followed by a valid one with synced > p had once been
 * durable, so that the disk has lost committed bytes; without such a witness it is the remains of a write in flight.
 */
import type { ByteWriter } from '../../serde/byte-writer.ts'
import { readInt32, readInt64, writeInt32, writeInt64 } from '../batch-header.ts'
import { crc32c } from '../crc/crc32c.ts'

export const ENTRY_HEADER_BYTES = 32

const MAGIC = 0x544d4a31
const AT = { magic: 0, crc: 4, length: 8, type: 12, flags: 13, sequence: 16, synced: 24 } as const

export const ENTRY = { snapshot: 1, transaction: 2, claim: 3, stream: 4, trim: 5, reclaim: 6 } as const

export type EntryType = (typeof ENTRY)[keyof typeof ENTRY]

/** Written while the fsync policy was `never`: entries may be lost though segments have their batches. */
export const FLAG_UNSYNCED = 1

export interface EntryMark {
  readonly sequence: number
  readonly synced: number
  readonly flags: number
}

/** Leaves room for the header; the payload follows. Returns where the entry starts. */
export function beginEntry(out: ByteWriter): number {
  const start = out.position
  out.ensure(ENTRY_HEADER_BYTES)
  out.bytes.fill(0, start, start + ENTRY_HEADER_BYTES)
  out.position += ENTRY_HEADER_BYTES
  return start
}

/** Fills in the header of the entry whose payload has been written since `start`. */
export function endEntry(out: ByteWriter, start: number, type: EntryType, mark: EntryMark): void {
  const bytes = out.bytes
  writeInt32(bytes, start + AT.magic, MAGIC)
  writeInt32(bytes, start + AT.length, out.position - start - ENTRY_HEADER_BYTES)
  bytes[start + AT.type] = type
  bytes[start + AT.flags] = mark.flags
  writeInt64(bytes, start + AT.sequence, mark.sequence)
  writeInt64(bytes, start + AT.synced, mark.synced)
  writeInt32(bytes, start + AT.crc, crc32c(bytes, start + AT.length, out.position))
}

/** Where the entry at `start` ends, or -1 if there is no whole and valid entry. */
export function validEntryEnd(bytes: Uint8Array, start: number): number {
  if (start + ENTRY_HEADER_BYTES > bytes.length || readInt32(bytes, start + AT.magic) !== MAGIC) return -1
  const length = readInt32(bytes, start + AT.length)
  const end = start + ENTRY_HEADER_BYTES + length
  if (length < 0 || end > bytes.length) return -1
  return crc32c(bytes, start + AT.length, end) === readInt32(bytes, start + AT.crc) >>> 0 ? end : -1
}

export function entryType(bytes: Uint8Array, start: number): number {
  return bytes[start + AT.type] as number
}

export function entryFlags(bytes: Uint8Array, start: number): number {
  return bytes[start + AT.flags] as number
}

export function entrySequence(bytes: Uint8Array, start: number): number {
  return readInt64(bytes, start + AT.sequence)
}

export function entrySynced(bytes: Uint8Array, start: number): number {
  return readInt64(bytes, start + AT.synced)
}

/** Where the next magic number is, from `from`; -1 if there is none. */
export function findMagic(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0x54, from); at >= 0; at = bytes.indexOf(0x54, at + 1)) {
    if (at + 4 <= bytes.length && readInt32(bytes, at) === MAGIC) return at
  }
  return -1
}
