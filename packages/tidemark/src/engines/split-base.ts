import { invariant } from '../errors/error.ts'
import { EmptyBase } from './empty-base.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type {
  Base,
  BaseIterator,
  BaseTime,
  ByteRange,
  KeyBatch,
  SortedStore,
  Steps,
  StoreDescriptor,
} from '../store/types.ts'

/** A part of a split base: what is kept by one engine. */
export interface BasePart {
  readonly base: Base
  /** Stores that are kept there. */
  readonly stores: ReadonlySet<string>
}

/**
 * The base of a task whose stores are kept by several engines. A write goes to one after the other, all of them, so that
 * each has the id. A crash between two of them leaves some ahead of others: `id` is the lowest, so that the deltas after
 * it are replayed; those engines that have them already are overwritten by the same values. Reads are right meanwhile,
 * because a replayed delta stands above the base (C1, C6). `newestId` is the highest, which must not be ahead of the
 * committed checkpoint.
 */
export class SplitBase implements Base {
  readonly #parts: readonly BasePart[]
  readonly #byStore: Map<string, Base>
  #last: Base
  #lastStore: string | null = null

  /** Every store is in one part; a store that is in none has no data and cannot be written. */
  constructor(parts: readonly BasePart[]) {
    const [first] = parts
    invariant(first !== undefined, 'a split base has parts')
    this.#parts = parts
    this.#last = first.base
    this.#byStore = new Map(parts.flatMap(({ base, stores }) => [...stores].map((store) => [store, base] as const)))
  }

  get id(): number {
    return Math.min(...this.#parts.map(({ base }) => base.id))
  }

  get newestId(): number {
    return Math.max(...this.#parts.map(({ base }) => base.newestId ?? base.id))
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#parts.flatMap(({ base }) => base.descriptors.filter(({ name }) => this.#baseOf(name) === base))
  }

  /** A store's later generations (see store/generations.ts) are where its first one is. */
  #baseOf(store: string): Base | undefined {
    const known = this.#byStore.get(store)
    if (known !== undefined) return known
    const end = store.indexOf('~')
    const base = end < 0 ? undefined : this.#byStore.get(store.slice(0, end))
    if (base !== undefined) this.#byStore.set(store, base)
    return base
  }

  keepsTogether(store: string, other: string): boolean {
    return this.#baseOf(store) === this.#baseOf(other)
  }

  get valueBytes(): Uint8Array {
    return this.#last.valueBytes
  }

  get valueStart(): number {
    return this.#last.valueStart
  }

  get valueEnd(): number {
    return this.#last.valueEnd
  }

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    if (store !== this.#lastStore) {
      const base = this.#baseOf(store)
      if (base === undefined) return 0
      this.#last = base
      this.#lastStore = store
    }
    return this.#last.get(store, key, start, end, hash)
  }

  scan(store: string, range: ByteRange): BaseIterator {
    const base = this.#baseOf(store)
    return base === undefined ? new EmptyBase().scan() : base.scan(store, range)
  }

  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    for (const { name } of stores) {
      invariant(this.#baseOf(name) !== undefined, `store '${name}' is kept by one of the engines of its task`)
    }
    for (const part of this.#parts) {
      yield* part.base.write(
        id,
        descriptors.filter(({ name }) => this.#baseOf(name) === part.base),
        stores.filter(({ name }) => this.#baseOf(name) === part.base),
      )
    }
  }

  /** Engines that drop no windows by themselves keep them until they are deleted. */
  expire(store: string, beforeEndMs: number): void {
    this.#baseOf(store)?.expire?.(store, beforeEndMs)
  }

  expiredBefore(store: string): number | null {
    return this.#baseOf(store)?.expiredBefore?.(store) ?? null
  }

  dropsWindows(store: string): boolean {
    return this.#baseOf(store)?.dropsWindows?.(store) ?? false
  }

  hearsOfWindows(store: string): boolean {
    return this.#baseOf(store)?.hearsOfWindows?.(store) ?? false
  }

  advance(time: BaseTime): void {
    for (const { base } of this.#parts) base.advance?.(time)
  }

  get stalled(): boolean {
    return this.#parts.some(({ base }) => base.stalled === true)
  }

  get wantsWrite(): boolean {
    return this.#parts.some(({ base }) => base.wantsWrite === true)
  }

  approximateCount(store: string): number {
    return this.#baseOf(store)?.approximateCount(store) ?? 0
  }

  prefetch(store: string, keys: KeyBatch): Promise<void> | null {
    return this.#baseOf(store)?.prefetch?.(store, keys) ?? null
  }

  /** Sums; what only sorted files tell is that of the part that is kept in them. */
  statistics(): BaseStatistics {
    const parts = this.#parts.map(({ base }) => base.statistics())
    const sum = (of: 'files' | 'bytes' | 'entries'): number => parts.reduce((total, part) => total + part[of], 0)
    const detailed = parts.find((part) => part.reads !== undefined)
    return { ...detailed, files: sum('files'), bytes: sum('bytes'), entries: sum('entries') }
  }

  close(): void {
    for (const { base } of this.#parts) base.close()
  }
}
