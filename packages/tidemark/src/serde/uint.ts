import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { DelimitedSerde } from './delimited.ts'
import { hexOf, showValue } from './hex.ts'
import type { Serde } from './serde.ts'

/*
 * A prefix varint, big-endian: the first byte starts with as many ones as bytes follow, then a zero (as UTF-8 counts its
 * bytes); the number's bits come after, high ones first. 7 bits of number a byte, as with LEB128, but the bytes sort as
 * the numbers do, and the length is known from the first byte. 2^53 - 1 takes 8 bytes.
 *
 *     0xxxxxxx                     below 2^7
 *     10xxxxxx + 1 byte            below 2^14
 *     ...
 *     11111110 + 7 bytes           below 2^53 (of 2^56)
 */
const MAX_BYTES = 8

function lengthOf(value: number): number {
  if (value < 0x4000) return value < 0x80 ? 1 : 2
  if (value < 0x10000000) return value < 0x200000 ? 3 : 4
  if (value < 0x40000000000) return value < 0x800000000 ? 5 : 6
  return value < 0x2000000000000 ? 7 : 8
}

function checkUint(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TidemarkError('ERR_SERDE', `uint() got ${showValue(value)}: pass a whole number from 0 to 2^53 - 1`)
  }
}

function writeUint(value: number, out: ByteWriter): void {
  checkUint(value)
  out.ensure(MAX_BYTES)
  const bytes = out.bytes
  const at = out.position
  if (value < 0x80) {
    bytes[at] = value
    out.position = at + 1
    return
  }
  const length = lengthOf(value)
  let rest = value
  let i = length - 1
  for (; rest > 0x7fffffff; i--) {
    bytes[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  for (; i > 0; i--) {
    bytes[at + i] = rest & 0xff
    rest >>>= 8
  }
  bytes[at] = ((0xff00 >> (length - 1)) & 0xff) | rest
  out.position = at + length
}

// Leading ones of the first byte, plus one.
function lengthFrom(first: number): number {
  return Math.clz32(~(first << 24)) + 1
}

function readUint(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start] as number
  if (end - start === 1 && first < 0x80) return first
  const length = end > start ? lengthFrom(first) : 0
  if (length < 2 || length !== end - start || length > MAX_BYTES) throw malformed(bytes, start, end)
  let value = first & (0xff >> length)
  for (let i = 1; i < length; i++) value = value * 256 + (bytes[start + i] as number)
  // One number has one encoding, or equal keys would not be equal bytes.
  if (value > Number.MAX_SAFE_INTEGER || lengthOf(value) !== length) throw malformed(bytes, start, end)
  return value
}

function malformed(bytes: Uint8Array, start: number, end: number): TidemarkError {
  return new TidemarkError('ERR_SERDE', `not a number as uint() writes it: ${hexOf(bytes, start, end)}`)
}

const UINT: DelimitedSerde<number> = Object.freeze({
  name: 'uint',
  version: 1,
  discipline: 'immutable',
  ordered: true,
  check: checkUint,
  write: writeUint,
  read: readUint,
  measure: (bytes: Uint8Array, start: number) => lengthFrom(bytes[start] ?? 0),
})

/**
 * Whole numbers from 0 to 2^53 - 1 in 1 to 8 bytes, 7 bits of number a byte, in an encoding of our own whose bytes sort
 * as the numbers do. Anything else throws ERR_SERDE.
 */
export function uint(): Serde<number> {
  return UINT
}
