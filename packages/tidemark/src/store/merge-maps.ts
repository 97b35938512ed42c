import { type ByteMap, DELETED, FRESH, TIMED } from './byte-map.ts'

const STEP_ENTRIES = 512

/**
 * Makes one map of two in steps, `newer` over `older`, by adding the smaller to the larger; returns the one that has all.
 * Until the end both are to be read, newer first: at each step that gives the same answers. `dropFresh` leaves out
 * deletions of keys that were never visible below `newer`.
 */
export function* mergeMaps(newer: ByteMap, older: ByteMap, dropFresh: boolean): Generator<void, ByteMap> {
  if (older.size === 0) return newer
  if (newer.size === 0) return older
  if (newer.size > older.size) {
    yield* addMissing(newer, older)
    return newer
  }
  yield* overwrite(older, newer, dropFresh)
  return older
}

function* addMissing(newer: ByteMap, older: ByteMap): Generator<void, void> {
  let done = 0
  for (let entry = older.firstEntry; entry >= 0; entry = older.nextEntry(entry)) {
    const bytes = older.keyChunkAt(entry)
    const start = older.keyStartAt(entry)
    const end = start + older.keyLengthAt(entry)
    const hash = older.hashAt(entry)
    if (newer.find(bytes, start, end, hash) < 0) {
      const flags = older.flagsAt(entry)
      const added = newer.insert(bytes, start, end, hash, older.valueAt(entry), flags, older.valueBytesAt(entry))
      if ((flags & TIMED) !== 0) newer.setDeadlineAt(added, older.deadlineAt(entry))
    }
    if (++done % STEP_ENTRIES === 0) yield
  }
}

function* overwrite(older: ByteMap, newer: ByteMap, dropFresh: boolean): Generator<void, void> {
  let done = 0
  for (let entry = newer.firstEntry; entry >= 0; entry = newer.nextEntry(entry)) {
    const bytes = newer.keyChunkAt(entry)
    const start = newer.keyStartAt(entry)
    const end = start + newer.keyLengthAt(entry)
    const hash = newer.hashAt(entry)
    const flags = newer.flagsAt(entry)
    let found = older.find(bytes, start, end, hash)
    if (found >= 0) {
      older.setAt(found, newer.valueAt(entry), flags & ~FRESH, newer.valueBytesAt(entry))
    } else if (!dropFresh || (flags & (DELETED | FRESH)) !== (DELETED | FRESH)) {
      found = older.insert(bytes, start, end, hash, newer.valueAt(entry), flags & ~FRESH, newer.valueBytesAt(entry))
    }
    if ((flags & TIMED) !== 0) older.setDeadlineAt(found, newer.deadlineAt(entry))
    if (++done % STEP_ENTRIES === 0) yield
  }
}
