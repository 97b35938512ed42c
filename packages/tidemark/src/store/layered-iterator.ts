import { DELETED } from './byte-map.ts'
import type { ByteMap } from './byte-map.ts'
import { compareBytes } from './compare.ts'
import { MapCursor } from './map-cursor.ts'
import type { BaseIterator, ByteRange, RawIterator } from './types.ts'
import type { ValuePolicy } from './value-policy.ts'

const NO_BYTES = new Uint8Array(0)

/** One sorted source of a LayeredIterator, standing on an entry as long as `valid`. */
interface Source {
  readonly cursor: MapCursor
  valid: boolean
}

/** What an iterator holds on to. */
export class IteratorSources {
  readonly layers: Source[] = []
  readonly base: BaseIterator
  #open = true

  constructor(layers: readonly ByteMap[], base: BaseIterator, range: ByteRange) {
    this.base = base
    for (const layer of layers) this.layers.push({ cursor: new MapCursor(layer, range), valid: false })
  }

  get open(): boolean {
    return this.#open
  }

  /** Lets go; returns false if that was done before. */
  close(): boolean {
    if (!this.#open) return false
    this.#open = false
    for (const source of this.layers) source.cursor.close()
    this.base.close()
    return true
  }
}

/**
 * Entries of several layers (newest first) and of the base as one sorted sequence: of equal keys the newest layer's
 * entry counts, deletions are left out. All of it is as it was at creation.
 */
export class LayeredIterator implements RawIterator {
  key: Uint8Array = NO_BYTES
  value: unknown = undefined
  readonly sources: IteratorSources
  readonly #layers: readonly Source[]
  readonly #base: BaseIterator
  readonly #policy: ValuePolicy
  readonly #reverse: boolean
  #baseValid = false
  #begun = false
  #left: number

  constructor(layers: readonly ByteMap[], base: BaseIterator, policy: ValuePolicy, range: ByteRange) {
    this.sources = new IteratorSources(layers, base, range)
    this.#layers = this.sources.layers
    this.#base = base
    this.#policy = policy
    this.#reverse = range.reverse
    this.#left = range.limit
  }

  next(): boolean {
    if (!this.#begun) this.#begin()
    while (this.#left > 0 && this.sources.open) {
      const first = this.#firstSource()
      if (first === null) {
        if (!this.#baseValid) break
        this.#takeBase()
        return true
      }
      if (this.#takeSource(first)) return true
    }
    this.close()
    return false
  }

  #begin(): void {
    this.#begun = true
    if (!this.sources.open) return
    for (const source of this.#layers) source.valid = source.cursor.next()
    this.#baseValid = this.#base.next()
  }

  /** The source with the next key, the newest of equal ones; null if the base comes before all. */
  #firstSource(): Source | null {
    let first: Source | null = null
    for (const source of this.#layers) {
      if (source.valid && (first === null || this.#compare(source.cursor, first.cursor) < 0)) first = source
    }
    if (first === null || !this.#baseValid) return first
    const key = this.#base.key
    const { cursor } = first
    const order = compareBytes(key, 0, key.length, cursor.bytes, cursor.start, cursor.end)
    return (this.#reverse ? -order : order) < 0 ? null : first
  }

  #compare(a: MapCursor, b: MapCursor): number {
    const order = compareBytes(a.bytes, a.start, a.end, b.bytes, b.start, b.end)
    return this.#reverse ? -order : order
  }

  #takeBase(): void {
    const base = this.#base
    this.key = base.key.slice()
    this.value = this.#policy.decode(base.valueBytes, base.valueStart, base.valueEnd)
    this.#left--
    this.#baseValid = base.next()
  }

  /** Takes a layer's entry and passes over what it hides; false if it is a deletion. */
  #takeSource(first: Source): boolean {
    const { cursor } = first
    const flags = cursor.flags
    const deleted = (flags & DELETED) !== 0
    if (!deleted) {
      this.key = cursor.bytes.slice(cursor.start, cursor.end)
      this.value = this.#policy.expose(cursor.value, flags)
      this.#left--
    }
    this.#skipHidden(first)
    first.valid = cursor.next()
    return !deleted
  }

  #skipHidden(first: Source): void {
    const { cursor } = first
    for (const source of this.#layers) {
      if (source !== first && source.valid && this.#compare(source.cursor, cursor) === 0) {
        source.valid = source.cursor.next()
      }
    }
    if (!this.#baseValid) return
    const key = this.#base.key
    if (compareBytes(key, 0, key.length, cursor.bytes, cursor.start, cursor.end) === 0) {
      this.#baseValid = this.#base.next()
    }
  }

  close(): void {
    this.sources.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
