import type { CacheBudget } from './cache-budget.ts'
import type { LayeredIterator } from './layered-iterator.ts'
import type { OpenIterators } from './open-iterators.ts'
import type { TaskClock } from './task-clock.ts'
import type { Base } from './types.ts'

/** What all stores of a task share. */
export interface StoreContext {
  readonly task: string
  readonly base: Base
  readonly cache: CacheBudget
  readonly maxKeyBytes: number
  readonly maxValueBytes: number
  readonly clock: TaskClock
  readonly iterators: OpenIterators
  /** Told about each new iterator, in development. */
  readonly watch: ((iterator: LayeredIterator, store: string) => void) | null
}
