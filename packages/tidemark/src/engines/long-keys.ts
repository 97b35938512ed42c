import { isSealed, seal, SUM_BYTES } from './value-sums.ts'

/**
 * LMDB takes keys of at most 1978 bytes, a store keys of 64 KiB. All longer keys that agree in their first PREFIX_BYTES
 * share one entry, which holds the rest of each key with its value, in order, and a checksum: their bucket. Its key is those
 * bytes and a zero, so that it stands after the key that ends there and before all that are greater.
 */
export const PREFIX_BYTES = 1900

/** The rest of a long key, and its value. */
export interface LongEntry {
  readonly rest: Uint8Array
  readonly value: Uint8Array
}

export function isLong(key: Uint8Array): boolean {
  return key.length > PREFIX_BYTES
}

/** True for the key of a bucket, as it is in the database. */
export function isBucket(key: Uint8Array): boolean {
  return key.length === PREFIX_BYTES + 1
}

export function bucketOf(key: Uint8Array): Uint8Array {
  const bucket = new Uint8Array(PREFIX_BYTES + 1)
  bucket.set(key.subarray(0, PREFIX_BYTES))
  return bucket
}

/** A key of a store from its bucket and its rest. */
export function wholeKey(bucket: Uint8Array, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(PREFIX_BYTES + rest.length)
  key.set(bucket.subarray(0, PREFIX_BYTES))
  key.set(rest, PREFIX_BYTES)
  return key
}

const NO_KEY = new Uint8Array(0)

/** The entries of a bucket, in order of their keys. Throws when it is not as it was written: a key in it may have changed. */
export function readBucket(bytes: Uint8Array): LongEntry[] {
  if (!isSealed(NO_KEY, bytes))
    throw new Error('the entries of keys above 1900 bytes are corrupt: they fail their checksum')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: LongEntry[] = []
  let at = 0
  while (at < bytes.length - SUM_BYTES) {
    const rest = at + 8
    const value = rest + view.getUint32(at)
    const end = value + view.getUint32(at + 4)
    entries.push({ rest: bytes.slice(rest, value), value: bytes.slice(value, end) })
    at = end
  }
  return entries
}

function writeBucket(entries: readonly LongEntry[]): Uint8Array {
  let size = SUM_BYTES
  for (const { rest, value } of entries) size += 8 + rest.length + value.length
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { rest, value } of entries) {
    view.setUint32(at, rest.length)
    view.setUint32(at + 4, value.length)
    bytes.set(rest, at + 8)
    bytes.set(value, at + 8 + rest.length)
    at += 8 + rest.length + value.length
  }
  seal(bytes, 0, size)
  return bytes
}

/** A bucket with one key put (or deleted: null); null when nothing is left in it. */
export function changeBucket(
  bytes: Uint8Array | undefined,
  key: Uint8Array,
  value: Uint8Array | null,
): Uint8Array | null {
  const entries = bytes === undefined ? [] : readBucket(bytes)
  const rest = key.slice(PREFIX_BYTES)
  const found = entries.findIndex((entry) => Buffer.compare(entry.rest, rest) >= 0)
  const at = found === -1 ? entries.length : found
  const entry = entries[at]
  const there = entry !== undefined && Buffer.compare(entry.rest, rest) === 0
  entries.splice(at, there ? 1 : 0, ...(value === null ? [] : [{ rest, value: value.slice() }]))
  return entries.length === 0 ? null : writeBucket(entries)
}

export function findInBucket(bytes: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const rest = key.subarray(PREFIX_BYTES)
  return readBucket(bytes).find((entry) => Buffer.compare(entry.rest, rest) === 0)?.value
}
