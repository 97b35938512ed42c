/** The Castagnoli polynomial, bit-reflected: bit 31 stands for x^0, bit 0 for x^31. */
export const POLYNOMIAL = 0x82f63b78

/** Tables of 256 entries back to back: entry 256 * k + b is the CRC of byte b followed by k zero bytes. */
export function makeTables(count: number): Int32Array<ArrayBuffer> {
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
