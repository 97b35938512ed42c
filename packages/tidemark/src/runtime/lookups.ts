import type { LookupOperator } from './operators/lookup.ts'
import { WaitingRows } from './waiting-rows.ts'

/** The look-ups of one task: what waits for answers, and its going on. */
export class Lookups extends WaitingRows<LookupOperator> {
  /** No more messages can be taken in. */
  get full(): boolean {
    for (const operator of this.operators) if (operator.full) return true
    return false
  }

  /** Settles when something can go on; null when nothing waits. */
  get settling(): Promise<void> | null {
    const waits = this.operators.flatMap(({ settling }) => (settling === null ? [] : [settling]))
    return waits.length === 0 ? null : Promise.race(waits)
  }
}
