import type { BaseStatistics, StoreFiles } from './base-statistics.ts'
import { GenerationIterator, type GenerationScan } from './generation-iterator.ts'
import { type LeftGeneration, MOVE_BYTES, planMove } from './generation-move.ts'
import type { DeclaredGenerations, OlderGeneration } from './generations.ts'
import type {
  Base,
  BaseIterator,
  BaseTime,
  ByteRange,
  KeyBatch,
  SortedStore,
  Steps,
  StoreDescriptor,
  StoreSpec,
} from './types.ts'
import { ValueConverter } from './value-upgrade.ts'

const NO_BYTES = new Uint8Array(0)

/** A store with what the base knows of it. */
export interface StoreInBase {
  readonly spec: StoreSpec
  readonly generations: DeclaredGenerations
}

interface Store {
  readonly name: string
  readonly timed: boolean
  readonly current: StoreDescriptor
  readonly upgrades: ReadonlyMap<string, OlderGeneration['upgrade']>
  /** Oldest first. */
  older: readonly LeftGeneration[]
}

/**
 * A base under stores of which some have older generations (see generations.ts): values come as the stores are declared
 * now, whatever version they were written as. Each write takes some entries along to the newest generation, in the same
 * write that removes them from the older one, until these are empty. Without older generations it costs a look-up.
 */
export class GenerationBase implements Base {
  valueBytes: Uint8Array = NO_BYTES
  valueStart = 0
  valueEnd = 0
  readonly prefetch?: NonNullable<Base['prefetch']>
  readonly #base: Base
  readonly #moveMaxBytes: number
  readonly #stores: ReadonlyMap<string, Store>

  /** `stores`: those that the base knows otherwise than by their name alone. It closes the base with itself. */
  constructor(base: Base, stores: readonly StoreInBase[], moveMaxBytes: number = MOVE_BYTES) {
    this.#moveMaxBytes = moveMaxBytes
    this.#base = base
    this.#stores = new Map(stores.map((store) => [store.spec.name, inBase(store)]))
    if (base.prefetch !== undefined) this.prefetch = (store, keys) => this.#prefetch(store, keys)
  }

  get id(): number {
    return this.#base.id
  }

