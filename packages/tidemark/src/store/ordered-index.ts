import type { ByteMap } from './byte-map.ts'
import { compareBytes } from './compare.ts'
import { sortEntries } from './sort-entries.ts'

const LEAF_ENTRIES = 512
const FILL_ENTRIES = 384

/**
 * The entries of a map in order of their keys: a list of leaves of up to 512 entries (a B+ tree of two levels, since
 * memtables are bounded). Entries are only added; an insert moves at most a leaf.
 */
export class OrderedIndex {
  /** Changes with each insert: a cursor's place is then to be looked up again. */
  version = 0
  readonly #map: ByteMap
  readonly #leaves: Int32Array[] = []
  readonly #counts: number[] = []

  constructor(map: ByteMap) {
    this.#map = map
    const sorting = sortEntries(map)
    let step = sorting.next()
    while (step.done !== true) step = sorting.next()
    const sorted = step.value
    for (let at = 0; at < sorted.length; at += FILL_ENTRIES) {
      const leaf = new Int32Array(LEAF_ENTRIES)
      const part = sorted.subarray(at, at + FILL_ENTRIES)
      leaf.set(part)
      this.#leaves.push(leaf)
      this.#counts.push(part.length)
    }
  }

  /** Adds the map's newest entry. */
  insert(entry: number): void {
    this.version++
    const map = this.#map
    const start = map.keyStartAt(entry)
    const place = this.seek(map.keyChunkAt(entry), start, start + map.keyLengthAt(entry))
    if (this.#leaves.length === 0) {
      this.#leaves.push(new Int32Array(LEAF_ENTRIES))
      this.#counts.push(0)
    }
    let leafAt = Math.min(Math.floor(place / LEAF_ENTRIES), this.#leaves.length - 1)
    let slot = place - leafAt * LEAF_ENTRIES
    // Past the end of all: behind the last entry of the last leaf.
    if (slot >= LEAF_ENTRIES) slot = this.#counts[leafAt] as number
    if ((this.#counts[leafAt] as number) === LEAF_ENTRIES) {
      this.#splitLeaf(leafAt, slot === LEAF_ENTRIES && leafAt === this.#leaves.length - 1)
      const left = this.#counts[leafAt] as number
      if (slot > left || (slot === left && left === LEAF_ENTRIES)) {
        leafAt++
        slot -= left
      }
    }
    const leaf = this.#leaves[leafAt] as Int32Array
    const count = this.#counts[leafAt] as number
    leaf.copyWithin(slot + 1, slot, count)
    leaf[slot] = entry
    this.#counts[leafAt] = count + 1
  }

  /** Keys that come in order leave full leaves behind them; else a leaf is halved. */
  #splitLeaf(leafAt: number, appending: boolean): void {
    const leaf = this.#leaves[leafAt] as Int32Array
    const left = appending ? LEAF_ENTRIES : LEAF_ENTRIES / 2
    const right = new Int32Array(LEAF_ENTRIES)
    right.set(leaf.subarray(left))
    this.#leaves.splice(leafAt + 1, 0, right)
    this.#counts.splice(leafAt, 1, left, LEAF_ENTRIES - left)
  }

  /**
   * The place of the first entry with a key of at least bytes[start, end); `end` of the index if there is none. Places
   * are leaf * 512 + slot, and hold until `version` changes.
   */
  seek(bytes: Uint8Array, start: number, end: number): number {
    const leaves = this.#leaves
    // The last leaf whose first key is below the key, or the first leaf.
    let low = 0
    let high = leaves.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.#compareTo((leaves[middle] as Int32Array)[0] as number, bytes, start, end) < 0) low = middle
      else high = middle
    }
    if (leaves.length === 0) return 0
    const leaf = leaves[low] as Int32Array
    let from = 0
    let to = this.#counts[low] as number
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compareTo(leaf[middle] as number, bytes, start, end) < 0) from = middle + 1
      else to = middle
    }
    return from < (this.#counts[low] as number) || low === leaves.length - 1
      ? low * LEAF_ENTRIES + from
      : (low + 1) * LEAF_ENTRIES
  }

  #compareTo(entry: number, bytes: Uint8Array, start: number, end: number): number {
    const map = this.#map
    const keyStart = map.keyStartAt(entry)
    return compareBytes(map.keyChunkAt(entry), keyStart, keyStart + map.keyLengthAt(entry), bytes, start, end)
  }

  /** The entry at a place, or -1 at the end. */
  at(place: number): number {
    const leafAt = Math.floor(place / LEAF_ENTRIES)
    if (leafAt >= this.#leaves.length) return -1
    const slot = place - leafAt * LEAF_ENTRIES
    return slot < (this.#counts[leafAt] as number) ? ((this.#leaves[leafAt] as Int32Array)[slot] as number) : -1
  }

  /** The place behind the last entry. */
  get end(): number {
    const last = this.#leaves.length - 1
    return last < 0 ? 0 : last * LEAF_ENTRIES + (this.#counts[last] as number)
  }

  after(place: number): number {
    const leafAt = Math.floor(place / LEAF_ENTRIES)
    const next = place + 1
    return next - leafAt * LEAF_ENTRIES < (this.#counts[leafAt] as number) || leafAt === this.#leaves.length - 1
      ? next
      : (leafAt + 1) * LEAF_ENTRIES
  }

  /** The place before this one, or -1. */
  before(place: number): number {
    if (place <= 0) return -1
    const previous = place - 1
    const leafAt = Math.floor(previous / LEAF_ENTRIES)
    const slot = previous - leafAt * LEAF_ENTRIES
    const last = (this.#counts[leafAt] as number) - 1
    return slot <= last ? previous : leafAt * LEAF_ENTRIES + last
  }
}
