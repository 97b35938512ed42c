/**
 * The 61-byte header of a record batch, format v2 (Kafka's public protocol documentation, "Record Batch"; KIP-98), big
 * endian. Functions take the position of the batch in `bytes` and trust the caller that the header lies within it. The
 * CRC covers everything from the attributes to the end: base offset, length and leader epoch may be set at any time.
 */
import { crc32c } from './crc/crc32c.ts'

/** Where each field of the header starts, from the start of the batch. */
export const AT = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const

export const HEADER_BYTES = 61
/** Base offset and length: the length field counts the bytes after them. */
export const LENGTH_PREFIX_BYTES = 12
export const MAGIC = 2

/** Bits of the attributes. */
export const CODEC_MASK = 0x07
export const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20

/** "No producer", "no sequence", "no timestamp" in their fields. */
export const NONE = -1

export function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number)
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

/** A signed 64-bit integer as a number: exact between -2^53 and 2^53, the nearest double beyond. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * 0x100000000 + (readInt32(bytes, at + 4) >>> 0)
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24
  bytes[at + 1] = value >> 16
  bytes[at + 2] = value >> 8
  bytes[at + 3] = value
}

/** Writes an integer between -2^53 and 2^53 as a signed 64-bit one. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x100000000)
  writeInt32(bytes, at, high)
  writeInt32(bytes, at + 4, value - high * 0x100000000)
}

export function baseOffset(bytes: Uint8Array, batch: number): number {
  return readInt64(bytes, batch + AT.baseOffset)
}

/** Moves the batch to another offset; the CRC does not cover it. */
export function setBaseOffset(bytes: Uint8Array, batch: number, offset: number): void {
  writeInt64(bytes, batch + AT.baseOffset, offset)
}

/** Size of the whole batch in bytes, header included. May be nonsense in damaged bytes: check before use. */
export function batchSizeBytes(bytes: Uint8Array, batch: number): number {
  return readInt32(bytes, batch + AT.batchLength) + LENGTH_PREFIX_BYTES
}

export function magic(bytes: Uint8Array, batch: number): number {
  return bytes[batch + AT.magic] as number
}

export function attributes(bytes: Uint8Array, batch: number): number {
  return readInt16(bytes, batch + AT.attributes)
}

/** Offset of the batch's last record (as first written: compaction may have removed it) less the base offset. */
export function lastOffsetDelta(bytes: Uint8Array, batch: number): number {
  return readInt32(bytes, batch + AT.lastOffsetDelta)
}

/** The offset that follows the batch. */
export function nextOffset(bytes: Uint8Array, batch: number): number {
  return baseOffset(bytes, batch) + lastOffsetDelta(bytes, batch) + 1
}

export function baseTimestamp(bytes: Uint8Array, batch: number): number {
  return readInt64(bytes, batch + AT.baseTimestamp)
}

export function maxTimestamp(bytes: Uint8Array, batch: number): number {
  return readInt64(bytes, batch + AT.maxTimestamp)
}

export function producerId(bytes: Uint8Array, batch: number): number {
  return readInt64(bytes, batch + AT.producerId)
}

export function producerEpoch(bytes: Uint8Array, batch: number): number {
  return readInt16(bytes, batch + AT.producerEpoch)
}

export function baseSequence(bytes: Uint8Array, batch: number): number {
  return readInt32(bytes, batch + AT.baseSequence)
}

export function recordCount(bytes: Uint8Array, batch: number): number {
  return readInt32(bytes, batch + AT.recordCount)
}

/** The CRC in the header, unsigned. */
export function storedCrc(bytes: Uint8Array, batch: number): number {
  return readInt32(bytes, batch + AT.crc) >>> 0
}

/** True if bytes[start, end) is exactly one batch of format v2 whose CRC-32C is right. Never throws. */
export function batchCrcValid(bytes: Uint8Array, start: number, end: number): boolean {
  if (end > bytes.length || end - start < HEADER_BYTES) return false
  if (batchSizeBytes(bytes, start) !== end - start || magic(bytes, start) !== MAGIC) return false
  return crc32c(bytes, start + AT.attributes, end) === storedCrc(bytes, start)
}

/** Computes and stores the CRC of the batch bytes[start, end). */
export function sealCrc(bytes: Uint8Array, start: number, end: number): void {
  writeInt32(bytes, start + AT.crc, crc32c(bytes, start + AT.attributes, end))
}
