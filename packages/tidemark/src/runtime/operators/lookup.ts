import type { LookupNode } from '../../dsl/topology.ts'
import type { TableClient, Waiter } from '../../remote/table-client.ts'
import { HeldRow } from '../held-row.ts'
import type { Row } from '../row.ts'
import { Fifo } from './fifo.ts'
import { KeyKeeper } from './operator.ts'
import { refusePromise } from './stateless.ts'

/** So many messages of a task wait for answers at most; then it takes no more. */
const MOST_WAITING = 4096

/** A row that waits for its answer. */
class Pending implements Waiter {
  readonly row: HeldRow
  readonly #settled: () => void
  over = false
  found: unknown = undefined
  error: Error | null = null

  constructor(row: HeldRow, settled: () => void) {
    this.row = row
    this.#settled = settled
  }

  settle(value: unknown): void {
    this.found = value
    this.#end()
  }

  fail(error: Error): void {
    this.error = error
    this.#end()
  }

  #end(): void {
    if (this.over) return
    this.over = true
    this.#settled()
  }
}

/** Progress of event time, behind the rows that came before it. */
type Progress =
  | { readonly kind: 'advance'; watermarkMs: number }
  | { readonly kind: 'idle' }
  | { readonly kind: 'active' }
  | { readonly kind: 'end' }

/** Takes an answer that is there at once, so that the row need not be held. */
class AtOnce implements Waiter {
  there = false
  found: unknown = undefined
  error: Error | null = null
  /** Set when the answer was not there: it gets it. */
  later: Pending | null = null

  settle(value: unknown): void {
    if (this.later !== null) return this.later.settle(value)
    this.there = true
    this.found = value
  }

  fail(error: Error): void {
    if (this.later !== null) return this.later.fail(error)
    this.there = true
    this.error = error
  }
}

/**
 * Joins rows with a remote table. Rows whose answer is not there wait in a line, and all that comes after them too; the
 * task lets them go on, in order, between its other work. So nothing is overtaken, whatever order answers have.
 */
export class LookupOperator extends KeyKeeper {
  readonly #node: LookupNode
  readonly #table: TableClient
  readonly #line = new Fifo<Pending | Progress>()
  #rows = 0
  /** Told when the first in line can go on. */
  #wake: (() => void) | null = null
  #settling: Promise<void> | null = null

  constructor(node: LookupNode, table: TableClient) {
    super()
    this.#node = node
    this.#table = table
  }

  /** Messages are under way: a commit has to wait for them. */
  get pending(): boolean {
    return this.#line.length > 0
  }

  get full(): boolean {
    return this.#rows >= MOST_WAITING
  }

  /** Settles when `next` may have something to emit; null when nothing waits. */
  get settling(): Promise<void> | null {
    if (!this.pending) return null
    if (this.#ready(this.#line.first)) return Promise.resolve()
    this.#settling ??= new Promise((resolve) => (this.#wake = resolve))
    return this.#settling
  }

  // Rows that are held do not need their keys' state yet, and it may be gone when they do.
  override get wantsPrefetch(): boolean {
    return false
  }

  override get wantsTouch(): boolean {
    return false
  }

  override process(row: Row): void {
    const { key: keyOf, name } = this.#node
    const key = keyOf(row.value, row.message)
    refusePromise(key, name)
    const waiter = new AtOnce()
    if (key === null || key === undefined) waiter.there = true
    else this.#table.load(key, waiter)
    if (waiter.there && !this.pending) {
      this.#emit(row, waiter)
      return
    }
    const pending = new Pending(new HeldRow(row), this.#wakeIfFirst)
    if (!waiter.there) waiter.later = pending
    else if (waiter.error === null) pending.settle(waiter.found)
    else pending.fail(waiter.error)
    this.#line.push(pending)
    this.#rows++
  }

  #emit(row: Row, { error, found }: { readonly error: Error | null; readonly found: unknown }): void {
    if (error !== null) throw error
    const result = this.#node.join(row.value, found, row.message)
    refusePromise(result, this.#node.name)
    row.setValue(result)
    this.next.process(row)
  }

  #ready(first: Pending | Progress | undefined): boolean {
    return first !== undefined && (!(first instanceof Pending) || first.over)
  }

  readonly #wakeIfFirst = (): void => {
    if (this.#wake === null || !this.#ready(this.#line.first)) return
    const wake = this.#wake
    this.#wake = null
    this.#settling = null
    wake()
  }

  /** Lets the first in line go on; false if it has to wait, or there is none. Throws what its look-up or step threw. */
  emitNext(row: Row): boolean {
    const { first } = this.#line
    if (first === undefined || !this.#ready(first)) return false
    this.#line.shift()
    if (first instanceof Pending) {
      this.#rows--
      first.row.putBack(row)
      this.#emit(row, first)
    } else if (first.kind === 'advance') super.advance(first.watermarkMs)
    else super[first.kind]()
    return true
  }

  #after(progress: Progress): boolean {
    if (!this.pending) return false
    this.#line.push(progress)
    return true
  }

  override advance(watermarkMs: number): void {
    const { last } = this.#line
    if (last !== undefined && !(last instanceof Pending) && last.kind === 'advance') last.watermarkMs = watermarkMs
    else if (!this.#after({ kind: 'advance', watermarkMs })) super.advance(watermarkMs)
  }

  override idle(): void {
    if (!this.#after({ kind: 'idle' })) super.idle()
  }

  override active(): void {
    if (!this.#after({ kind: 'active' })) super.active()
  }

  override end(): void {
    if (!this.#after({ kind: 'end' })) super.end()
  }
}
