import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type { IteratorStatistics } from '../store/base-statistics.ts'

/** An open iterator: a member of the list of all of a base, which is part of them so that it costs no allocation. */
export interface OpenIterator {
  openedMs: number
  older: OpenIterator | null
  newer: OpenIterator | null
}

/** The iterators of a base that are open: each pins files, so that there may be only so many. */
export class OpenIterators {
  readonly #limit: number
  readonly #clock: Clock | null
  readonly #directory: string
  #count = 0
  #oldest: OpenIterator | null = null
  #newest: OpenIterator | null = null

  constructor(limit: number, clock: Clock | null, directory: string) {
    this.#limit = limit
    this.#clock = clock
    this.#directory = directory
  }

  /** Before an iterator is made. Throws ERR_TOO_MANY_ITERATORS. */
  check(store: string): void {
    if (this.#count < this.#limit) return
    throw new TidemarkError(
      'ERR_TOO_MANY_ITERATORS',
      `a range of store '${store}' would be open iterator ${this.#limit + 1} on the state in ${this.#directory}. ` +
        'Close iterators that are not read to their end: by `using`, by a for loop that is left, or by close().',
      { details: { store, directory: this.#directory, limit: this.#limit } },
    )
  }

  opened(iterator: OpenIterator): void {
    if (this.#clock !== null) iterator.openedMs = this.#clock.monotonicMs()
    iterator.older = this.#newest
    if (this.#newest === null) this.#oldest = iterator
    else this.#newest.newer = iterator
    this.#newest = iterator
    this.#count++
  }

  /** Once for each `opened`. */
  closed(iterator: OpenIterator): void {
    const { older, newer } = iterator
    if (older === null) this.#oldest = newer
    else older.newer = newer
    if (newer === null) this.#newest = older
    else newer.older = older
    this.#count--
  }

  statistics(): IteratorStatistics {
    const oldest = this.#oldest
    const oldestMs = oldest === null || this.#clock === null ? 0 : this.#clock.monotonicMs() - oldest.openedMs
    return { open: this.#count, limit: this.#limit, oldestMs }
  }
}
