import { murmur2 } from '../hash/murmur2.ts'
import type { SortedCursor } from '../store/types.ts'

const FIRST_BYTES = 64 * 1024
/** Numbers for each entry: where its key begins and ends, and its value; -1 ends the value of a deletion. */
const FIELDS = 3
/** Bytes that make an exact integer of a double. */
const PREFIX_BYTES = 6

/**
 * Entries of one store in any order, several of a key among them, in one buffer: many small ones cost no objects. They are
 * sorted by the few bytes behind what all keys have in common, and only where those are equal by the rest.
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
    this.#bytes.set(bytes.subarray(keyStart, keyEnd), start)
    if (valueBytes > 0) this.#bytes.set(bytes.subarray(valueStart, valueEnd), end)
    this.#fields.push(start, end, valueStart < 0 ? -1 : end + valueBytes)
    this.#length = end + valueBytes
    this.#narrow(start, end)
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
    const count = this.count
    const fields = Int32Array.from(this.#fields)
    const prefixes = new Float64Array(count)
    const order = new Uint32Array(count)
    for (let i = 0; i < count; i++) {
      order[i] = i
      prefixes[i] = this.#prefix((fields[i * FIELDS] as number) + this.#common, fields[i * FIELDS + 1] as number)
    }
    order.sort((a, b) => {
      const difference = (prefixes[a] as number) - (prefixes[b] as number)
      return difference !== 0 ? difference : this.#compare(fields, a, b) || a - b
    })
    let kept = 0
    for (let i = 0; i < count; i++) {
      const entry = order[i] as number
      // The next is newer, since equal keys are in the order in which they came.
      if (i + 1 < count && this.#compare(fields, entry, order[i + 1] as number) === 0) continue
      order[kept++] = entry
    }
    return { count: kept, cursor: new BulkCursor(this.#bytes, fields, order.subarray(0, kept)) }
  }

  /** Some bytes as a number; a key that ends earlier comes before those that it is the beginning of, by `compare`. */
  #prefix(start: number, end: number): number {
    let prefix = 0
    for (let i = 0; i < PREFIX_BYTES; i++)
      prefix = prefix * 256 + (start + i < end ? (this.#bytes[start + i] as number) : 0)
    return prefix
  }

  #compare(fields: Int32Array, a: number, b: number): number {
    const bytes = this.#bytes
    let i = (fields[a * FIELDS] as number) + this.#common
    let j = (fields[b * FIELDS] as number) + this.#common
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
