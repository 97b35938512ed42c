import type { Row } from './row.ts'

/** The clock is looked at once in so many rows. */
const ROWS_PER_LOOK = 64

/** An operator in which rows wait. */
export interface WaitingRows {
  /** Lets one row go on; false when none can. Throws what a step throws. */
  emitNext(row: Row): boolean
}

/** Lets rows go on, of one operator after the other, until the deadline; true if there were any. Throws what a step throws. */
export function emitRows(
  operators: readonly WaitingRows[],
  row: Row,
  now: () => number,
  deadlineMs: number,
  stop: () => boolean,
): boolean {
  let emitted = 0
  for (const operator of operators) {
    while (operator.emitNext(row)) {
      emitted++
      if (stop() || (emitted % ROWS_PER_LOOK === 0 && now() >= deadlineMs)) return true
    }
  }
  return emitted > 0
}
