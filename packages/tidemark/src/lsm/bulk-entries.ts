import { murmur2 } from '../hash/murmur2.ts'
import type { SortedCursor } from '../store/types.ts'

const FIRST_BYTES = 64 * 1024
/** Numbers for each entry: where its key begins and ends, and its value; -1 ends the value of a deletion. */
const FIELDS = 3
/** Bytes of a key, and places, that fit in the 53 bits of an exact double together. */
const PREFIX_BYTES = 4
const MOST_PLACES = 2 ** 21
/** So many are sorted one by one. */
const FEW = 12

/**
 * Entries of one store in any order, several of a key among them, in one buffer: many small ones cost no objects.
 */
export class BulkEntries {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES)
  #length = 0
  readonly #fields: number[] = []
  #common = Number.POSITIVE_INFINITY

  get count(): number {
    return this.#fields.length / FIELDS
  }

  get sizeBytes(): number {
    return this.#length + this.#fields.length * 8
  }

  /** Copies an entry; `valueStart` -1 deletes the key. */
  add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const start = this.#length
    const end = start + (keyEnd - keyStart)
    const valueBytes = valueStart < 0 ? 0 : valueEnd - valueStart
    if (end + valueBytes > this.#bytes.length) this.#grow(end + valueBytes)
    this.#copy(bytes, keyStart, keyEnd, start)
    if (valueBytes > 0) this.#copy(bytes, valueStart, valueEnd, end)
    this.#fields.push(start, end, valueStart < 0 ? -1 : end + valueBytes)
    this.#length = end + valueBytes
    this.#narrow(start, end)
  }

  /** Few bytes one by one: a view of them would cost more. */
  #copy(from: Uint8Array, start: number, end: number, to: number): void {
    const bytes = this.#bytes
    if (end - start > 64) bytes.set(from.subarray(start, end), to)
    else for (let i = start; i < end; i++) bytes[to + i - start] = from[i] as number
  }

  /** How many bytes all keys begin with. */
  #narrow(start: number, end: number): void {
    const firstEnd = this.#fields[1] as number
    const most = Math.min(this.#common, firstEnd, end - start)
    let same = 0
    while (same < most && this.#bytes[same] === this.#bytes[start + same]) same++
    this.#common = same
  }

  #grow(least: number): void {
    const grown = new Uint8Array(Math.max(least, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }

  /** Each key once, by its newest entry, in byte order. Nothing may be added while it is read. */
  sorted(): { readonly count: number; readonly cursor: SortedCursor } {
    const fields = Int32Array.from(this.#fields)
    const order = new Uint32Array(this.count)
    for (let i = 0; i < order.length; i++) order[i] = i
    this.#sort(fields, order, this.#common)
    let kept = 0
    for (let i = 0; i < order.length; i++) {
      const entry = order[i] as number
      // The next is newer, since equal keys are in the order in which they came.
      if (i + 1 < order.length && this.#compare(fields, entry, order[i + 1] as number, this.#common) === 0) continue
      order[kept++] = entry
    }
    return { count: kept, cursor: new BulkCursor(this.#bytes, fields, order.subarray(0, kept)) }
  }

  /**
   * Sorts entries whose keys are equal up to `from`, and which stand in the order in which they came. Four bytes of each
   * key and its place make one exact double: typed arrays sort those without a function that compares. Those with the same
   * four bytes are sorted by the next four.
   */
  #sort(fields: Int32Array, order: Uint32Array, from: number): void {
    if (order.length <= FEW) return this.#sortFew(fields, order, from)
    if (order.length > MOST_PLACES) return void order.sort((a, b) => this.#compare(fields, a, b, from) || a - b)
    const before = order.slice()
    const packed = new Float64Array(before.length)
    for (let i = 0; i < before.length; i++) {
      packed[i] = this.#prefix(fields, before[i] as number, from) * MOST_PLACES + i
    }
    packed.sort()
    for (let start = 0; start < packed.length; ) {
      const prefix = Math.floor((packed[start] as number) / MOST_PLACES)
      const least = (prefix + 1) * MOST_PLACES
      let end = start
      let goesOn = true
      while (end < packed.length && (packed[end] as number) < least) {
        const entry = before[(packed[end] as number) - prefix * MOST_PLACES] as number
        if (this.#lengthOf(fields, entry) <= from + PREFIX_BYTES) goesOn = false
        order[end++] = entry
      }
      if (end - start > 1) {
        const run = order.subarray(start, end)
        if (goesOn) this.#sort(fields, run, from + PREFIX_BYTES)
        else run.sort((a, b) => this.#compare(fields, a, b, from) || a - b)
      }
      start = end
    }
  }

  #sortFew(fields: Int32Array, order: Uint32Array, from: number): void {
    for (let i = 1; i < order.length; i++) {
      const entry = order[i] as number
      let at = i
      for (; at > 0 && this.#compare(fields, order[at - 1] as number, entry, from) > 0; at--) {
        order[at] = order[at - 1] as number
      }
      order[at] = entry
    }
  }

  #lengthOf(fields: Int32Array, entry: number): number {
    return (fields[entry * FIELDS + 1] as number) - (fields[entry * FIELDS] as number)
  }

  /** Four bytes of a key as a number; zeros stand for those behind its end. */
  #prefix(fields: Int32Array, entry: number, from: number): number {
    const bytes = this.#bytes
    const start = (fields[entry * FIELDS] as number) + from
    const left = (fields[entry * FIELDS + 1] as number) - start
    if (left >= PREFIX_BYTES) {
      const low =
        ((bytes[start + 1] as number) << 16) | ((bytes[start + 2] as number) << 8) | (bytes[start + 3] as number)
      return (bytes[start] as number) * 0x1000000 + low
    }
    let prefix = 0
    for (let i = 0; i < PREFIX_BYTES; i++) prefix = prefix * 256 + (i < left ? (bytes[start + i] as number) : 0)
    return prefix
  }

  /** Of keys that are equal up to `from`. */
  #compare(fields: Int32Array, a: number, b: number, from: number): number {
    const bytes = this.#bytes
    let i = (fields[a * FIELDS] as number) + from
    let j = (fields[b * FIELDS] as number) + from
    const iEnd = fields[a * FIELDS + 1] as number
    const jEnd = fields[b * FIELDS + 1] as number
    for (; i < iEnd && j < jEnd; i++, j++) {
      const difference = (bytes[i] as number) - (bytes[j] as number)
      if (difference !== 0) return difference
    }
    return iEnd - i - (jEnd - j)
  }
}

class BulkCursor implements SortedCursor {
  readonly keyBytes: Uint8Array
  readonly valueBytes: Uint8Array
  keyStart = 0
  keyEnd = 0
  hash = 0
  present = false
  valueStart = 0
  valueEnd = 0
  readonly #fields: Int32Array
  readonly #order: Uint32Array
  #at = 0

  constructor(bytes: Uint8Array, fields: Int32Array, order: Uint32Array) {
    this.keyBytes = bytes
    this.valueBytes = bytes
    this.#fields = fields
    this.#order = order
  }

  next(): boolean {
    if (this.#at >= this.#order.length) return false
    const entry = (this.#order[this.#at++] as number) * FIELDS
    this.keyStart = this.#fields[entry] as number
    this.keyEnd = this.#fields[entry + 1] as number
    const valueEnd = this.#fields[entry + 2] as number
    this.present = valueEnd >= 0
    this.valueStart = this.keyEnd
    this.valueEnd = this.present ? valueEnd : this.keyEnd
    this.hash = murmur2(this.keyBytes, this.keyStart, this.keyEnd)
    return true
  }
}
