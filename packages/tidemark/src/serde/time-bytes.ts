/*
 * Times in the bytes of keys and values of stores: int64, big-endian, ms since 1970. In keys the sign bit is flipped, so
 * that they stand in order.
 */
const TWO_32 = 0x1_0000_0000
const SIGN = 0x8000_0000
/** The upper half of "never", which is the largest int64. */
const NEVER_HIGH = 0x7fffffff

export const TIME_BYTES = 8

/** A time of a key. */
export function readKeyTime(bytes: Uint8Array, at: number): number {
  return (readWord(bytes, at) ^ SIGN) * TWO_32 + (readWord(bytes, at + 4) >>> 0)
}

/** Writes a time of a key, whole ms. */
export function writeKeyTime(bytes: Uint8Array, at: number, ms: number): void {
  const high = Math.floor(ms / TWO_32)
  writeWord(bytes, at, high ^ SIGN)
  writeWord(bytes, at + 4, ms - high * TWO_32)
}

/** The deadline that a value of a store with a TTL begins with; infinity for never. */
export function readDeadline(bytes: Uint8Array, at: number): number {
  const high = readWord(bytes, at)
  return high === NEVER_HIGH ? Number.POSITIVE_INFINITY : high * TWO_32 + (readWord(bytes, at + 4) >>> 0)
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}
