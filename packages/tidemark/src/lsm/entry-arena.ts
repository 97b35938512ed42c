import { murmur2 } from '../hash/murmur2.ts'
import type { SortedCursor } from '../store/types.ts'

const FIRST_BYTES = 64 * 1024
/** Of the two ends of an entry. */
const ENDS_BYTES = 16

/**
 * Entries in memory, as a base takes them, in one buffer: many small ones cost no objects. They are added in the order of
 * their keys, read once, and forgotten by `clear`, which keeps the room.
 */
export class EntryArena implements SortedCursor {
  readonly present = true
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0
  hash = 0
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES)
  #length = 0
  /** Of each entry: where its key ends, and its value, which follows it. */
  readonly #ends: number[] = []
  #at = 0

  get count(): number {
    return this.#ends.length / 2
  }

  get sizeBytes(): number {
    return this.#length + (this.#ends.length / 2) * ENDS_BYTES
  }

  get keyBytes(): Uint8Array {
    return this.#bytes
  }

  get valueBytes(): Uint8Array {
    return this.#bytes
  }

  /** Copies an entry. */
  add(key: Uint8Array, value: Uint8Array, valueStart: number, valueEnd: number): void {
    const keyEnd = this.#length + key.length
    const end = keyEnd + valueEnd - valueStart
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.set(key, this.#length)
    this.#bytes.set(value.subarray(valueStart, valueEnd), keyEnd)
    this.#ends.push(keyEnd, end)
    this.#length = end
  }

  #grow(least: number): void {
    const grown = new Uint8Array(Math.max(least, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }

  next(): boolean {
    const at = this.#at
    if (at >= this.#ends.length) return false
    this.#at = at + 2
    this.keyStart = this.valueEnd
    this.keyEnd = this.#ends[at] as number
    this.valueStart = this.keyEnd
    this.valueEnd = this.#ends[at + 1] as number
    this.hash = murmur2(this.#bytes, this.keyStart, this.keyEnd)
    return true
  }

  clear(): void {
    this.#length = 0
    this.#ends.length = 0
    this.#at = 0
    this.valueEnd = 0
  }
}
