import { TidemarkError } from '../errors/error.ts'
import { crc32c } from '../log/crc/crc32c.ts'
import { hexOf } from '../serde/hex.ts'

/**
 * LevelDB's package cannot be told to check its checksums when it reads, and LMDB keeps none. So with these engines each
 * value has one of ours behind it: CRC-32C of the key, as it is in the database, and the value; 4 bytes, big-endian.
 */
export const SUM_BYTES = 4

/** Writes the checksum behind a value that lies right behind its key, in front of `end`: the last bytes are for it. */
export function seal(bytes: Uint8Array, keyStart: number, end: number): void {
  const at = end - SUM_BYTES
  const sum = crc32c(bytes, keyStart, at)
  bytes[at] = sum >>> 24
  bytes[at + 1] = sum >>> 16
  bytes[at + 2] = sum >>> 8
  bytes[at + 3] = sum
}

/** True if a value is the one that was written under this key: `stored` is the value and its checksum. */
export function isSealed(key: Uint8Array, stored: Uint8Array): boolean {
  const at = stored.length - SUM_BYTES
  if (at < 0) return false
  const b = stored
  const sum = ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) | ((b[at + 2] as number) << 8)
  return (sum | (b[at + 3] as number)) >>> 0 === crc32c(b, 0, at, crc32c(key))
}

/** ERR_STATE_CORRUPT for an entry that is not as it was written; `key` as the store knows it. */
export function damagedEntry(engine: string, location: string, store: string, key: Uint8Array): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_CORRUPT',
    `${engine} has read an entry from ${location} that fails its checksum: store '${store}', key ${hexOf(key)}. Nothing ` +
      "of it is served: restore the task's state from a checkpoint, a savepoint or a copy of the data directory",
    { details: { engine, path: location, store, key: Buffer.from(key).toString('hex').slice(0, 128) } },
  )
}