  get newestId(): number {
    return this.#base.newestId ?? this.#base.id
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#base.descriptors
  }

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    const base = this.#base
    const own = this.#stores.get(store)
    const found = base.get(own === undefined ? store : own.current.name, key, start, end, hash)
    if (found === 1) {
      this.valueBytes = base.valueBytes
      this.valueStart = base.valueStart
      this.valueEnd = base.valueEnd
    }
    // Deleted in the current one: from an earlier time of that name, or older ones do not have it either.
    if (found === 1 || own === undefined) return found
    for (const { descriptor, converter } of own.older) {
      if (base.get(descriptor.name, key, start, end, hash) !== 1) continue
      this.#take(converter)
      return 1
    }
    return found
  }

  #take(converter: ValueConverter | null): void {
    const { valueBytes, valueStart, valueEnd } = this.#base
    if (converter === null) {
      this.valueBytes = valueBytes
      this.valueStart = valueStart
      this.valueEnd = valueEnd
      return
    }
    converter.convert(valueBytes, valueStart, valueEnd)
    this.valueBytes = converter.bytes
    this.valueStart = 0
    this.valueEnd = converter.end
  }

  #prefetch(store: string, keys: KeyBatch): Promise<void> | null {
    const base = this.#base
    const waits = this.#namesOf(store).map((name) => base.prefetch?.(name, keys) ?? null)
    const promises = waits.filter((wait) => wait !== null)
    return promises.length === 0 ? null : Promise.all(promises).then(() => undefined)
  }

  #namesOf(store: string): string[] {
    const own = this.#stores.get(store)
    if (own === undefined) return [store]
    return [own.current.name, ...own.older.map(({ descriptor }) => descriptor.name)]
  }

  scan(store: string, range: ByteRange): BaseIterator {
    const base = this.#base
    const own = this.#stores.get(store)
    if (own === undefined) return base.scan(store, range)
    if (own.older.length === 0) return base.scan(own.current.name, range)
    const scans: GenerationScan[] = []
    let opened = false
    try {
      scans.push({ entries: base.scan(own.current.name, range), converter: null })
      for (const { descriptor } of own.older) {
        const upgrade = own.upgrades.get(descriptor.name) ?? null
        const converter = upgrade === null ? null : new ValueConverter(upgrade, own.timed)
        scans.push({ entries: base.scan(descriptor.name, range), converter })
      }
      opened = true
      return new GenerationIterator(scans, range.reverse, range.limit)
    } finally {
      if (!opened) for (const { entries } of scans) entries.close()
    }
  }

  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    const all = stores.filter(({ name }) => !this.#stores.has(name))
    const left = new Map<Store, readonly LeftGeneration[]>()
    for (const own of this.#stores.values()) {
      const changes = stores.find(({ name }) => name === own.name) ?? null
      if (own.older.length === 0) {
        if (changes !== null) all.push({ ...changes, name: own.current.name })
        continue
      }
      const planned = yield* planMove(this.#base, own.current.name, own.older, changes, this.#moveMaxBytes)
      all.push(...planned.stores)
      left.set(own, planned.left)
    }
    const written = descriptors.flatMap((descriptor) => this.#written(descriptor, left))
    yield* this.#base.write(id, written, all)
    for (const [own, older] of left) own.older = older
  }

  #written(descriptor: StoreDescriptor, left: ReadonlyMap<Store, readonly LeftGeneration[]>): StoreDescriptor[] {
    const own = this.#stores.get(descriptor.name)
    if (own === undefined) return [descriptor]
    return [...(left.get(own) ?? []).map((older) => older.descriptor), own.current]
  }

  approximateCount(store: string): number {
    return this.#namesOf(store).reduce((sum, name) => sum + this.#base.approximateCount(name), 0)
  }

  /** Files by the stores' names. */
  statistics(): BaseStatistics {
    const all = this.#base.statistics()
    if (all.stores === undefined) return all
    const names = new Map(
      [...this.#stores.keys()].flatMap((store) => this.#namesOf(store).map((name) => [name, store])),
    )
    const stores = new Map<string, StoreFiles>()
    for (const files of all.stores) {
      const store = names.get(files.store) ?? files.store
      stores.set(store, summed({ ...files, store }, stores.get(store)))
    }
    return { ...all, stores: [...stores.values()] }
  }

  expire(store: string, beforeEndMs: number): void {
    for (const name of this.#namesOf(store)) this.#base.expire?.(name, beforeEndMs)
  }

  expiredBefore(store: string): number | null {
    const known = this.#namesOf(store).map((name) => this.#base.expiredBefore?.(name) ?? null)
    const ends = known.filter((end) => end !== null)
    return ends.length === 0 ? null : Math.max(...ends)
  }

  dropsWindows(store: string): boolean {
    return this.#namesOf(store).every((name) => this.#base.dropsWindows?.(name) === true)
  }

  hearsOfWindows(store: string): boolean {
    return this.#base.hearsOfWindows?.(store) ?? false
  }

  advance(time: BaseTime): void {
    this.#base.advance?.(time)
  }

  get stalled(): boolean {
    return this.#base.stalled === true
  }

  /** Also while there is something to move, unless merges are behind. */
  get wantsWrite(): boolean {
    if (this.#base.wantsWrite === true) return true
    if (this.stalled) return false
    for (const { older } of this.#stores.values()) if (older.length > 0) return true
    return false
  }

  close(): void {
    this.#base.close()
  }
}

function inBase({ spec, generations }: StoreInBase): Store {
  const timed = spec.ttl !== undefined && spec.ttl !== null
  const older = generations.older.map(({ descriptor, upgrade }): LeftGeneration => {
    return {
      descriptor,
      converter: upgrade === null ? null : new ValueConverter(upgrade, timed),
      from: null,
      ended: false,
    }
  })
  const upgrades = new Map(generations.older.map(({ descriptor, upgrade }) => [descriptor.name, upgrade]))
  return { name: spec.name, timed, current: generations.current, upgrades, older }
}

function summed(files: StoreFiles, more: StoreFiles | undefined): StoreFiles {
  if (more === undefined) return files
  return {
    store: files.store,
    files: files.files + more.files,
    bytes: files.bytes + more.bytes,
    plainBytes: files.plainBytes + more.plainBytes,
    entries: files.entries + more.entries,
    deletions: files.deletions + more.deletions,
    approximateKeys: files.approximateKeys + more.approximateKeys,
  }
}
