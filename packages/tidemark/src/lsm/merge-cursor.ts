import { murmur2 } from '../hash/murmur2.ts'
import type { SortedCursor } from '../store/types.ts'
import { compareBytes } from './bytes.ts'
import type { EntryCursor } from './entry-cursor.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * One cursor over several, newest first: of entries with the same key the newest one counts. The sources are kept in the
 * order of their keys; one that moved is put back in its place by comparing it with its neighbours, so that a large
 * source among small ones costs two comparisons an entry.
 */
export class MergeCursor implements SortedCursor {
  keyBytes: Uint8Array = NO_BYTES
  keyStart = 0
  keyEnd = 0
  present = false
  valueBytes: Uint8Array = NO_BYTES
  valueStart = 0
  valueEnd = 0
  readonly #sources: readonly EntryCursor[]
  readonly #sign: number
  /** In the order of their keys; of equal keys the newest first. `#ages` says the place in `#sources`. */
  readonly #order: EntryCursor[] = []
  readonly #ages: number[] = []
  #live = 0
  #started = false

  constructor(newestFirst: readonly EntryCursor[], reverse: boolean) {
    this.#sources = newestFirst
    this.#sign = reverse ? -1 : 1
  }

  get hash(): number {
    return murmur2(this.keyBytes, this.keyStart, this.keyEnd)
  }

  /** The key as a view that is reused. */
  get key(): Uint8Array {
    return this.#live === 0 ? NO_BYTES : (this.#order[0] as EntryCursor).key
  }

  /** Moves to the next key, deleted ones included. */
  next(): boolean {
    if (this.#started) this.#pass()
    else this.#start()
    if (this.#live === 0) return false
    const top = this.#order[0] as EntryCursor
    top.resolve()
    this.keyBytes = top.keyBytes
    this.keyEnd = top.keyEnd
    this.present = top.present
    this.valueBytes = top.valueBytes
    this.valueStart = top.valueStart
    this.valueEnd = top.valueEnd
    return true
  }

  #start(): void {
    this.#started = true
    for (let i = this.#sources.length - 1; i >= 0; i--) {
      const source = this.#sources[i] as EntryCursor
      if (!source.next()) continue
      this.#order.unshift(source)
      this.#ages.unshift(i)
      this.#live++
      this.#settle(0)
    }
  }

  /** Moves the first source, and all that are at the same key. */
  #pass(): void {
    while (this.#live > 1 && this.#compare(1, 0) === 0) this.#advance(1)
    if (this.#live > 0) this.#advance(0)
  }

  #advance(place: number): void {
    if ((this.#order[place] as EntryCursor).next()) {
      this.#settle(place)
      return
    }
    this.#order.splice(place, 1)
    this.#ages.splice(place, 1)
    this.#live--
  }

  #compare(left: number, right: number): number {
    const a = this.#order[left] as EntryCursor
    const b = this.#order[right] as EntryCursor
    return this.#sign * compareBytes(a.keyBytes, 0, a.keyEnd, b.keyBytes, 0, b.keyEnd)
  }

  /** Moves the source at a place behind all whose key comes first, or is the same and newer. */
  #settle(place: number): void {
    const order = this.#order
    const ages = this.#ages
    for (let i = place; i + 1 < this.#live; i++) {
      const comparison = this.#compare(i + 1, i)
      if (comparison > 0 || (comparison === 0 && (ages[i + 1] as number) > (ages[i] as number))) return
      const source = order[i] as EntryCursor
      const age = ages[i] as number
      order[i] = order[i + 1] as EntryCursor
      ages[i] = ages[i + 1] as number
      order[i + 1] = source
      ages[i + 1] = age
    }
  }
}
