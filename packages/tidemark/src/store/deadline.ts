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
