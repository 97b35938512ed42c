import { openLsmBase, type LsmBase, type LsmOptions } from '../lsm/lsm-base.ts'
import type { RetainedState } from '../lsm/retained.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type { Base, BaseIterator, BaseTime, ByteRange, SortedStore, Steps, StoreDescriptor } from '../store/types.ts'

/** Opens the engine `memory`. Errors as `openLsmBase`; opening reads and verifies all files. */
export function openMemoryBase(options: Omit<LsmOptions, 'resident'>): MemoryBase {
  return new MemoryBase(openLsmBase({ ...options, resident: true }))
}

/**
 * The engine `memory`: all committed entries are in memory, as the content of the sorted files, so that no read goes to
 * the disk once it is open. Durable, and after a crash recovered, by the same files as `lsm`: either engine opens what
 * the other wrote. It costs the size of the files, and at opening one read of them.
 */
export class MemoryBase implements Base {
  readonly #files: LsmBase

  /** Use `openMemoryBase`. */
  constructor(files: LsmBase) {
    this.#files = files
  }

  get id(): number {
    return this.#files.id
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#files.descriptors
  }

  get valueBytes(): Uint8Array {
    return this.#files.valueBytes
  }

  get valueStart(): number {
    return this.#files.valueStart
  }

  get valueEnd(): number {
    return this.#files.valueEnd
  }

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    return this.#files.get(store, key, start, end, hash)
  }

  scan(store: string, range: ByteRange): BaseIterator {
    return this.#files.scan(store, range)
  }

  write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    return this.#files.write(id, descriptors, stores)
  }

  expire(store: string, beforeEndMs: number): void {
    this.#files.expire(store, beforeEndMs)
  }

  expiredBefore(store: string): number | null {
    return this.#files.expiredBefore(store)
  }

  dropsWindows(): boolean {
    return this.#files.dropsWindows()
  }

  advance(time: BaseTime): void {
    this.#files.advance(time)
  }

  get stalled(): boolean {
    return this.#files.stalled
  }

  get wantsWrite(): boolean {
    return this.#files.wantsWrite
  }

  approximateCount(store: string): number {
    return this.#files.approximateCount(store)
  }

  statistics(): BaseStatistics {
    return this.#files.statistics()
  }

  retain(id: number, createdAtMs: number): void {
    this.#files.retain(id, createdAtMs)
  }

  release(id: number): void {
    this.#files.release(id)
  }

  retained(): RetainedState[] {
    return this.#files.retained()
  }

  close(): void {
    this.#files.close()
  }
}
