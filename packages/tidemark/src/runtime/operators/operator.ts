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

  advance(watermarkMs: number): void {
    this.next.advance(watermarkMs)
  }

  idle(): void {
    this.next.idle()
  }

  end(): void {
    this.next.end()
  }
}

/** Overrides all that would go to its successor, which is itself. */
class Nothing extends Operator {
  override process(): void {}
  override advance(): void {}
  override idle(): void {}
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

  override advance(watermarkMs: number): void {
    for (const branch of this.#branches) branch.advance(watermarkMs)
  }

  override idle(): void {
    for (const branch of this.#branches) branch.idle()
  }

  override end(): void {
    for (const branch of this.#branches) branch.end()
  }
}
