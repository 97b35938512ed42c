import type { LatestOperator } from './operators/latest.ts'
import type { Row } from './row.ts'
import { emitRows } from './waiting-rows.ts'

/** The aggregates of one task that emit with commits. */
export class LatestUpdates {
  /** Those nearer to the source first: what they emit may change what others have. */
  readonly #operators: readonly LatestOperator[]

  constructor(operators: readonly LatestOperator[]) {
    this.#operators = operators
  }

  /** A commit has to wait until rows have been emitted. */
  get pending(): boolean {
    for (const operator of this.#operators) if (operator.pending) return true
    return false
  }

  /** Emits rows, until the deadline; true if there were any. Throws what a step throws; then the rest waits. */
  emit(row: Row, now: () => number, deadlineMs: number, stop: () => boolean): boolean {
    return emitRows(this.#operators, row, now, deadlineMs, stop)
  }
}
