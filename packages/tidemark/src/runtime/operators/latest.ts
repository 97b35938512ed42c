import type { ChangeCursor } from '../../store/change-cursor.ts'
import type { RawStore } from '../../store/types.ts'
import type { Origin } from '../message.ts'
import type { Row } from '../row.ts'
import { Operator } from './operator.ts'

/**
 * Behind an aggregate that emits with commits: lets no update pass, and at a commit, before it freezes, lets each key that
 * was changed pass once, with its last value. So a key that is updated many times between two commits goes on once, as from
 * the record cache of Kafka Streams. Rows have the time of the newest row that has come here. Progress of event time waits
 * for the rows that wait.
 */
export class LatestOperator extends Operator {
  readonly #store: RawStore
  readonly #origin: Origin
  #changed = false
  #changes: ChangeCursor | null = null
  #newestMs: number = Number.NEGATIVE_INFINITY
  #passedMs: number = Number.NEGATIVE_INFINITY
  // What waits behind the rows.
  #heldMs: number = Number.NEGATIVE_INFINITY
  #heldIdle: boolean | null = null
  #heldEnd = false

  constructor(store: RawStore, origin: Origin) {
    super()
    this.#store = store
    this.#origin = origin
  }

  override process(row: Row): void {
    this.#changed = true
    if (row.timestamp > this.#newestMs) this.#newestMs = row.timestamp
  }

  /** Rows wait: they belong to what a commit that is made now would cover. */
  get pending(): boolean {
    return this.#changed
  }

  /** Lets one row pass; false when none waits any more. No row may come in from the first of these calls to the last. */
  emitNext(row: Row): boolean {
    if (!this.#changed) return false
    const changes = (this.#changes ??= this.#store.changes())
    if (!changes.next()) {
      this.#changes = null
      this.#changed = false
      this.#release()
      return false
    }
    const { bytes, start, end, value } = changes
    row.emit(this.#origin, bytes, start, end, value, this.#newestMs, this.#passedMs)
    this.next.process(row)
    return true
  }

  #release(): void {
    const { next } = this
    const idle = this.#heldIdle
    this.#heldIdle = null
    if (this.#heldMs > this.#passedMs) {
      this.#passedMs = this.#heldMs
      next.advance(this.#heldMs)
    }
    if (idle !== null) {
      if (idle) next.idle()
      else next.active()
    }
    if (!this.#heldEnd) return
    this.#heldEnd = false
    next.end()
  }

  override advance(watermarkMs: number): void {
    this.#heldMs = watermarkMs
    this.#unlessHeld()
  }

  override idle(): void {
    this.#heldIdle = true
    this.#unlessHeld()
  }

  override active(): void {
    this.#heldIdle = false
    this.#unlessHeld()
  }

  override end(): void {
    this.#heldEnd = true
    this.#unlessHeld()
  }

  #unlessHeld(): void {
    if (!this.#changed) this.#release()
  }
}
