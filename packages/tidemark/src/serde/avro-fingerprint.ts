/*
 * The fingerprint of a schema as Avro's specification has it ("Schema Fingerprints"): CRC-64-AVRO, a Rabin fingerprint, of
 * the schema's canonical form, stored little-endian in the single-object encoding.
 */
const EMPTY = 0xc15d213aa4d7a795n
const SHIFT = 8n

const table: readonly bigint[] = Array.from({ length: 256 }, (_, byte) => {
  let value = BigInt(byte)
  for (let bit = 0; bit < 8; bit++) value = (value >> 1n) ^ (EMPTY & -(value & 1n))
  return value
})

/** The 8 bytes that stand for a schema whose canonical form JSON makes of `canonical`. */
export function avroFingerprint(canonical: unknown): Uint8Array {
  let value = EMPTY
  for (const byte of new TextEncoder().encode(JSON.stringify(canonical))) {
    value = (value >> SHIFT) ^ (table[Number(value & 0xffn) ^ byte] as bigint)
  }
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return bytes
}
