import type { AggregateNode } from '../../dsl/topology.ts'
import type { RawStore } from '../../store/types.ts'
import type { BatchKeys, HashesAhead } from '../prefetch.ts'
import type { Row } from '../row.ts'
import { NOTHING, Operator } from './operator.ts'
import { refusePromise } from './stateless.ts'

/** An operator with one store, of the keys of its rows. */
abstract class StoreOperator extends Operator {
  protected readonly store: RawStore

  constructor(store: RawStore) {
    super()
    this.store = store
  }

  override get wantsPrefetch(): boolean {
    return this.store.wantsPrefetch
  }

  override prefetch(batch: BatchKeys): Promise<void> | null {
    // Keys of another serde are encoded anew for the store.
    return batch.serde.name === this.store.spec.key.name ? this.store.prefetch(batch.keys) : null
  }

  override get wantsTouch(): boolean {
    return this.store.wantsTouch
  }

  override touch({ hashes, count, serde }: HashesAhead): void {
    if (serde.name === this.store.spec.key.name) this.store.touch(hashes, count)
  }
}

/** Running count per key: never looks at key or value, only at the key's bytes. */
export class CountOperator extends StoreOperator {
  readonly #dropped: () => void

  constructor(store: RawStore, dropped: () => void) {
    super(store)
    this.#dropped = dropped
  }

  override process(row: Row): void {
    if (!row.hasKey) {
      this.#dropped()
      return
    }
    const store = this.store
    row.encodeKeyAs(store.spec.key)
    store.locate(row.keyBytes, row.keyStart, row.keyEnd, row.keyHash)
    const before = store.current()
    const count = before === undefined ? 1 : (before as number) + 1
    store.replace(count)
    if (this.next !== NOTHING) {
      row.setValue(count)
      this.next.process(row)
    }
  }
}

/** How a value is added to what was accumulated for its key; count is the one that needs no function of the user. */
export type Fold = (accumulated: unknown, row: Row) => unknown

export function foldOf(node: AggregateNode): Fold {
  if (node.kind === 'count') return (accumulated) => (accumulated === undefined ? 1 : (accumulated as number) + 1)
  const { add, init, name } = node
  if (add === null) throw new TypeError(`aggregate ${name} has no function`)
  return (accumulated, row) => {
    let result: unknown
    if (accumulated !== undefined) result = add(accumulated, row.value, row.message)
    else if (init === null) result = row.value
    else result = add(init(row.key), row.value, row.message)
    refusePromise(result, name)
    return result
  }
}

/** Running aggregate per key. */
export class FoldOperator extends StoreOperator {
  readonly #fold: Fold
  readonly #dropped: () => void

  constructor(store: RawStore, fold: Fold, dropped: () => void) {
    super(store)
    this.#fold = fold
    this.#dropped = dropped
  }

  override process(row: Row): void {
    if (!row.hasKey) {
      this.#dropped()
      return
    }
    const store = this.store
    row.encodeKeyAs(store.spec.key)
    // The user's function may read and write other stores, never this one, so what was located stays valid.
    store.locate(row.keyBytes, row.keyStart, row.keyEnd, row.keyHash)
    const value = this.#fold(store.current(), row)
    store.replace(value)
    if (this.next !== NOTHING) {
      row.setValue(value)
      this.next.process(row)
    }
  }
}

/** Keeps the latest value of each key; a null value deletes. */
export class TableOperator extends StoreOperator {
  readonly #dropped: () => void

  constructor(store: RawStore, dropped: () => void) {
    super(store)
    this.#dropped = dropped
  }

  override process(row: Row): void {
    if (!row.hasKey) {
      this.#dropped()
      return
    }
    row.encodeKeyAs(this.store.spec.key)
    const value = row.value
    if (value === null || value === undefined) this.store.delete(row.keyBytes, row.keyStart, row.keyEnd)
    else this.store.put(row.keyBytes, row.keyStart, row.keyEnd, value)
    this.next.process(row)
  }
}
