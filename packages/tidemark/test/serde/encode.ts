import { ByteWriter } from '../../src/serde/byte-writer.ts'
import type { Serde } from '../../src/serde/serde.ts'

/** The bytes of a value. */
export function encode<T>(serde: Serde<T>, value: T): Uint8Array {
  const out = new ByteWriter(4)
  serde.write(value, out)
  return out.copy()
}

/** The value of bytes, read from the middle of a larger buffer, as from a fetched batch. */
export function decode<T>(serde: Serde<T>, bytes: Uint8Array): T {
  const around = new Uint8Array(bytes.length + 7).fill(0xa5)
  around.set(bytes, 3)
  return serde.read(around, 3, 3 + bytes.length)
}

export function roundTrip<T>(serde: Serde<T>, value: T): T {
  return decode(serde, encode(serde, value))
}

/** Unsigned, lexicographic: -1, 0 or 1. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Math.sign(Buffer.compare(a, b))
}
