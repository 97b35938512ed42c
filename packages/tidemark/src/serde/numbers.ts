import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import type { DelimitedSerde } from './delimited.ts'
import { hexOf, showValue } from './hex.ts'
import type { Serde } from './serde.ts'

/*
 * Big-endian with the sign bit flipped, so that bytes sort as the numbers do. A negative float64 has all its bits
 * flipped, since its magnitude sorts the other way round.
 */
const scratch = new DataView(new ArrayBuffer(8))
const SIGN = 0x80000000

function readInt32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}

function assertSize(name: string, sizeBytes: number, bytes: Uint8Array, start: number, end: number): void {
  if (end - start === sizeBytes) return
  const unit = sizeBytes === 1 ? 'byte' : 'bytes'
  throw new TidemarkError('ERR_SERDE', `${name}() reads ${sizeBytes} ${unit}, not ${hexOf(bytes, start, end)}`)
}

function checkInt32(value: number): void {
  if (typeof value !== 'number' || (value | 0) !== value) {
    throw new TidemarkError('ERR_SERDE', `int32() got ${showValue(value)}: pass a whole number from -2^31 to 2^31 - 1`)
  }
}

const INT32: DelimitedSerde<number> = Object.freeze({
  name: 'int32',
  version: 1,
  discipline: 'immutable',
  ordered: true,
  check: checkInt32,
  write(value: number, out: ByteWriter): void {
    checkInt32(value)
    out.i32(value ^ SIGN)
  },
  read(bytes: Uint8Array, start: number, end: number): number {
    assertSize('int32', 4, bytes, start, end)
    return readInt32(bytes, start) ^ SIGN
  },
  measure: () => 4,
})

function checkInt64(value: bigint): void {
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) {
    throw new TidemarkError('ERR_SERDE', `int64() got ${showValue(value)}: pass a bigint from -2^63 to 2^63 - 1`)
  }
}

const INT64: DelimitedSerde<bigint> = Object.freeze({
  name: 'int64',
  version: 1,
  discipline: 'immutable',
  ordered: true,
  check: checkInt64,
  write(value: bigint, out: ByteWriter): void {
    checkInt64(value)
    scratch.setBigInt64(0, value)
    out.i32(scratch.getInt32(0) ^ SIGN)
    out.i32(scratch.getInt32(4))
  },
  read(bytes: Uint8Array, start: number, end: number): bigint {
    assertSize('int64', 8, bytes, start, end)
    scratch.setInt32(0, readInt32(bytes, start) ^ SIGN)
    scratch.setInt32(4, readInt32(bytes, start + 4))
    return scratch.getBigInt64(0)
  },
  measure: () => 8,
})

function checkFloat64(value: number): void {
  if (typeof value !== 'number') {
    throw new TidemarkError('ERR_SERDE', `float64() got ${showValue(value)}: pass a number`)
  }
}

const FLOAT64: DelimitedSerde<number> = Object.freeze({
  name: 'float64',
  version: 1,
  discipline: 'immutable',
  ordered: true,
  check: checkFloat64,
  write(value: number, out: ByteWriter): void {
    checkFloat64(value)
    // Equal keys must be equal bytes: -0 is written as 0, and all NaNs, of which some have a sign, as one.
    scratch.setFloat64(0, value === 0 ? 0 : Number.isNaN(value) ? Number.NaN : value)
    const high = scratch.getInt32(0)
    const low = scratch.getInt32(4)
    out.i32(high < 0 ? ~high : high ^ SIGN)
    out.i32(high < 0 ? ~low : low)
  },
  read(bytes: Uint8Array, start: number, end: number): number {
    assertSize('float64', 8, bytes, start, end)
    const high = readInt32(bytes, start)
    const low = readInt32(bytes, start + 4)
    scratch.setInt32(0, high < 0 ? high ^ SIGN : ~high)
    scratch.setInt32(4, high < 0 ? low : ~low)
    return scratch.getFloat64(0)
  },
  measure: () => 8,
})

function checkBoolean(value: boolean): void {
  if (typeof value !== 'boolean') {
    throw new TidemarkError('ERR_SERDE', `boolean() got ${showValue(value)}: pass true or false`)
  }
}

const BOOLEAN: DelimitedSerde<boolean> = Object.freeze({
  name: 'boolean',
  version: 1,
  discipline: 'immutable',
  ordered: true,
  check: checkBoolean,
  write(value: boolean, out: ByteWriter): void {
    checkBoolean(value)
    out.u8(value ? 1 : 0)
  },
  read(bytes: Uint8Array, start: number, end: number): boolean {
    assertSize('boolean', 1, bytes, start, end)
    const byte = bytes[start] as number
    if (byte > 1) throw new TidemarkError('ERR_SERDE', `boolean() reads 0 or 1, not ${hexOf(bytes, start, end)}`)
    return byte === 1
  },
  measure: () => 1,
})

/** Whole numbers from -2^31 to 2^31 - 1, 4 bytes that sort as the numbers do. */
export function int32(): Serde<number> {
  return INT32
}

/** Bigints from -2^63 to 2^63 - 1, 8 bytes that sort as the numbers do. */
export function int64(): Serde<bigint> {
  return INT64
}

/** Any number, 8 bytes that sort as the numbers do; -0 comes back as 0, NaN sorts last. */
export function float64(): Serde<number> {
  return FLOAT64
}

/** true and false, 1 byte; false sorts first. */
export function boolean(): Serde<boolean> {
  return BOOLEAN
}
