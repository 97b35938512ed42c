import type { ByteMap } from './byte-map.ts'
import { compareBytes } from './compare.ts'
import type { OrderedIndex } from './ordered-index.ts'
import type { ByteRange } from './types.ts'

const BEFORE_FIRST = -2

/**
 * Walks the entries of one map in a range, in order of keys, as they were when the cursor was made: later entries are
 * passed over, changed ones are read from the map's undo log. Close it, or the map keeps old values.
 */
export class MapCursor {
  /** The key of the entry is bytes[start, end). */
  bytes: Uint8Array
  start = 0
  end = 0
  readonly #map: ByteMap
  readonly #order: OrderedIndex
  readonly #range: ByteRange
  readonly #limit: number
  readonly #view: number
  #entry = -1
  #place: number = BEFORE_FIRST
  #orderVersion: number
  #open = true

  constructor(map: ByteMap, range: ByteRange) {
    this.#map = map
    this.#range = range
    this.#order = map.order
    this.#orderVersion = this.#order.version
    this.#limit = map.endEntry
    this.#view = map.undo.open()
    this.bytes = NO_BYTES
  }

  /** Moves on; false at the end. */
  next(): boolean {
    const { reverse } = this.#range
    for (;;) {
      const place = this.#step(reverse)
      const entry = place < 0 ? -1 : this.#order.at(place)
      if (entry < 0) return false
      this.#place = place
      // Stepping may have put more of the order together: the place is one of that.
      this.#orderVersion = this.#order.version
      if (entry >= this.#limit) continue
      this.#entry = entry
      this.#show(entry)
      return this.#within(reverse)
    }
  }

  #step(reverse: boolean): number {
    const order = this.#order
    if (this.#place === BEFORE_FIRST) return this.#begin(reverse)
    if (this.#orderVersion !== order.version) {
      // Entries came in between: find the one we stood on again.
      if (this.#entry < 0) return this.#begin(reverse)
      this.#show(this.#entry)
      this.#place = order.seek(this.bytes, this.start, this.end)
    }
    return reverse ? order.before(this.#place) : order.after(this.#place)
  }

  #begin(reverse: boolean): number {
    const { from, to } = this.#range
    if (!reverse) return from === null ? this.#order.first : this.#order.seek(from, 0, from.length)
    return this.#order.before(to === null ? this.#order.end : this.#order.seek(to, 0, to.length))
  }

  #show(entry: number): void {
    const map = this.#map
    this.bytes = map.keyChunkAt(entry)
    this.start = map.keyStartAt(entry)
    this.end = this.start + map.keyLengthAt(entry)
  }

  #within(reverse: boolean): boolean {
    const bound = reverse ? this.#range.from : this.#range.to
    if (bound === null) return true
    const order = compareBytes(this.bytes, this.start, this.end, bound, 0, bound.length)
    return reverse ? order >= 0 : order < 0
  }

  get flags(): number {
    const old = this.#map.undo.seenBy(this.#view, this.#entry)
    return old === null ? this.#map.flagsAt(this.#entry) : old.flags
  }

  get value(): unknown {
    const old = this.#map.undo.seenBy(this.#view, this.#entry)
    return old === null ? this.#map.valueAt(this.#entry) : old.value
  }

  get deadlineMs(): number {
    const old = this.#map.undo.seenBy(this.#view, this.#entry)
    return old === null ? this.#map.deadlineAt(this.#entry) : old.deadlineMs
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#map.undo.close()
  }
}

const NO_BYTES = new Uint8Array(0)
