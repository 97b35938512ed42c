import { murmur2 } from '../hash/murmur2.ts'
import type { ByteMap } from './byte-map.ts'
import { GroupCursor } from './group-cursor.ts'
import { MapCursor } from './map-cursor.ts'
import type { ByteRange } from './types.ts'

/** Walks the entries of one map in a range, in order of keys, as they were when it was made. Close it. */
export interface LayerCursor {
  /** The key of the entry is bytes[start, end). */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly flags: number
  readonly value: unknown
  readonly deadlineMs: number
  next(): boolean
  close(): void
}

/** Opens a cursor over each map that has something in the range, newest map first. */
export function openCursors(maps: readonly (ByteMap | null)[], range: ByteRange): LayerCursor[] {
  const { from, prefixBytes } = range
  const cursors: LayerCursor[] = []
  let hash = 0
  let hashed = false
  for (const map of maps) {
    if (map === null || map.size === 0) continue
    const groups = prefixBytes === undefined ? null : map.groups
    if (groups === null || from === null || prefixBytes === undefined) {
      cursors.push(new MapCursor(map, range))
      continue
    }
    if (!hashed) hash = murmur2(from, 0, prefixBytes)
    hashed = true
    const entries = groups.slice(from, prefixBytes, hash, range.to)
    if (entries !== null) cursors.push(new GroupCursor(map, entries, range.reverse))
  }
  return cursors
}
