import { compareBytes } from './compare.ts'
import type { SortedCursor, SortedStore } from './types.ts'

const NO_BYTES = new Uint8Array(0)

/** An entry with bytes of its own; `value` is null for a deletion. */
export interface ListedEntry {
  readonly key: Uint8Array
  readonly hash: number
  readonly value: Uint8Array | null
}

/** A copy of what a cursor is at. */
export function entryAt(cursor: SortedCursor): ListedEntry {
  const { keyBytes, keyStart, keyEnd, hash, present, valueBytes, valueStart, valueEnd } = cursor
  return {
    key: keyBytes.slice(keyStart, keyEnd),
    hash,
    value: present ? valueBytes.slice(valueStart, valueEnd) : null,
  }
}

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length)
}

/** Two sorted lists without a common key as one, in the form that a base takes. */
export function sortedStore(name: string, a: readonly ListedEntry[], b: readonly ListedEntry[]): SortedStore {
  return { name, count: a.length + b.length, cursor: new TwoLists(a, b) }
}

class TwoLists implements SortedCursor {
  keyBytes: Uint8Array = NO_BYTES
  readonly keyStart = 0
  keyEnd = 0
  hash = 0
  present = false
  valueBytes: Uint8Array = NO_BYTES
  readonly valueStart = 0
  valueEnd = 0
  readonly #a: readonly ListedEntry[]
  readonly #b: readonly ListedEntry[]
  #atA = 0
  #atB = 0

  constructor(a: readonly ListedEntry[], b: readonly ListedEntry[]) {
    this.#a = a
    this.#b = b
  }

  next(): boolean {
    const a = this.#a[this.#atA]
    const b = this.#b[this.#atB]
    if (a === undefined && b === undefined) return false
    if (b === undefined || (a !== undefined && compareKeys(a.key, b.key) < 0)) {
      this.#atA++
      this.#show(a as ListedEntry)
    } else {
      this.#atB++
      this.#show(b)
    }
    return true
  }

  rewind(): void {
    this.#atA = 0
    this.#atB = 0
  }

  #show({ key, hash, value }: ListedEntry): void {
    this.keyBytes = key
    this.keyEnd = key.length
    this.hash = hash
    this.present = value !== null
    this.valueBytes = value ?? NO_BYTES
    this.valueEnd = this.valueBytes.length
  }
}
