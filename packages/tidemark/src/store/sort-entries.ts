import type { ByteMap } from './byte-map.ts'
import { FRESH_DELETION } from './entry-flags.ts'
import { compareBytes } from './compare.ts'

/** What is sorted in one go: takes well under a millisecond. */
export const MOST_AT_ONCE = 8192
/** In one number of 53 bits: five bytes of prefix and the place in the run. */
const PACKED_BYTES = 5
const PLACES = MOST_AT_ONCE
/** Groups of equal prefixes up to this size are sorted by comparing keys. */
const SMALL_GROUP = 12
const RUN = 2048
const PREFIX_BYTES = 6
const STEP_ENTRIES = 4096

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
 * Sorts up to 8192 entries by key, in place: by the five bytes after what all keys share, with the engine's own sort of
 * doubles; entries that are equal so far are sorted by what comes behind, in the same way.
 */
export function sortAtOnce(map: ByteMap, entries: Int32Array): void {
  if (entries.length <= SMALL_GROUP) sortFew(map, entries)
  else sortPacked(map, entries, sharedBy(map, entries), new Float64Array(entries.length))
}

/** Sorts by packed prefixes, which `packed` has afterwards, in the order of the entries. */
function sortPacked(map: ByteMap, entries: Int32Array, shared: number, packed: Float64Array): void {
  const count = entries.length
  for (let i = 0; i < count; i++) {
    packed[i] = prefixOf(map, entries[i] as number, shared, PACKED_BYTES) * PLACES + i
  }
  packed.sort()
  const came = entries.slice()
  let group = 0
  for (let i = 0; i < count; i++) {
    const number = packed[i] as number
    entries[i] = came[number % PLACES] as number
    const next = i + 1 < count ? (packed[i + 1] as number) : -PLACES
    if (Math.floor(number / PLACES) === Math.floor(next / PLACES)) continue
    if (i > group) sortEqual(map, entries.subarray(group, i + 1), shared)
    group = i + 1
  }
}

/** Up to 8192 sorted entries, with a number for each by which most searches are done without a look at the keys. */
export interface SortedRun {
  readonly entries: Int32Array
  /** How many bytes all keys start with together. */
  readonly shared: number
  /** The five bytes behind them, padded with zeros, as one number. */
  readonly prefixes: Float64Array
}

export function sortRun(map: ByteMap, entries: Int32Array): SortedRun {
  const prefixes = new Float64Array(entries.length)
  const shared = entries.length === 0 ? 0 : sharedBy(map, entries)
  sortPacked(map, entries, shared, prefixes)
  for (let i = 0; i < prefixes.length; i++) prefixes[i] = Math.floor((prefixes[i] as number) / PLACES)
  return { entries, shared, prefixes }
}

/** The first place in a run, from `from` on, whose key is at or above that of `entry`. */
export function placeInRun(map: ByteMap, run: SortedRun, entry: number, from: number): number {
  const { entries, prefixes, shared } = run
  const first = entries[0] as number
  const start = map.keyStartAt(first)
  if (sharedWith(map, entry, map.keyChunkAt(first), start, shared) < shared) {
    // All keys of the run are on the same side of it.
    return compareEntries(map, first, entry) < 0 ? entries.length : from
  }
  const prefix = prefixOf(map, entry, shared, PACKED_BYTES)
  let low = from
  let high = from
  // Near `from` first.
  for (let step = 1; high < entries.length && (prefixes[high] as number) < prefix; step *= 4) {
    low = high + 1
    high = low + step
  }
  if (high > entries.length) high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((prefixes[middle] as number) < prefix) low = middle + 1
    else high = middle
  }
  // Of equal prefixes the keys decide; there may be many.
  high = low
  for (let step = 1; high < entries.length && prefixes[high] === prefix; step *= 2) high += step
  if (high > entries.length) high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareEntries(map, entries[middle] as number, entry) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Entries with the same padded prefix: keys that end within it come first, by length; the others share more bytes. */
function sortEqual(map: ByteMap, entries: Int32Array, shared: number): void {
  if (entries.length <= SMALL_GROUP || sharedBy(map, entries) <= shared) sortFew(map, entries)
  else sortAtOnce(map, entries)
}

function sortFew(map: ByteMap, entries: Int32Array): void {
  if (entries.length > SMALL_GROUP) {
    entries.sort((a, b) => compareEntries(map, a, b))
    return
  }
  for (let i = 1; i < entries.length; i++) {
    const entry = entries[i] as number
    let at = i
    for (; at > 0 && compareEntries(map, entries[at - 1] as number, entry) > 0; at--) {
      entries[at] = entries[at - 1] as number
    }
    entries[at] = entry
  }
}

