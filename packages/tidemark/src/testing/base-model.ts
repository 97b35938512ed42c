import { murmur2 } from '../hash/murmur2.ts'
import type { Base, BaseIterator, ByteRange, SortedCursor, SortedStore, Steps } from '../store/types.ts'

/** A change of one key; null deletes. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** Entries as hex of key and value: easy to compare and to print. */
export type HexEntries = readonly (readonly [key: string, value: string])[]

export const EVERYTHING: ByteRange = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY }

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** What a base should hold: a plain map by the hex of store and key. Slow, and surely right. */
export class BaseModel {
  readonly #stores = new Map<string, Map<string, string>>()

  apply(store: string, changes: readonly Change[]): void {
    const entries = this.#stores.get(store) ?? new Map<string, string>()
    this.#stores.set(store, entries)
    for (const { key, value } of changes) {
      if (value === null) entries.delete(hexOf(key))
      else entries.set(hexOf(key), hexOf(value))
    }
  }

  copy(): BaseModel {
    const copy = new BaseModel()
    for (const [store, entries] of this.#stores) copy.#stores.set(store, new Map(entries))
    return copy
  }

  get(store: string, key: Uint8Array): string | undefined {
    return this.#stores.get(store)?.get(hexOf(key))
  }

  size(store: string): number {
    return this.#stores.get(store)?.size ?? 0
  }

  stores(): string[] {
    return [...this.#stores.keys()]
  }

  scan(store: string, range: Partial<ByteRange> = {}): HexEntries {
    const { from, to, reverse, limit } = { ...EVERYTHING, ...range }
    const low = from === null ? null : hexOf(from)
    const high = to === null ? null : hexOf(to)
    const found = [...(this.#stores.get(store) ?? [])]
      .filter(([key]) => (low === null || key >= low) && (high === null || key < high))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
    if (reverse) found.reverse()
    return found.slice(0, limit)
  }
}

/** A cursor over changes, sorted or not, which lie in buffers that it overwrites, as a real one may. */
export class ChangeCursor implements SortedCursor {
  keyBytes: Uint8Array = new Uint8Array(16)
  keyStart = 3
  keyEnd = 3
  hash = 0
  present = false
  valueBytes: Uint8Array = new Uint8Array(16)
  valueStart = 5
  valueEnd = 5
  readonly #changes: Iterable<Change>
  #left: Iterator<Change>

  constructor(changes: Iterable<Change>) {
    this.#changes = changes
    this.#left = changes[Symbol.iterator]()
  }

  rewind(): void {
    this.#left = this.#changes[Symbol.iterator]()
  }

  next(): boolean {
    const step = this.#left.next()
    if (step.done === true) return false
    const { key, value } = step.value
    if (this.keyBytes.length < key.length + 3) this.keyBytes = new Uint8Array(key.length + 3)
    this.keyBytes.set(key, 3)
    this.keyEnd = 3 + key.length
    this.hash = murmur2(key)
    this.present = value !== null
    const length = value?.length ?? 0
    if (this.valueBytes.length < length + 5) this.valueBytes = new Uint8Array(length + 5)
    if (value !== null) this.valueBytes.set(value, 5)
    this.valueEnd = 5 + length
    return true
  }
}

/** The changes of a store as a base takes them: sorted, the last one of each key. */
export function sortedChanges(name: string, changes: readonly Change[]): SortedStore {
  const last = new Map(changes.map((change) => [hexOf(change.key), change]))
  const sorted = [...last.values()].toSorted((a, b) => Buffer.compare(a.key, b.key))
  return { name, count: sorted.length, cursor: new ChangeCursor(sorted) }
}

/** Runs steps to their end, or as many as given; waits where they wait. True when they came to their end. */
export async function settle(steps: Steps, most: number = Number.POSITIVE_INFINITY): Promise<boolean> {
  let step = steps.next()
  for (let taken = 1; step.done !== true; taken++) {
    if (taken > most) {
      steps.return()
      return false
    }
    step = await advance(steps, step.value)
  }
  return true
}

async function advance(
  steps: Steps,
  waitFor: Promise<void> | void,
): Promise<IteratorResult<Promise<void> | void, void>> {
  try {
    await waitFor
  } catch (error) {
    return steps.throw(error)
  }
  return steps.next()
}

/** The value of a key in hex; undefined when there is none. */
export function readBase(base: Base, store: string, key: Uint8Array): string | undefined {
  const shifted = new Uint8Array(key.length + 9)
  shifted.set(key, 4)
  const found = base.get(store, shifted, 4, 4 + key.length, murmur2(key))
  return found === 1 ? hexOf(base.valueBytes.subarray(base.valueStart, base.valueEnd)) : undefined
}

/** Reads an iterator on, up to `most` entries. */
export function readOn(iterator: BaseIterator, most: number = Number.POSITIVE_INFINITY): HexEntries {
  const entries: [string, string][] = []
  while (entries.length < most && iterator.next()) {
    const { valueBytes, valueStart, valueEnd } = iterator
    entries.push([hexOf(iterator.key), hexOf(valueBytes.subarray(valueStart, valueEnd))])
  }
  return entries
}

export function scanBase(base: Base, store: string, range: Partial<ByteRange> = {}): HexEntries {
  return readOn(base.scan(store, { ...EVERYTHING, ...range }))
}
