import { murmur2 } from '../hash/murmur2.ts'
import { DELETED } from './entry-flags.ts'
import type { LayeredStore } from './raw-store.ts'

/** Puts an entry of a committed delta into `recent` of a store; `valueStart` is -1 for a deletion. */
export function restoreEntry(
  store: LayeredStore,
  bytes: Uint8Array,
  start: number,
  end: number,
  valueStart: number,
  valueEnd: number,
): void {
  const { policy, recent, ttl } = store
  const deleted = valueStart < 0
  const kept = deleted ? 0 : policy.load(bytes, valueStart, valueEnd)
  const flags = deleted ? DELETED : policy.loadedFlags
  const valueBytes = deleted ? 0 : policy.bytes
  const hash = murmur2(bytes, start, end)
  let entry = recent.find(bytes, start, end, hash)
  if (entry >= 0) recent.setAt(entry, kept, flags, valueBytes)
  else entry = recent.insert(bytes, start, end, hash, kept, flags, valueBytes)
  if (ttl !== null && !deleted) {
    recent.setDeadlineAt(entry, policy.deadlineMs)
    ttl.expect(bytes, start, end, policy.deadlineMs)
  }
}
