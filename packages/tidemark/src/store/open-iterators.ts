import { TidemarkError } from '../errors/error.ts'
import type { IteratorSources } from './layered-iterator.ts'

export const MOST_ITERATORS = 1000
export const ITERATOR_AGE_MS = 600_000

/** Bounds on what open iterators hold on to: old values in memory, and files. */
export interface IteratorLimits {
  /** Open at the same time in one task. Default 1000. */
  readonly most?: number
  /** How long one may be open, ms. Default 10 minutes; looked at when the task commits. */
  readonly ageMs?: number
}

/** The open iterators of a task, oldest first. */
export class OpenIterators {
  readonly #task: string
  readonly #most: number
  readonly #ageMs: number
  readonly #now: () => number
  #count = 0
  #oldest: IteratorSources | null = null
  #newest: IteratorSources | null = null
  /** As of the last `expire`: reading the clock for each iterator would cost more than the rest of this. */
  #nowMs: number

  constructor(task: string, now: () => number, limits: IteratorLimits = {}) {
    this.#task = task
    this.#now = now
    this.#most = limits.most ?? MOST_ITERATORS
    this.#ageMs = limits.ageMs ?? ITERATOR_AGE_MS
    this.#nowMs = now()
  }

  get count(): number {
    return this.#count
  }

  /** Before an iterator is made. ERR_TOO_MANY_ITERATORS. */
  admit(store: string): void {
    if (this.#count < this.#most) return
    const most = this.#most
    throw new TidemarkError(
      'ERR_TOO_MANY_ITERATORS',
      `task ${this.#task}: ${most} iterators are open, and store ${store} is asked for one more. ` +
        'Close each (declare it with using, or read it by for ... of)',
      { details: { task: this.#task, store, most } },
    )
  }

  add(sources: IteratorSources): void {
    sources.owner = this
    sources.openedMs = this.#nowMs
    sources.older = this.#newest
    if (this.#newest === null) this.#oldest = sources
    else this.#newest.newer = sources
    this.#newest = sources
    this.#count++
  }

  /** Called by `close` of the sources. */
  remove(sources: IteratorSources): void {
    if (sources.older === null) this.#oldest = sources.newer
    else sources.older.newer = sources.newer
    if (sources.newer === null) this.#newest = sources.older
    else sources.newer.older = sources.older
    sources.older = null
    sources.newer = null
    this.#count--
  }

  /** The state is closed: all of them are, and their next use says so. */
  close(): void {
    for (let old = this.#oldest; old !== null; old = this.#oldest) {
      old.closedWithState = true
      old.close()
    }
  }

  /** Closes those that have been open for too long; their next use says so. */
  expire(): void {
    this.#nowMs = this.#now()
    for (let old = this.#oldest; old !== null && this.#nowMs - old.openedMs >= this.#ageMs; old = this.#oldest) {
      old.expiredAfterMs = this.#ageMs
      old.close()
    }
  }
}
