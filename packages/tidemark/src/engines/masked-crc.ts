const MASK = 0xa282_ead8

/** A CRC-32C as LevelDB stores it in its files: turned and shifted, since it may be in data that has a checksum itself. */
export function maskedCrc(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + MASK) >>> 0
}
