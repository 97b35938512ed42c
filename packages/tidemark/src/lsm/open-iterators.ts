import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type { IteratorStatistics } from '../store/base-statistics.ts'

/** The iterators of a base that are open: each pins files, so that there may be only so many. */
export class OpenIterators {
  readonly #limit: number
  readonly #clock: Clock | null
  readonly #directory: string
  /** When each was opened, oldest first: a Set and a Map keep that order. */
  readonly #openedMs = new Map<object, number>()

  constructor(limit: number, clock: Clock | null, directory: string) {
    this.#limit = limit
    this.#clock = clock
    this.#directory = directory
  }

  /** Before an iterator is made. Throws ERR_TOO_MANY_ITERATORS. */
  check(store: string): void {
    if (this.#openedMs.size < this.#limit) return
    throw new TidemarkError(
      'ERR_TOO_MANY_ITERATORS',
      `a range of store '${store}' would be open iterator ${this.#limit + 1} on the state in ${this.#directory}. ` +
        'Close iterators that are not read to their end: by `using`, by a for loop that is left, or by close().',
      { details: { store, directory: this.#directory, limit: this.#limit } },
    )
  }

  opened(iterator: object): void {
    this.#openedMs.set(iterator, this.#clock?.monotonicMs() ?? 0)
  }

  closed(iterator: object): void {
    this.#openedMs.delete(iterator)
  }

  statistics(): IteratorStatistics {
    const [oldest] = this.#openedMs.values()
    const oldestMs = oldest === undefined || this.#clock === null ? 0 : this.#clock.monotonicMs() - oldest
    return { open: this.#openedMs.size, limit: this.#limit, oldestMs }
  }
}
