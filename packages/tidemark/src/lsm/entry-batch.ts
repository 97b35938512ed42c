import { murmur2 } from '../hash/murmur2.ts'
import type { BaseIterator, SortedCursor } from '../store/types.ts'

/** What an entry costs beside its bytes, roughly. */
const ENTRY_BYTES = 200

/** Entries in memory, as a base takes them: added in the order of their keys, read once. */
export class EntryBatch implements SortedCursor {
  readonly present = true
  readonly keyStart = 0
  readonly valueStart = 0
  keyBytes: Uint8Array = new Uint8Array(0)
  valueBytes: Uint8Array = new Uint8Array(0)
  hash = 0
  /** Of memory, roughly. */
  sizeBytes = 0
  readonly #keys: Uint8Array[] = []
  readonly #values: Uint8Array[] = []
  #at = 0

  get count(): number {
    return this.#keys.length
  }

  /** Copies the entry that an iterator stands at. */
  add({ key, valueBytes, valueStart, valueEnd }: BaseIterator): void {
    this.#keys.push(key.slice())
    this.#values.push(valueBytes.slice(valueStart, valueEnd))
    this.sizeBytes += key.length + valueEnd - valueStart + ENTRY_BYTES
  }

  next(): boolean {
    const at = this.#at
    if (at >= this.#keys.length) return false
    this.#at = at + 1
    this.keyBytes = this.#keys[at] as Uint8Array
    this.valueBytes = this.#values[at] as Uint8Array
    this.hash = murmur2(this.keyBytes)
    return true
  }

  get keyEnd(): number {
    return this.keyBytes.length
  }

  get valueEnd(): number {
    return this.valueBytes.length
  }
}
