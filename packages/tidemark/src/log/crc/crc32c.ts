const POLYNOMIAL = 0x82f63b78

/** Eight tables of 256 entries back to back: entry 256 * k + b is the CRC of byte b followed by k zero bytes. */
const TABLES: Int32Array = makeTables(8)

function makeTables(count: number): Int32Array {
  const tables = new Int32Array(256 * count)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const previous = tables[i - 256] as number
    tables[i] = (previous >>> 8) ^ (tables[previous & 255] as number)
  }
  return tables
}

/**
 * CRC-32C (Castagnoli polynomial, reflected) of bytes[start, end), as an unsigned 32-bit integer. `seed` is the CRC of
 * the bytes before, so that crc32c(b, m, e, crc32c(b, s, m)) equals crc32c(b, s, e).
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, seed = 0): number {
  const t = TABLES
  let crc = ~seed
  let at = start
  for (const last = end - 7; at < last; at += 8) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t[1792 + (crc & 255)] as number) ^
      (t[1536 + ((crc >>> 8) & 255)] as number) ^
      (t[1280 + ((crc >>> 16) & 255)] as number) ^
      (t[1024 + (crc >>> 24)] as number) ^
      (t[768 + (bytes[at + 4] as number)] as number) ^
      (t[512 + (bytes[at + 5] as number)] as number) ^
      (t[256 + (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 255] as number)
  return ~crc >>> 0
}
