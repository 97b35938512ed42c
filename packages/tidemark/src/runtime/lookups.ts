import type { LookupOperator } from './operators/lookup.ts'
import type { Row } from './row.ts'
import { emitRows } from './waiting-rows.ts'

/** The look-ups of one task: what waits for answers, and its going on. */
export class Lookups {
  readonly #operators: readonly LookupOperator[]

  constructor(operators: readonly LookupOperator[]) {
    this.#operators = operators
  }

  /** Messages are under way: what was taken in is not done, and no commit may be made. */
  get pending(): boolean {
    for (const operator of this.#operators) if (operator.pending) return true
    return false
  }

  /** No more messages can be taken in. */
  get full(): boolean {
    for (const operator of this.#operators) if (operator.full) return true
    return false
  }

  /** Settles when something can go on; null when nothing waits. */
  get settling(): Promise<void> | null {
    const waits = this.#operators.flatMap(({ settling }) => (settling === null ? [] : [settling]))
    return waits.length === 0 ? null : Promise.race(waits)
  }

  /** Lets rows go on whose answers are there, until the deadline; true if there were any. Throws what a step throws. */
  emit(row: Row, now: () => number, deadlineMs: number, stop: () => boolean): boolean {
    return emitRows(this.#operators, row, now, deadlineMs, stop)
  }
}
