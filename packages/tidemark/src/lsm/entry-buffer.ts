import type { SortedCursor } from '../store/types.ts'

const NO_BYTES = new Uint8Array(0)

/** Copies of entries, to be read again in the order in which they were added. */
export class EntryBuffer {
  readonly #keys: Uint8Array[] = []
  readonly #hashes: number[] = []
  readonly #values: (Uint8Array | null)[] = []

  get count(): number {
    return this.#keys.length
  }

  /** Adds a copy of the entry that a cursor is at. */
  add(cursor: SortedCursor): void {
    this.#keys.push(cursor.keyBytes.slice(cursor.keyStart, cursor.keyEnd))
    this.#hashes.push(cursor.hash)
    this.#values.push(cursor.present ? cursor.valueBytes.slice(cursor.valueStart, cursor.valueEnd) : null)
  }

  cursor(): SortedCursor {
    return new BufferCursor(this.#keys, this.#hashes, this.#values)
  }
}

class BufferCursor implements SortedCursor {
  keyBytes: Uint8Array = NO_BYTES
  readonly keyStart = 0
  keyEnd = 0
  hash = 0
  present = false
  valueBytes: Uint8Array = NO_BYTES
  readonly valueStart = 0
  valueEnd = 0
  readonly #keys: readonly Uint8Array[]
  readonly #hashes: readonly number[]
  readonly #values: readonly (Uint8Array | null)[]
  #at = 0

  constructor(keys: readonly Uint8Array[], hashes: readonly number[], values: readonly (Uint8Array | null)[]) {
    this.#keys = keys
    this.#hashes = hashes
    this.#values = values
  }

  next(): boolean {
    const at = this.#at++
    if (at >= this.#keys.length) return false
    const value = this.#values[at] ?? null
    this.keyBytes = this.#keys[at] as Uint8Array
    this.keyEnd = this.keyBytes.length
    this.hash = this.#hashes[at] as number
    this.present = value !== null
    this.valueBytes = value ?? NO_BYTES
    this.valueEnd = this.valueBytes.length
    return true
  }
}
