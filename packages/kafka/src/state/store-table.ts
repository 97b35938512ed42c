import { dataShape, type StoreDescriptor } from 'tidemark/system'

/**
 * Ids of a task's stores in its state topic: the nth descriptor has id n. An id stands for one store with data of one
 * shape; a store whose values are written otherwise from some version on has a new id, and its older ones stay.
 */
export class StoreTable {
  readonly #stores: StoreDescriptor[]

  constructor(stores: readonly StoreDescriptor[]) {
    this.#stores = [...stores]
  }

  get stores(): readonly StoreDescriptor[] {
    return this.#stores
  }

  /** The id of a store as it is declared now; made when there is none yet. */
  idOf(declared: StoreDescriptor): number {
    const shape = dataShape(declared)
    const at = this.#stores.findLastIndex((store) => store.name === declared.name && dataShape(store) === shape)
    if (at < 0) return this.#stores.push(declared)
    this.#stores[at] = declared
    return at + 1
  }

  /** Ids under which older data of the store may lie: what is written now takes their place. */
  olderThan(id: number): readonly number[] {
    const { name, renamedFrom } = this.#stores[id - 1] as StoreDescriptor
    const ids: number[] = []
    for (const [at, store] of this.#stores.entries()) {
      const same = store.name === name || store.name === renamedFrom
      if (same && at + 1 !== id) ids.push(at + 1)
    }
    return ids
  }
}
