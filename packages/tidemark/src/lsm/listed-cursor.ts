import { murmur2 } from '../hash/murmur2.ts'
import type { SortedCursor } from '../store/types.ts'

const NO_BYTES = new Uint8Array(0)
/** What an entry costs beside its bytes, roughly. */
const ENTRY_BYTES = 200

/** Entries in memory, added in order, as a base takes them. */
export class ListedCursor implements SortedCursor {
  readonly keyStart = 0
  readonly valueStart = 0
  keyBytes: Uint8Array = NO_BYTES
  valueBytes: Uint8Array = NO_BYTES
  present = false
  hash = 0
  /** What they take in memory, roughly. */
  sizeBytes = 0
  readonly #keys: Uint8Array[] = []
  readonly #values: (Uint8Array | null)[] = []
  #at = 0

  get count(): number {
    return this.#keys.length
  }

  /** A deletion if there is no value. Both are copied. */
  add(key: Uint8Array, value: Uint8Array | null, start = 0, end: number = value?.length ?? 0): void {
    this.#keys.push(key.slice())
    this.#values.push(value === null ? null : value.slice(start, end))
    this.sizeBytes += key.length + (end - start) + ENTRY_BYTES
  }

  next(): boolean {
    const at = this.#at
    if (at >= this.#keys.length) return false
    this.#at = at + 1
    const value = this.#values[at] as Uint8Array | null
    this.keyBytes = this.#keys[at] as Uint8Array
    this.valueBytes = value ?? NO_BYTES
    this.present = value !== null
    this.hash = murmur2(this.keyBytes)
    return true
  }

  rewind(): void {
    this.#at = 0
  }

  get keyEnd(): number {
    return this.keyBytes.length
  }

  get valueEnd(): number {
    return this.valueBytes.length
  }
}
