import type { ByteMap } from './byte-map.ts'
import { compareBytes } from './compare.ts'
import { EntryRuns } from './entry-runs.ts'
import { compareEntries, placeInRun, type SortedRun, sortAll } from './sort-entries.ts'

const LEAF_ENTRIES = 512
const FILL_ENTRIES = 384
/** Entries that a part has, roughly, when it is put together. */
const PART_ENTRIES = 4096
const RUN_SAMPLES = 8
/** The part of the golden ratio behind the point. */
const GOLDEN = 0.618_033_988_749_895
const NO_ENTRIES = new Int32Array(0)

/**
 * Entries whose keys are at or above the key of `lowest` (-1: any) and below that of the next leaf. A cold leaf has none
 * of them yet: they are in the runs, and in `extras` if they came later.
 */
interface Leaf {
  readonly lowest: number
  entries: Int32Array
  count: number
  readonly extras: number[] | null
}

/**
 * The entries of a map in order of their keys: a list of leaves of up to 512 entries (a B+ tree of two levels, since
 * memtables are bounded). Entries are only added; an insert moves at most a leaf.
 *
 * Until the first range, entries are only kept in sorted runs. The first range cuts the keys into parts of about 4096
 * entries, by a sample of the runs, as cold leaves; a part is put together from the runs when something first looks into
 * it. So no call sorts more than a few parts, however large the map is.
 */
export class OrderedIndex {
  /** Changes whenever places change: a cursor's place is then to be looked up again. */
  version = 0
  readonly #map: ByteMap
  readonly #leaves: Leaf[] = []
  /** Of all entries at the first range; null when no cold leaf is left. */
  #runs: EntryRuns | null
  #begun = false
  #cold = 0

  constructor(map: ByteMap) {
    this.#map = map
    this.#runs = new EntryRuns(map)
  }

  /** Adds the map's newest entry. */
  insert(entry: number): void {
    if (this.#begun) this.#insert(entry)
    else (this.#runs as EntryRuns).add(entry)
  }

  /** The first range: at most some hundred entries of each run are looked at. */
  #begin(): void {
    this.#begun = true
    const all = this.#runs as EntryRuns
    all.finish()
    const { runs } = all
    if (runs.length <= 1) {
      this.#leaves.push(...makeLeaves(runs[0]?.entries ?? NO_ENTRIES, -1))
      this.#runs = null
      return
    }
    const sample = sampleOf(runs)
    sortAll(this.#map, sample)
    const parts = Math.ceil(all.size / PART_ENTRIES)
    this.#leaves.push(coldLeaf(-1))
    let last = 0
    for (let part = 1; part < parts; part++) {
      const at = Math.floor((part * sample.length) / parts)
      if (at > last) this.#leaves.push(coldLeaf(sample[at] as number))
      last = at
    }
    this.#cold = this.#leaves.length
  }

  #insert(entry: number): void {
    const map = this.#map
    const start = map.keyStartAt(entry)
    const chunk = map.keyChunkAt(entry)
    const end = start + map.keyLengthAt(entry)
    let leafAt = this.#leafOf(chunk, start, end)
    let leaf = this.#leaves[leafAt] as Leaf
    if (leaf.extras !== null) {
      leaf.extras.push(entry)
      if (leaf.extras.length === PART_ENTRIES) this.#warm(leafAt)
      return
    }
    this.version++
    if (leaf.count === LEAF_ENTRIES) {
      const right = this.#split(leaf, leafAt, entry)
      if (compareEntries(map, entry, right.lowest) >= 0) {
        leaf = right
        leafAt++
      }
      if (leaf.count === 1 && leaf.entries[0] === entry) return
    }
    const slot = this.#slotOf(leaf, chunk, start, end)
    leaf.entries.copyWithin(slot + 1, slot, leaf.count)
    leaf.entries[slot] = entry
    leaf.count++
  }

  /** Keys that come in order leave full leaves behind them, and `entry` alone on the right; else a leaf is halved. */
  #split(leaf: Leaf, leafAt: number, entry: number): Leaf {
    const appending =
      leafAt === this.#leaves.length - 1 &&
      compareEntries(this.#map, leaf.entries[LEAF_ENTRIES - 1] as number, entry) < 0
    const left = appending ? LEAF_ENTRIES : LEAF_ENTRIES / 2
    const entries = new Int32Array(LEAF_ENTRIES)
    if (appending) entries[0] = entry
    else entries.set(leaf.entries.subarray(left))
    const right: Leaf = {
      lowest: entries[0] as number,
      entries,
      count: appending ? 1 : LEAF_ENTRIES - left,
      extras: null,
    }
    leaf.count = left
    this.#leaves.splice(leafAt + 1, 0, right)
    return right
  }

  /** Puts a cold leaf's entries in its place. */
  #warm(leafAt: number): void {
    const leaf = this.#leaves[leafAt] as Leaf
    const next = this.#leaves[leafAt + 1]
    const { runs } = this.#runs as EntryRuns
    const extras = leaf.extras as number[]
    const parts: Int32Array[] = []
    let count = extras.length
    for (const run of runs) {
      const from = leaf.lowest < 0 ? 0 : placeInRun(this.#map, run, leaf.lowest, 0)
      const to = next === undefined ? run.entries.length : placeInRun(this.#map, run, next.lowest, from)
      if (to > from) parts.push(run.entries.subarray(from, to))
      count += to - from
    }
    const entries = new Int32Array(count)
    entries.set(extras)
    let at = extras.length
    for (const part of parts) {
      entries.set(part, at)
      at += part.length
    }
    sortAll(this.#map, entries)
    this.#leaves.splice(leafAt, 1, ...makeLeaves(entries, leaf.lowest))
    this.version++
    this.#cold--
    if (this.#cold === 0) this.#runs = null
  }

  /** The leaf at a place of the list, with its entries in it. */
  #leafAt(leafAt: number): Leaf {
    if ((this.#leaves[leafAt] as Leaf).extras !== null) this.#warm(leafAt)
    return this.#leaves[leafAt] as Leaf
  }

  /** The leaf that a key belongs in. */
  #leafOf(bytes: Uint8Array, start: number, end: number): number {
    const leaves = this.#leaves
    let low = 0
    let high = leaves.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.#compareTo((leaves[middle] as Leaf).lowest, bytes, start, end) <= 0) low = middle
      else high = middle
    }
    return low
  }

  #slotOf(leaf: Leaf, bytes: Uint8Array, start: number, end: number): number {
    let from = 0
    let to = leaf.count
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compareTo(leaf.entries[middle] as number, bytes, start, end) < 0) from = middle + 1
      else to = middle
    }
    return from
  }

