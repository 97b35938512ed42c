import type { Row } from './row.ts'

/** The clock is looked at once in so many rows. */
const ROWS_PER_LOOK = 64

/** An operator in which rows wait. */
export interface WaitingOperator {
  /** Rows wait: a commit that is made now would lose them. */
  readonly pending: boolean
  /** Lets one row go on; false when none can. Throws what a step throws. */
  emitNext(row: Row): boolean
}

/** The operators of one task in which rows wait for the same, in the order in which they are to go on. */
export class WaitingRows<T extends WaitingOperator> {
  protected readonly operators: readonly T[]

  constructor(operators: readonly T[]) {
    this.operators = operators
  }

  /** Rows are under way: what was taken in is not done, and no commit may be made. */
  get pending(): boolean {
    for (const operator of this.operators) if (operator.pending) return true
    return false
  }

  /** Lets rows go on that can, until the deadline; true if there were any. Throws what a step throws; then the rest waits. */
  emit(row: Row, now: () => number, deadlineMs: number, stop: () => boolean): boolean {
    let emitted = 0
    for (const operator of this.operators) {
      while (operator.emitNext(row)) {
        emitted++
        if (stop() || (emitted % ROWS_PER_LOOK === 0 && now() >= deadlineMs)) return true
      }
    }
    return emitted > 0
  }
}