/** How many bytes all keys start with together. */
function sharedBy(map: ByteMap, entries: Int32Array): number {
  const first = entries[0] as number
  const chunk = map.keyChunkAt(first)
  const start = map.keyStartAt(first)
  let shared = map.keyLengthAt(first)
  for (let k = 1; k < entries.length && shared > 0; k++)
    shared = sharedWith(map, entries[k] as number, chunk, start, shared)
  return shared
}

function sharedWith(map: ByteMap, entry: number, chunk: Uint8Array, start: number, shared: number): number {
  const other = map.keyChunkAt(entry)
  const otherStart = map.keyStartAt(entry)
  const most = Math.min(shared, map.keyLengthAt(entry))
  let i = 0
  while (i < most && other[otherStart + i] === chunk[start + i]) i++
  return i
}

function prefixOf(map: ByteMap, entry: number, shared: number, bytes: number): number {
  const chunk = map.keyChunkAt(entry)
  const start = map.keyStartAt(entry) + shared
  const end = map.keyStartAt(entry) + map.keyLengthAt(entry)
  let prefix = 0
  for (let i = start; i < start + bytes; i++) prefix = prefix * 256 + (i < end ? (chunk[i] as number) : 0)
  return prefix
}

/** Entries in sorted runs, and a number for each that orders most of them. */
interface Keyed {
  readonly map: ByteMap
  readonly entries: Int32Array
  readonly prefixes: Float64Array
}

/**
 * Sorts the entries of a map by key, without deletions of what was never below the map, in steps of about a millisecond at most: runs, then merges of two runs each, by the
 * six bytes after what all keys share, and by the keys where these are equal. The map must not grow meanwhile.
 */
export function* sortEntries(map: ByteMap): Generator<void, Int32Array> {
  const all = new Int32Array(map.size)
  if (all.length > RUN) yield
  const { shared, size } = yield* collect(map, all)
  const entries = all.subarray(0, size)
  for (let start = 0; start < size; start += RUN) {
    sortAtOnce(map, entries.subarray(start, Math.min(size, start + RUN)))
    yield
  }
  if (size <= RUN) return entries
  yield
  const keyed = { map, entries, prefixes: new Float64Array(size) }
  yield* measure(keyed, shared)
  return yield* mergeAll(keyed)
}

/** Takes the entries in order of arrival; tells how many, and how many bytes all keys start with together. */
function* collect(map: ByteMap, entries: Int32Array): Generator<void, { shared: number; size: number }> {
  const first = map.firstEntry
  if (first < 0) return { shared: 0, size: 0 }
  const chunk = map.keyChunkAt(first)
  const start = map.keyStartAt(first)
  let shared = map.keyLengthAt(first)
  let size = 0
  let done = 0
  for (let entry = first; entry >= 0; entry = map.nextEntry(entry)) {
    if ((map.flagsAt(entry) & FRESH_DELETION) !== FRESH_DELETION) entries[size++] = entry
    shared = sharedWith(map, entry, chunk, start, shared)
    if (++done % STEP_ENTRIES === 0) yield
  }
  return { shared, size }
}

function* measure({ map, entries, prefixes }: Keyed, shared: number): Generator<void, void> {
  for (let i = 0; i < entries.length; i++) {
    prefixes[i] = prefixOf(map, entries[i] as number, shared, PREFIX_BYTES)
    if (i % STEP_ENTRIES === STEP_ENTRIES - 1) yield
  }
}

function* mergeAll(keyed: Keyed): Generator<void, Int32Array> {
  const size = keyed.entries.length
  // Both hold places in `entries`.
  let from = new Int32Array(size)
  // Large allocations may each make the engine collect garbage: one to a step.
  yield
  let to = new Int32Array(size)
  yield
  for (let i = 0; i < size; i++) {
    from[i] = i
    if (i % (STEP_ENTRIES * 16) === 0) yield
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

/** Sorts any number of entries, at once. */
export function sortAll(map: ByteMap, entries: Int32Array): void {
  if (entries.length <= MOST_AT_ONCE) {
    sortAtOnce(map, entries)
    return
  }
  const half = entries.length >>> 1
  const left = entries.slice(0, half)
  const right = entries.slice(half)
  sortAll(map, left)
  sortAll(map, right)
  let a = 0
  let b = 0
  for (let out = 0; out < entries.length; out++) {
    const takeA =
      a < left.length && (b >= right.length || compareEntries(map, left[a] as number, right[b] as number) <= 0)
    entries[out] = takeA ? (left[a++] as number) : (right[b++] as number)
  }
}
