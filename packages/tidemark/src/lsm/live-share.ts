import { readDeadline } from '../serde/time-bytes.ts'
import { readUint32 } from './bytes.ts'
import { type Expiry, windowEndOf } from './expiry.ts'
import { TAG_LARGE } from './format.ts'

/** How much of what sorted files hold of a store is live: the newest entry of its key, no deletion, and not expired. */
export interface LiveShare {
  /** In all files, overwritten ones and deletions among them. */
  readonly entries: number
  /** Bytes of these as they are stored, without index and filters. */
  readonly bytes: number
  /** Keys that are there. */
  readonly liveKeys: number
  /** Nineteen times of twenty the number of keys is no further off than this; 0 when it was counted. */
  readonly liveKeysError: number
  /** Bytes of their entries as they are stored. */
  readonly liveBytes: number
}

/** What was seen of a section, in entries and in bytes of keys and values. */
export interface SectionShare {
  readonly entries: number
  readonly storedBytes: number
  /** Of its entries and bytes, which part is live. */
  readonly liveEntries: number
  readonly livePart: number
  /** Of `liveEntries`. */
  readonly variance: number
}

/** Of 95 in 100, both sides. */
const DEVIATIONS = 1.96

export function joinShares(sections: readonly SectionShare[]): LiveShare {
  let [entries, bytes, liveKeys, liveBytes, variance] = [0, 0, 0, 0, 0]
  for (const section of sections) {
    entries += section.entries
    bytes += section.storedBytes
    liveKeys += section.liveEntries
    liveBytes += section.storedBytes * section.livePart
    variance += section.variance
  }
  return {
    entries,
    bytes,
    liveKeys: Math.round(liveKeys),
    liveKeysError: Math.ceil(DEVIATIONS * Math.sqrt(variance)),
    liveBytes: Math.round(liveBytes),
  }
}

/** Of two stores, or two generations of one. */
export function addShares(a: LiveShare, b: LiveShare): LiveShare {
  return {
    entries: a.entries + b.entries,
    bytes: a.bytes + b.bytes,
    liveKeys: a.liveKeys + b.liveKeys,
    liveKeysError: Math.ceil(Math.hypot(a.liveKeysError, b.liveKeysError)),
    liveBytes: a.liveBytes + b.liveBytes,
  }
}

/** True if a value, or the window of its key, has expired. */
export function isExpired(
  expiry: Expiry | undefined,
  key: Uint8Array,
  keyEnd: number,
  value: Uint8Array,
  valueStart: number,
): boolean {
  if (expiry === undefined) return false
  const { deadlineMs, windowEndMs, windowSizeMs } = expiry
  if (windowEndMs !== null && windowEndOf(key, keyEnd, windowSizeMs) <= windowEndMs) return true
  return deadlineMs !== null && readDeadline(value, valueStart) <= deadlineMs
}

/** What an entry takes beside its key and value, roughly. */
const HEAD_BYTES = 3

/** The bytes of an entry before compression: a large value is a reference here, which has its size. */
export function entrySize(keyLength: number, block: Uint8Array, tag: number, start: number, end: number): number {
  return HEAD_BYTES + keyLength + (tag === TAG_LARGE ? readUint32(block, start + 12) : end - start)
}
