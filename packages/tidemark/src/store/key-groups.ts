import { murmur2 } from '../hash/murmur2.ts'
import { ByteIndex, firstPlace, segmentMask } from './byte-index.ts'
import type { ByteMap } from './byte-map.ts'
import { compareBytes } from './compare.ts'
import { IntSlabs } from './int-slabs.ts'

/** Of a group: place of its array in the slabs, room there, entries. */
const FIELDS = 3
const CHUNK_SHIFT = 12
const CHUNK_MASK: number = (1 << CHUNK_SHIFT) - 1

/**
 * The entries of a map by the first part of their keys (the user's key of a window store), each group a small array in
 * order of the rest (the time): so that a range within one group costs a search in a hash table and a copy of its part of
 * the array, whatever the size of the map.
 */
export class KeyGroups {
  readonly suffixBytes: number
  readonly #map: ByteMap
  readonly #index = new ByteIndex()
  readonly #slabs = new IntSlabs()
  readonly #chunks: Int32Array[] = []
  #count = 0

  constructor(map: ByteMap, suffixBytes: number) {
    this.#map = map
    this.suffixBytes = suffixBytes
  }

  /** Adds the map's newest entry; a key that is shorter than the suffix is in no group. */
  insert(entry: number): void {
    const map = this.#map
    const bytes = map.keyChunkAt(entry)
    const start = map.keyStartAt(entry)
    const end = start + map.keyLengthAt(entry) - this.suffixBytes
    if (end < start) return
    const hash = murmur2(bytes, start, end)
    const group = this.#find(bytes, start, end, hash)
    if (group < 0) this.#add(hash, entry)
    else this.#insertInto(group, entry)
  }

  #add(hash: number, entry: number): void {
    const group = this.#count++
    if ((group & CHUNK_MASK) === 0) this.#chunks.push(new Int32Array(FIELDS << CHUNK_SHIFT))
    const fields = this.#chunks[group >>> CHUNK_SHIFT] as Int32Array
    const at = (group & CHUNK_MASK) * FIELDS
    const place = this.#slabs.take(1)
    this.#slabs.arrayAt(place)[this.#slabs.startOf(place)] = entry
    fields[at] = place
    fields[at + 1] = 1
    fields[at + 2] = 1
    this.#index.add(hash, group + 1)
  }

  #find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const index = this.#index
    const segment = index.directory[hash & index.directoryMask] as Int32Array
    const mask = segmentMask(segment)
    let place = firstPlace(hash, mask)
    for (;;) {
      const group = (segment[place + 1] as number) - 1
      if (group === -1) return -1
      if (segment[place] === hash && this.#isOf(group, bytes, start, end)) return group
      place = (place + 2) & mask
    }
  }

  #isOf(group: number, bytes: Uint8Array, start: number, end: number): boolean {
    const map = this.#map
    const fields = this.#chunks[group >>> CHUNK_SHIFT] as Int32Array
    const place = fields[(group & CHUNK_MASK) * FIELDS] as number
    const first = this.#slabs.arrayAt(place)[this.#slabs.startOf(place)] as number
    const length = map.keyLengthAt(first) - this.suffixBytes
    if (length !== end - start) return false
    const own = map.keyChunkAt(first)
    const ownStart = map.keyStartAt(first)
    for (let i = 0; i < length; i++) if (own[ownStart + i] !== bytes[start + i]) return false
    return true
  }

  #insertInto(group: number, entry: number): void {
    const fields = this.#chunks[group >>> CHUNK_SHIFT] as Int32Array
    const at = (group & CHUNK_MASK) * FIELDS
    const count = fields[at + 2] as number
    if (count === fields[at + 1]) this.#grow(fields, at, count)
    const place = fields[at] as number
    const array = this.#slabs.arrayAt(place)
    const start = this.#slabs.startOf(place)
    const map = this.#map
    const bytes = map.keyChunkAt(entry)
    const keyStart = map.keyStartAt(entry)
    const slot = this.#slotOf(array, start, count, bytes, keyStart, keyStart + map.keyLengthAt(entry))
    array.copyWithin(slot + 1, slot, start + count)
    array[slot] = entry
    fields[at + 2] = count + 1
  }

  #grow(fields: Int32Array, at: number, count: number): void {
    const slabs = this.#slabs
    const before = fields[at] as number
    const place = slabs.take(count * 2)
    const start = slabs.startOf(before)
    slabs.arrayAt(place).set(slabs.arrayAt(before).subarray(start, start + count), slabs.startOf(place))
    slabs.giveBack(before, count)
    fields[at] = place
    fields[at + 1] = count * 2
  }

  /** The slot of the first entry at or above a key of the same group; times mostly come in order, so the end comes first. */
  #slotOf(array: Int32Array, start: number, count: number, bytes: Uint8Array, from: number, end: number): number {
    let low = start
    let high = start + count
    if (count > 0 && this.#compareTo(array[high - 1] as number, bytes, from, end) < 0) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compareTo(array[middle] as number, bytes, from, end) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #compareTo(entry: number, bytes: Uint8Array, start: number, end: number): number {
    const map = this.#map
    const keyStart = map.keyStartAt(entry)
    return compareBytes(map.keyChunkAt(entry), keyStart, keyStart + map.keyLengthAt(entry), bytes, start, end)
  }

  /**
   * A copy of the entries of the group that keys with from[0, prefixBytes) are in, at or above `from` and below `to`,
   * in order; null if there are none.
   */
  slice(from: Uint8Array, prefixBytes: number, hash: number, to: Uint8Array | null): Int32Array | null {
    const group = this.#find(from, 0, prefixBytes, hash)
    if (group < 0) return null
    const fields = this.#chunks[group >>> CHUNK_SHIFT] as Int32Array
    const at = (group & CHUNK_MASK) * FIELDS
    const place = fields[at] as number
    const count = fields[at + 2] as number
    const array = this.#slabs.arrayAt(place)
    const start = this.#slabs.startOf(place)
    const low = this.#slotOf(array, start, count, from, 0, from.length)
    const high = to === null ? start + count : this.#slotOf(array, start, count, to, 0, to.length)
    return high > low ? array.slice(low, high) : null
  }
}