  #compareTo(entry: number, bytes: Uint8Array, start: number, end: number): number {
    const map = this.#map
    const keyStart = map.keyStartAt(entry)
    return compareBytes(map.keyChunkAt(entry), keyStart, keyStart + map.keyLengthAt(entry), bytes, start, end)
  }

  /**
   * The place of the first entry with a key of at least bytes[start, end); `end` of the index if there is none. Places
   * are leaf * 512 + slot, and hold until `version` changes.
   */
  seek(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#begun) this.#begin()
    const leafAt = this.#leafOf(bytes, start, end)
    this.#leafAt(leafAt)
    // Warm leaves have taken its place: look again.
    const warm = this.#leafOf(bytes, start, end)
    const leaf = this.#leaves[warm] as Leaf
    const slot = this.#slotOf(leaf, bytes, start, end)
    return slot < leaf.count ? warm * LEAF_ENTRIES + slot : this.#behind(warm, slot)
  }

  /** The place of the entry that follows `slot`, the end of a leaf. */
  #behind(leafAt: number, slot: number): number {
    if (leafAt === this.#leaves.length - 1) return leafAt * LEAF_ENTRIES + slot
    this.#leafAt(leafAt + 1)
    return (leafAt + 1) * LEAF_ENTRIES
  }

  /** The place of the first entry. */
  get first(): number {
    if (!this.#begun) this.#begin()
    this.#leafAt(0)
    return 0
  }

  /** The entry at a place, or -1 at the end. */
  at(place: number): number {
    if (!this.#begun) this.#begin()
    const leafAt = Math.floor(place / LEAF_ENTRIES)
    if (leafAt >= this.#leaves.length) return -1
    const leaf = this.#leafAt(leafAt)
    const slot = place - leafAt * LEAF_ENTRIES
    return slot < leaf.count ? (leaf.entries[slot] as number) : -1
  }

  /** The place behind the last entry. */
  get end(): number {
    if (!this.#begun) this.#begin()
    this.#leafAt(this.#leaves.length - 1)
    const last = this.#leaves.length - 1
    return last * LEAF_ENTRIES + (this.#leaves[last] as Leaf).count
  }

  /** The place that follows; may change `version`, but is a place of the version that there is then. */
  after(place: number): number {
    const leafAt = Math.floor(place / LEAF_ENTRIES)
    const slot = place + 1 - leafAt * LEAF_ENTRIES
    return slot < (this.#leaves[leafAt] as Leaf).count ? place + 1 : this.#behind(leafAt, slot)
  }

  /** The place before this one, or -1; as `after`. */
  before(place: number): number {
    if (place <= 0) return -1
    const leafAt = Math.floor(place / LEAF_ENTRIES)
    if (place > leafAt * LEAF_ENTRIES) return place - 1
    const leaves = this.#leaves.length
    this.#leafAt(leafAt - 1)
    // What was one cold leaf may be several now: the last of them is next to us.
    const before = leafAt - 1 + (this.#leaves.length - leaves)
    return before * LEAF_ENTRIES + (this.#leaves[before] as Leaf).count - 1
  }
}

function coldLeaf(lowest: number): Leaf {
  return { lowest, entries: NO_ENTRIES, count: 0, extras: [] }
}

/** Leaves with sorted entries, at least one. */
function makeLeaves(sorted: Int32Array, lowest: number): Leaf[] {
  const leaves: Leaf[] = []
  let at = 0
  do {
    const part = sorted.subarray(at, at + FILL_ENTRIES)
    const entries = new Int32Array(LEAF_ENTRIES)
    entries.set(part)
    leaves.push({ lowest: at === 0 ? lowest : (part[0] as number), entries, count: part.length, extras: null })
    at += FILL_ENTRIES
  } while (at < sorted.length)
  return leaves
}

/**
 * Entries at even distances of each run. Where they begin differs from run to run (by the golden ratio, so that all
 * places are used alike): runs of the same distribution would else give the same few parts of it.
 */
function sampleOf(runs: readonly SortedRun[]): Int32Array {
  const sample: number[] = []
  let shift = 0.5
  for (const { entries } of runs) {
    const most = Math.min(RUN_SAMPLES, entries.length)
    for (let i = 0; i < most; i++) sample.push(entries[Math.floor(((i + shift) * entries.length) / most)] as number)
    shift = (shift + GOLDEN) % 1
  }
  return Int32Array.from(sample)
}
