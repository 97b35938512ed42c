import { BulkEntries } from '../lsm/bulk-entries.ts'
import { runWaiting } from '../lsm/open-files.ts'
import type { StateLoader } from '../store/state-source.ts'
import type { Base, SortedStore, StoreDescriptor } from '../store/types.ts'

/** Of one write: large enough for few files, small beside what a container may use. */
const CHUNK_BYTES = 32 * 1024 * 1024

/** Where a process may die while it loads: tests kill it there. */
export const BULK_STEPS: readonly string[] = ['bulk-after-chunk', 'bulk-before-finish', 'bulk-after-finish']

/** Loads a base in sorted chunks. */
export class BaseLoader implements StateLoader {
  readonly #base: Base
  readonly #failpoint: (name: string) => void
  readonly #chunkBytes: number
  #stores = new Map<string, BulkEntries>()
  #last: readonly [store: string, entries: BulkEntries] | null = null
  #sizeBytes = 0

  constructor(base: Base, failpoint: (name: string) => void, chunkBytes: number = CHUNK_BYTES) {
    this.#base = base
    this.#failpoint = failpoint
    this.#chunkBytes = chunkBytes
  }

  get id(): number {
    return this.#base.id
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#base.descriptors
  }

  get isFull(): boolean {
    return this.#sizeBytes >= this.#chunkBytes
  }

  add(store: string, bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const entries = this.#last?.[0] === store ? this.#last[1] : this.#entriesOf(store)
    const before = entries.sizeBytes
    entries.add(bytes, keyStart, keyEnd, valueStart, valueEnd)
    this.#sizeBytes += entries.sizeBytes - before
  }

  #entriesOf(store: string): BulkEntries {
    let entries = this.#stores.get(store)
    if (entries === undefined) this.#stores.set(store, (entries = new BulkEntries()))
    this.#last = [store, entries]
    return entries
  }

  async write(descriptors: readonly StoreDescriptor[]): Promise<void> {
    await this.#write(this.#base.id, descriptors)
    this.#failpoint('bulk-after-chunk')
  }

  async finish(id: number, descriptors: readonly StoreDescriptor[]): Promise<void> {
    this.#failpoint('bulk-before-finish')
    await this.#write(id, descriptors)
    this.#failpoint('bulk-after-finish')
  }

  async #write(id: number, descriptors: readonly StoreDescriptor[]): Promise<void> {
    const stores: SortedStore[] = [...this.#stores].map(([name, entries]) => ({ name, ...entries.sorted() }))
    await runWaiting(this.#base.write(id, descriptors, stores))
    this.#stores = new Map()
    this.#last = null
    this.#sizeBytes = 0
  }
}
