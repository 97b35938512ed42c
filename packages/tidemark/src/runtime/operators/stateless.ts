import type { ValueFn } from '../../dsl/topology.ts'
import { TidemarkError } from '../../errors/error.ts'
import type { Serde } from '../../serde/serde.ts'
import { type Row, RowSave } from '../row.ts'
import { KeyKeeper } from './operator.ts'

/** Throws ERR_STEP_ASYNC when a step of a pipeline returned a promise: steps are synchronous. */
export function refusePromise(result: unknown, step: string): void {
  if (typeof result === 'object' && result !== null && typeof (result as { then?: unknown }).then === 'function') {
    throw new TidemarkError(
      'ERR_STEP_ASYNC',
      `step ${step} returned a promise, and steps are synchronous. Do asynchronous work in the handlers of a low-level task.`,
      { details: { step } },
    )
  }
}

/** An operator that calls a function of the user; the name is for errors. */
abstract class Step extends KeyKeeper {
  protected readonly name: string
  protected readonly fn: ValueFn

  constructor(name: string, fn: ValueFn) {
    super()
    this.name = name
    this.fn = fn
  }
}

export class MapOperator extends Step {
  override process(row: Row): void {
    const result = this.fn(row.value, row.message)
    refusePromise(result, this.name)
    row.setValue(result)
    this.next.process(row)
  }
}

export class FilterOperator extends Step {
  override process(row: Row): void {
    const result = this.fn(row.value, row.message)
    if (result === true) this.next.process(row)
    else if (result) {
      refusePromise(result, this.name)
      this.next.process(row)
    }
  }
}

export class FlatMapOperator extends Step {
  readonly #save = new RowSave()

  override process(row: Row): void {
    const results = this.fn(row.value, row.message)
    refusePromise(results, this.name)
    row.save(this.#save)
    for (const value of results as Iterable<unknown>) {
      row.restore(this.#save)
      row.setValue(value)
      this.next.process(row)
    }
  }
}

/** groupBy: the row goes on under another key. */
export class RekeyOperator extends Step {
  readonly #serde: Serde<unknown>

  constructor(name: string, fn: ValueFn, serde: Serde<unknown>) {
    super(name, fn)
    this.#serde = serde
  }

  override get wantsPrefetch(): boolean {
    return false
  }

  override get wantsTouch(): boolean {
    return false
  }

  override process(row: Row): void {
    const key = this.fn(row.value, row.message)
    refusePromise(key, this.name)
    row.setKey(key, this.#serde)
    this.next.process(row)
  }
}

export class ForEachOperator extends Step {
  override process(row: Row): void {
    refusePromise(this.fn(row.value, row.message), this.name)
  }
}
