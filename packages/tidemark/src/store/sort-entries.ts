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

/** Entries in order of arrival, and a number for each that orders most of them. */
interface Keyed {
  readonly map: ByteMap
  readonly entries: Int32Array
  readonly prefixes: Float64Array
}

/**
 * Sorts all entries of a map by key, in steps of well under a millisecond: runs by a numeric prefix (the six bytes after
 * what all keys share) with the engine's own sort of doubles, then merges of two runs each. Equal prefixes are settled
 * by comparing the keys. The map must not grow meanwhile.
 */
export function* sortEntries(map: ByteMap): Generator<void, Int32Array> {
  const size = map.size
  const keyed = { map, entries: new Int32Array(size), prefixes: new Float64Array(size) }
  yield* measure(keyed, yield* sharedLength(map))
  // Both hold places in `entries`.
  let from = new Int32Array(size)
  let to = new Int32Array(size)
  for (let start = 0; start < size; start += RUN) {
    sortRun(keyed, from, start, Math.min(size, start + RUN))
    yield
  }
  for (let width = RUN; width < size; width *= 2) {
    yield* mergeRuns(keyed, from, to, width)
    const swap = from
    from = to
    to = swap
  }
  for (let i = 0; i < size; i++) {
    to[i] = keyed.entries[from[i] as number] as number
    if (i % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
  return to
}

function* sharedLength(map: ByteMap): Generator<void, number> {
  const first = map.firstEntry
  if (first < 0) return 0
  const chunk = map.keyChunkAt(first)
  const start = map.keyStartAt(first)
  let shared = map.keyLengthAt(first)
  let done = 0
  for (let entry = first; entry >= 0 && shared > 0; entry = map.nextEntry(entry)) {
    const other = map.keyChunkAt(entry)
    const otherStart = map.keyStartAt(entry)
    const most = Math.min(shared, map.keyLengthAt(entry))
    let i = 0
    while (i < most && other[otherStart + i] === chunk[start + i]) i++
    shared = i
    if (++done % STEP_ENTRIES === 0) yield
  }
  return shared
}

function* measure({ map, entries, prefixes }: Keyed, shared: number): Generator<void, void> {
  let i = 0
  for (let entry = map.firstEntry; entry >= 0; entry = map.nextEntry(entry)) {
    entries[i] = entry
    prefixes[i] = prefixOf(map, entry, shared)
    if (++i % STEP_ENTRIES === 0) yield
  }
}

function prefixOf(map: ByteMap, entry: number, shared: number): number {
  const chunk = map.keyChunkAt(entry)
  const start = map.keyStartAt(entry) + shared
  const end = map.keyStartAt(entry) + map.keyLengthAt(entry)
  let prefix = 0
  for (let i = start; i < start + PREFIX_BYTES; i++) prefix = prefix * 256 + (i < end ? (chunk[i] as number) : 0)
  return prefix
}

function sortRun(keyed: Keyed, out: Int32Array, start: number, end: number): void {
  const packed = new Float64Array(end - start)
  for (let i = start; i < end; i++) {
    packed[i - start] = Math.floor((keyed.prefixes[i] as number) / DROPPED_BYTE) * PLACES + (i - start)
  }
  packed.sort()
  let group = start
  for (let i = start; i < end; i++) {
    const number = packed[i - start] as number
    out[i] = start + (number % PLACES)
    const next = i + 1 < end ? (packed[i + 1 - start] as number) : -PLACES
    if (Math.floor(number / PLACES) === Math.floor(next / PLACES)) continue
    if (i > group) out.subarray(group, i + 1).sort((a, b) => compare(keyed, a, b))
    group = i + 1
  }
}

function compare({ map, entries, prefixes }: Keyed, a: number, b: number): number {
  const difference = (prefixes[a] as number) - (prefixes[b] as number)
  return difference !== 0 ? difference : compareEntries(map, entries[a] as number, entries[b] as number)
}

function* mergeRuns(keyed: Keyed, from: Int32Array, to: Int32Array, width: number): Generator<void, void> {
  const size = from.length
  let done = 0
  for (let start = 0; start < size; start += width * 2) {
    const middle = Math.min(size, start + width)
    const end = Math.min(size, start + width * 2)
    let a = start
    let b = middle
    for (let out = start; out < end; out++) {
      const takeA = a < middle && (b >= end || compare(keyed, from[a] as number, from[b] as number) <= 0)
      to[out] = takeA ? (from[a++] as number) : (from[b++] as number)
      if (++done % STEP_ENTRIES === 0) yield
    }
  }
}
