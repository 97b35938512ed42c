import { type BatchKeys, bothOf, type HashesAhead } from '../prefetch.ts'
import { type Row, RowSave } from '../row.ts'

/**
 * One step of a task's work. Rows are pushed through by plain calls. `advance`, `idle` and `end` carry the progress of
 * event time down the same path: they say that no row with an earlier time follows, that the input holds nothing back
 * for now, and that it has come to its end.
 */
export abstract class Operator {
  /** The successor; compile sets it. */
  next: Operator

  constructor(next?: Operator) {
    this.next = next ?? this
  }

  abstract process(row: Row): void

  /** True if it may help to tell the keys of a batch before its rows. */
  get wantsPrefetch(): boolean {
    return false
  }

  /** Rows with these keys come next: settles when their state is in memory; null if nothing has to be waited for. */
  prefetch(_batch: BatchKeys): Promise<void> | null {
    return null
  }

  /** True if it helps to tell the hashes of keys shortly before their rows. */
  get wantsTouch(): boolean {
    return false
  }

  /** Rows with keys of these hashes come next. */
  touch(_ahead: HashesAhead): void {}

  advance(watermarkMs: number): void {
    this.next.advance(watermarkMs)
  }

  idle(): void {
    this.next.idle()
  }

  /** After `idle`: the input has had a row again, whether or not it comes this far. */
  active(): void {
    this.next.active()
  }

  end(): void {
    this.next.end()
  }
}

/** An operator whose rows go on under the keys that they came with. */
export abstract class KeyKeeper extends Operator {
  override get wantsPrefetch(): boolean {
    return this.next.wantsPrefetch
  }

  override prefetch(batch: BatchKeys): Promise<void> | null {
    return this.next.prefetch(batch)
  }

  override get wantsTouch(): boolean {
    return this.next.wantsTouch
  }

  override touch(ahead: HashesAhead): void {
    this.next.touch(ahead)
  }
}

/** Overrides all that would go to its successor, which is itself. */
class Nothing extends Operator {
  override process(): void {}
  override advance(): void {}
  override idle(): void {}
  override active(): void {}
  override end(): void {}
}

/** The end of a branch: takes everything and does nothing. */
export const NOTHING: Operator = new Nothing()

/** Gives each row to several successors, each with the row as it came. */
export class FanOut extends Operator {
  readonly #branches: readonly Operator[]
  readonly #save: RowSave = new RowSave()

  constructor(branches: readonly Operator[]) {
    super()
    this.#branches = branches
  }

  override process(row: Row): void {
    const branches = this.#branches
    row.save(this.#save)
    for (let i = 0; i < branches.length; i++) {
      if (i > 0) row.restore(this.#save)
      ;(branches[i] as Operator).process(row)
    }
  }

  override get wantsPrefetch(): boolean {
    for (const branch of this.#branches) if (branch.wantsPrefetch) return true
    return false
  }

  override prefetch(batch: BatchKeys): Promise<void> | null {
    let all: Promise<void> | null = null
    for (const branch of this.#branches) if (branch.wantsPrefetch) all = bothOf(all, branch.prefetch(batch))
    return all
  }

  override get wantsTouch(): boolean {
    for (const branch of this.#branches) if (branch.wantsTouch) return true
    return false
  }

  override touch(ahead: HashesAhead): void {
    for (const branch of this.#branches) if (branch.wantsTouch) branch.touch(ahead)
  }

  override advance(watermarkMs: number): void {
    for (const branch of this.#branches) branch.advance(watermarkMs)
  }

  override idle(): void {
    for (const branch of this.#branches) branch.idle()
  }

  override active(): void {
    for (const branch of this.#branches) branch.active()
  }

  override end(): void {
    for (const branch of this.#branches) branch.end()
  }
}
