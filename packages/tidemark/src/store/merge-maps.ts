import type { ByteMap } from './byte-map.ts'
import { FRESH, FRESH_DELETION, TIMED } from './entry-flags.ts'

const STEP_ENTRIES = 512

/**
 * Makes one map of two in steps, `newer` over `older`, by adding the smaller to the larger; returns the one that has all.
 * Until the end both are to be read, newer first: at each step that gives the same answers. An entry of both is FRESH if
 * the older one was: then there is nothing below either. Deletions of what was never below are left out where they would
 * have to be added.
 */
export function* mergeMaps(newer: ByteMap, older: ByteMap): Generator<void, ByteMap> {
  if (older.size === 0) return newer
  if (newer.size === 0) return older
  if (newer.size > older.size) {
    yield* addMissing(newer, older)
    return newer
  }
  yield* overwrite(older, newer)
  return older
}

function* addMissing(newer: ByteMap, older: ByteMap): Generator<void, void> {
  let done = 0
  for (let entry = older.firstEntry; entry >= 0; entry = older.nextEntry(entry)) {
    const bytes = older.keyChunkAt(entry)
    const start = older.keyStartAt(entry)
    const end = start + older.keyLengthAt(entry)
    const hash = older.hashAt(entry)
    const flags = older.flagsAt(entry)
    const found = newer.find(bytes, start, end, hash)
    if (found < 0) {
      const added = newer.insert(bytes, start, end, hash, older.valueAt(entry), flags, older.valueBytesAt(entry))
      if ((flags & TIMED) !== 0) newer.setDeadlineAt(added, older.deadlineAt(entry))
    } else setFresh(newer, found, (flags & FRESH) !== 0)
    if (++done % STEP_ENTRIES === 0) yield
  }
}

function setFresh(map: ByteMap, entry: number, fresh: boolean): void {
  const before = map.flagsAt(entry)
  const flags = fresh ? before | FRESH : before & ~FRESH
  if (flags !== before) map.setAt(entry, map.valueAt(entry), flags, map.valueBytesAt(entry))
}

function* overwrite(older: ByteMap, newer: ByteMap): Generator<void, void> {
  let done = 0
  for (let entry = newer.firstEntry; entry >= 0; entry = newer.nextEntry(entry)) {
    const bytes = newer.keyChunkAt(entry)
    const start = newer.keyStartAt(entry)
    const end = start + newer.keyLengthAt(entry)
    const hash = newer.hashAt(entry)
    let flags = newer.flagsAt(entry)
    let found = older.find(bytes, start, end, hash)
    if (found >= 0) {
      flags = (flags & ~FRESH) | (older.flagsAt(found) & FRESH)
      older.setAt(found, newer.valueAt(entry), flags, newer.valueBytesAt(entry))
    } else if ((flags & FRESH_DELETION) !== FRESH_DELETION) {
      found = older.insert(bytes, start, end, hash, newer.valueAt(entry), flags, newer.valueBytesAt(entry))
    }
    if ((flags & TIMED) !== 0) older.setDeadlineAt(found, newer.deadlineAt(entry))
    if (++done % STEP_ENTRIES === 0) yield
  }
}
