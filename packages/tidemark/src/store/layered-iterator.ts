import { TidemarkError } from '../errors/error.ts'
import { DELETED } from './entry-flags.ts'
import { compareBytes } from './compare.ts'
import type { LayerCursor } from './layer-cursor.ts'
import type { OpenIterators } from './open-iterators.ts'
import type { BaseIterator, ByteRange, RawIterator } from './types.ts'
import type { ValuePolicy } from './value-policy.ts'

const NO_BYTES = new Uint8Array(0)

/** One sorted source of a LayeredIterator, standing on an entry as long as `valid`. */
interface Source {
  readonly cursor: LayerCursor
  valid: boolean
}

/** What an iterator holds on to. */
export class IteratorSources {
  readonly layers: Source[] = []
  readonly base: BaseIterator
  /** Its place among the open iterators of the task. */
  owner: OpenIterators | null = null
  older: IteratorSources | null = null
  newer: IteratorSources | null = null
  openedMs = 0
  /** Closed because it was open for so long; 0: it was not. */
  expiredAfterMs = 0
  /** Closed because the state was; what is below may be gone. */
  closedWithState = false
  #open = true

  constructor(cursors: readonly LayerCursor[], base: BaseIterator) {
    this.base = base
    for (const cursor of cursors) this.layers.push({ cursor, valid: false })
  }

  get open(): boolean {
    return this.#open
  }

  /** Lets go; returns false if that was done before. */
  close(): boolean {
    if (!this.#open) return false
    this.#open = false
    this.owner?.remove(this)
    for (const source of this.layers) source.cursor.close()
    this.base.close()
    return true
  }
}

export interface LayeredIteratorOptions {
  /** Of the layers that have something in the range, newest first. */
  readonly cursors: readonly LayerCursor[]
  readonly base: BaseIterator
  readonly policy: ValuePolicy
  readonly range: ByteRange
  /** Entries whose deadline is at or before it are left out. */
  readonly nowMs: number
  readonly store: string
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
  readonly #nowMs: number
  readonly #store: string
  #baseValid = false
  #begun = false
  #left: number

  constructor({ cursors, base, policy, range, nowMs, store }: LayeredIteratorOptions) {
    this.sources = new IteratorSources(cursors, base)
    this.#layers = this.sources.layers
    this.#base = base
    this.#policy = policy
    this.#reverse = range.reverse
    this.#left = range.limit
    this.#nowMs = nowMs
    this.#store = store
  }

  next(): boolean {
    if (!this.#begun) this.#begin()
    while (this.#left > 0 && this.sources.open) {
      const first = this.#firstSource()
      if (first === null) {
        if (!this.#baseValid) break
        if (this.#takeBase()) return true
        continue
      }
      if (this.#takeSource(first)) return true
    }
    if (this.sources.expiredAfterMs > 0) throw this.#expired()
    if (this.sources.closedWithState) throw this.#stateClosed()
    this.close()
    return false
  }

  #expired(): TidemarkError {
    const ageMs = this.sources.expiredAfterMs
    return new TidemarkError(
      'ERR_ITERATOR_EXPIRED',
      `an iterator over store ${this.#store} was open for more than ${ageMs} ms and has been closed, since it keeps old ` +
        'values in memory and files on disk. Read it to its end sooner, or in several ranges',
      { details: { store: this.#store, ageMs } },
    )
  }

  #stateClosed(): TidemarkError {
    return new TidemarkError(
      'ERR_STORE_CLOSED',
      `an iterator over store ${this.#store} was used after the store had been closed: there may be more entries. ` +
        'Read it to its end before',
      { details: { store: this.#store } },
    )
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

  #compare(a: LayerCursor, b: LayerCursor): number {
    const order = compareBytes(a.bytes, a.start, a.end, b.bytes, b.start, b.end)
    return this.#reverse ? -order : order
  }

  /** Takes the base's entry; false if it has ended. */
  #takeBase(): boolean {
    const base = this.#base
    const policy = this.#policy
    const there = !policy.timed || policy.deadlineOf(base.valueBytes, base.valueStart) > this.#nowMs
    if (there) {
      this.key = base.key.slice()
      this.value = policy.decodeStored(base.valueBytes, base.valueStart, base.valueEnd)
      this.#left--
    }
    this.#baseValid = base.next()
    return there
  }

  /** Takes a layer's entry and passes over what it hides; false if it is a deletion, or has ended. */
  #takeSource(first: Source): boolean {
    const { cursor } = first
    const flags = cursor.flags
    const there = (flags & DELETED) === 0 && (!this.#policy.timed || cursor.deadlineMs > this.#nowMs)
    if (there) {
      this.key = cursor.bytes.slice(cursor.start, cursor.end)
      this.value = this.#policy.expose(cursor.value, flags)
      this.#left--
    }
    this.#skipHidden(first)
    first.valid = cursor.next()
    return there
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
