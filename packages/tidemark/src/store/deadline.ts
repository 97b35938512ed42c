import type { ByteWriter } from '../serde/byte-writer.ts'

/** A TTL store's encoded value begins with the entry's deadline: int64, big-endian, ms since 1970. */
export const DEADLINE_BYTES = 8
const TWO_32 = 0x1_0000_0000
/** The upper half of "never", which is the largest int64. */
const NEVER_HIGH = 0x7fffffff

/** Appends a deadline; infinity is written as the largest int64. */
export function writeDeadline(deadlineMs: number, out: ByteWriter): void {
  if (deadlineMs === Number.POSITIVE_INFINITY) {
    out.i32(NEVER_HIGH)
    out.i32(-1)
    return
  }
  const high = Math.floor(deadlineMs / TWO_32)
  out.i32(high)
  out.i32((deadlineMs - high * TWO_32) | 0)
}

/** The deadline that a TTL store's encoded value begins with at `at`. */
export function readDeadline(bytes: Uint8Array, at: number): number {
  const high = wordAt(bytes, at)
  return high === NEVER_HIGH ? Number.POSITIVE_INFINITY : high * TWO_32 + (wordAt(bytes, at + 4) >>> 0)
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  )
}
