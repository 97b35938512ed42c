import type { ByteMap } from './byte-map.ts'
import { compareBytes } from './compare.ts'

const RUN_SHIFT = 11
const RUN = 1 << RUN_SHIFT
const PREFIX_BYTES = 6
/** In one number of 53 bits: five bytes of prefix and the place in the run. */
const PLACES = RUN
const DROPPED_BYTE = 256
const STEP_ENTRIES = 8192

/** Orders two entries of a map by their keys. */
export function compareEntries(map: ByteMap, a: number, b: number): number {
  const aStart = map.keyStartAt(a)
  const bStart = map.keyStartAt(b)
  return compareBytes(
    map.keyChunkAt(a),
    aStart,
    aStart + map.keyLengthAt(a),
    map.keyChunkAt(b),
    bStart,
    bStart + map.keyLengthAt(b),
  )
}

/**
 * Sorts all entries of a map by key, in steps of well under a millisecond: runs by a numeric prefix (the six bytes after
 * what all keys share) with the engine's own sort of doubles, then merges of two runs each. Equal prefixes are settled
 * by comparing the keys. The map must not grow meanwhile.
 */
export function* sortEntries(map: ByteMap): Generator<void, Int32Array> {
  const size = map.size
  const prefixes = new Float64Array(size)
  const shared = yield* sharedLength(map)
  for (let entry = 0; entry < size; entry++) {
    prefixes[entry] = prefixOf(map, entry, shared)
    if (entry % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
  let from = new Int32Array(size)
  for (let start = 0; start < size; start += RUN) {
    sortRun(map, prefixes, from, start, Math.min(size, start + RUN))
    yield
  }
  let to = new Int32Array(size)
  for (let width = RUN; width < size; width *= 2) {
    yield* mergeRuns(map, prefixes, from, to, width)
    const swap = from
    from = to
    to = swap
  }
  return from
}

function* sharedLength(map: ByteMap): Generator<void, number> {
  if (map.size === 0) return 0
  const chunk = map.keyChunkAt(0)
  const start = map.keyStartAt(0)
  let shared = map.keyLengthAt(0)
  for (let entry = 1; entry < map.size && shared > 0; entry++) {
    const other = map.keyChunkAt(entry)
    const otherStart = map.keyStartAt(entry)
    const most = Math.min(shared, map.keyLengthAt(entry))
    let i = 0
    while (i < most && other[otherStart + i] === chunk[start + i]) i++
    shared = i
    if (entry % STEP_ENTRIES === 0) yield
  }
  return shared
}

function prefixOf(map: ByteMap, entry: number, shared: number): number {
  const chunk = map.keyChunkAt(entry)
  const start = map.keyStartAt(entry) + shared
  const end = map.keyStartAt(entry) + map.keyLengthAt(entry)
  let prefix = 0
  for (let i = start; i < start + PREFIX_BYTES; i++) prefix = prefix * 256 + (i < end ? (chunk[i] as number) : 0)
  return prefix
}

function sortRun(map: ByteMap, prefixes: Float64Array, out: Int32Array, start: number, end: number): void {
  const packed = new Float64Array(end - start)
  for (let i = start; i < end; i++) {
    packed[i - start] = Math.floor((prefixes[i] as number) / DROPPED_BYTE) * PLACES + (i - start)
  }
  packed.sort()
  let group = start
  for (let i = start; i < end; i++) {
    const number = packed[i - start] as number
    const place = number % PLACES
    out[i] = start + place
    const next = i + 1 < end ? (packed[i + 1 - start] as number) : -1
    if (Math.floor(number / PLACES) === Math.floor(next / PLACES)) continue
    if (i > group) out.subarray(group, i + 1).sort((a, b) => compare(map, prefixes, a, b))
    group = i + 1
  }
}

function compare(map: ByteMap, prefixes: Float64Array, a: number, b: number): number {
  const difference = (prefixes[a] as number) - (prefixes[b] as number)
  return difference !== 0 ? difference : compareEntries(map, a, b)
}

function* mergeRuns(
  map: ByteMap,
  prefixes: Float64Array,
  from: Int32Array,
  to: Int32Array,
  width: number,
): Generator<void, void> {
  const size = from.length
  let done = 0
  for (let start = 0; start < size; start += width * 2) {
    const middle = Math.min(size, start + width)
    const end = Math.min(size, start + width * 2)
    let a = start
    let b = middle
    for (let out = start; out < end; out++) {
      const takeA = a < middle && (b >= end || compare(map, prefixes, from[a] as number, from[b] as number) <= 0)
      to[out] = takeA ? (from[a++] as number) : (from[b++] as number)
      if (++done % STEP_ENTRIES === 0) yield
    }
  }
}
