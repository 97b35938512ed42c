import { murmur2 } from '../hash/murmur2.ts'
import type { SortedCursor } from '../store/types.ts'
import { KeyAlphabet } from './key-alphabet.ts'
import { radixSort } from './radix-sort.ts'

const FIRST_BYTES = 64 * 1024
const FIRST_ENTRIES = 1024
/** So many are sorted one by one, and so many by comparing: tables of digits would cost more. */
const FEW = 12
const SOME = 512

/**
 * Entries of one store in any order, several of a key among them, in one buffer: many small ones cost no objects. Each is
 * length of the key, length of the value plus one (0: a deletion), both LEB128, then key and value.
 */
export class BulkEntries {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES)
  #length = 0
  /** Where each entry begins. */
  #places = new Uint32Array(FIRST_ENTRIES)
  #count = 0
  readonly #a = new EntryReader()
  readonly #b = new EntryReader()

  get count(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#length + this.#count * Uint32Array.BYTES_PER_ELEMENT
  }

  /** Copies an entry; `valueStart` -1 deletes the key. */
  add(bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const valueBytes = valueStart < 0 ? 0 : valueEnd - valueStart
    const most = this.#length + 10 + (keyEnd - keyStart) + valueBytes
    if (most > this.#bytes.length) this.#grow(most)
    if (this.#count === this.#places.length) this.#places = grown(this.#places)
    this.#places[this.#count++] = this.#length
    this.#length = writeLength(this.#bytes, this.#length, keyEnd - keyStart)
    this.#length = writeLength(this.#bytes, this.#length, valueStart < 0 ? 0 : valueBytes + 1)
    this.#copy(bytes, keyStart, keyEnd)
    if (valueBytes > 0) this.#copy(bytes, valueStart, valueEnd)
  }

  /** Few bytes one by one: a view of them would cost more. */
  #copy(from: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes
    const to = this.#length
    if (end - start > 64) bytes.set(from.subarray(start, end), to)
    else for (let i = start; i < end; i++) bytes[to + i - start] = from[i] as number
    this.#length = to + end - start
  }

  #grow(least: number): void {
    const bytes = new Uint8Array(Math.max(least, this.#bytes.length * 2))
    bytes.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = bytes
  }

  /** Each key once, by its newest entry, in byte order. Nothing may be added while it is read. */
  sorted(): { readonly count: number; readonly cursor: SortedCursor } {
    const places = this.#places.slice(0, this.#count)
    const common = this.#commonBytes(places)
    const numbers = this.#sort(places, common)
    let kept = 0
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as number
      // The next is newer, since equal keys are in the order in which they came.
      if (i + 1 < places.length && this.#same(places, numbers, i, common)) continue
      places[kept++] = place
    }
    return { count: kept, cursor: new BulkCursor(this.#bytes, places.subarray(0, kept)) }
  }

  /** How many bytes all keys begin with. */
  #commonBytes(places: Uint32Array): number {
    const bytes = this.#bytes
    const [first] = places
    if (first === undefined) return 0
    this.#a.read(bytes, first)
    const { keyStart, keyEnd } = this.#a
    let common = keyEnd - keyStart
    for (let i = 1; i < places.length && common > 0; i++) {
      this.#b.read(bytes, places[i] as number)
      const most = Math.min(common, this.#b.keyEnd - this.#b.keyStart)
      let same = 0
      while (same < most && bytes[keyStart + same] === bytes[this.#b.keyStart + same]) same++
      common = same
    }
    return common
  }

  /** Whether an entry and the next have the same key. */
  #same(places: Uint32Array, numbers: Uint32Array | null, i: number, common: number): boolean {
    if (numbers !== null) return numbers[i] === numbers[i + 1]
    return this.#compare(places[i] as number, places[i + 1] as number, common) === 0
  }

  /**
   * Sorts entries whose keys are equal up to `from`, and which stand in the order in which they came. As many of the bytes
   * behind it as fit become one number of 32 bits each, in the order of the bytes; those with the same number are sorted by
   * the bytes behind. The numbers, if they stand for whole keys: equal ones for equal keys alone.
   */
  #sort(places: Uint32Array, from: number): Uint32Array | null {
    if (places.length <= SOME) {
      if (places.length <= FEW) this.#sortFew(places, from)
      else places.sort((a, b) => this.#compare(a, b, from) || a - b)
      return null
    }
    const alphabet = new KeyAlphabet()
    const reader = this.#a
    const bytes = this.#bytes
    for (const place of places) {
      reader.read(bytes, place)
      alphabet.see(bytes, reader.keyStart + from, reader.keyEnd)
    }
    alphabet.close()
    const numbers = new Uint32Array(places.length)
    for (let i = 0; i < places.length; i++) {
      reader.read(bytes, places[i] as number)
      numbers[i] = alphabet.number(bytes, reader.keyStart + from, reader.keyEnd)
    }
    radixSort(numbers, places, alphabet.most)
    if (alphabet.isWhole) return numbers
    for (let start = 0, end = 0; start < numbers.length; start = end) {
      while (end < numbers.length && numbers[end] === numbers[start]) end++
      if (end - start > 1) this.#sort(places.subarray(start, end), from + alphabet.positions)
    }
    return null
  }

  #sortFew(places: Uint32Array, from: number): void {
    for (let i = 1; i < places.length; i++) {
      const place = places[i] as number
      let at = i
      for (; at > 0 && this.#compare(places[at - 1] as number, place, from) > 0; at--) {
        places[at] = places[at - 1] as number
      }
      places[at] = place
    }
  }

  /** Of keys that are equal up to `from`, or have ended by there. */
  #compare(a: number, b: number, from: number): number {
    const bytes = this.#bytes
    this.#a.read(bytes, a)
    this.#b.read(bytes, b)
    const iEnd = this.#a.keyEnd
    const jEnd = this.#b.keyEnd
    let i = Math.min(iEnd, this.#a.keyStart + from)
    let j = Math.min(jEnd, this.#b.keyStart + from)
    for (; i < iEnd && j < jEnd; i++, j++) {
      const difference = (bytes[i] as number) - (bytes[j] as number)
      if (difference !== 0) return difference
    }
    return iEnd - i - (jEnd - j)
  }
}

function grown(places: Uint32Array): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(places.length * 2)
  more.set(places)
  return more
}

/** Writes a LEB128 number; where it ends. */
function writeLength(bytes: Uint8Array, at: number, length: number): number {
  let left = length
  let to = at
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes[to++] = (left & 0x7f) | 0x80
  bytes[to++] = left
  return to
}

/** Where the parts of an entry are. */
class EntryReader {
  keyStart = 0
  keyEnd = 0
  /** Of the value; -1: a deletion. */
  valueEnd = -1
  #at = 0

  read(bytes: Uint8Array, place: number): void {
    this.#at = place
    const keyBytes = this.#length(bytes)
    const valueBytes = this.#length(bytes)
    this.keyStart = this.#at
    this.keyEnd = this.#at + keyBytes
    this.valueEnd = valueBytes === 0 ? -1 : this.keyEnd + valueBytes - 1
  }

  #length(bytes: Uint8Array): number {
    let byte = bytes[this.#at++] as number
    if (byte < 0x80) return byte
    let length = byte & 0x7f
    for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = bytes[this.#at++] as number
      length += (byte & 0x7f) * unit
    }
    return length
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
  readonly #places: Uint32Array
  readonly #reader = new EntryReader()
  #at = 0

  constructor(bytes: Uint8Array, places: Uint32Array) {
    this.keyBytes = bytes
    this.valueBytes = bytes
    this.#places = places
  }

  next(): boolean {
    if (this.#at >= this.#places.length) return false
    const reader = this.#reader
    reader.read(this.keyBytes, this.#places[this.#at++] as number)
    this.keyStart = reader.keyStart
    this.keyEnd = reader.keyEnd
    this.present = reader.valueEnd >= 0
    this.valueStart = reader.keyEnd
    this.valueEnd = this.present ? reader.valueEnd : reader.keyEnd
    this.hash = murmur2(this.keyBytes, this.keyStart, this.keyEnd)
    return true
  }
}
