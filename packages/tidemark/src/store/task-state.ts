import { invariant, TidemarkError } from '../errors/error.ts'
import type { ByteMap } from './byte-map.ts'
import { encodeDelta } from './delta.ts'
import { describe } from './descriptor.ts'
import { FlushCursor } from './flush-cursor.ts'
import { mergeMaps } from './merge-maps.ts'
import type { LayeredStore } from './raw-store.ts'
import type { StoreContext } from './store-context.ts'
import { sortEntries } from './sort-entries.ts'
import type { ClockReading, TaskClock } from './task-clock.ts'
import type { FrozenState, RawStore, SortedStore, StateStatistics, Steps, StoreDescriptor, TaskState } from './types.ts'

/** Ended entries that one commit removes at most: each is a deletion in its delta. */
const MOST_REMOVED = 20_000

/** While a flush runs, so many times what makes one due may come in beside it. */
const STALL_FLUSHES = 4

/** A frozen memtable, with what has become of it. */
class Frozen implements FrozenState {
  readonly id: number
  readonly changes: number
  /** What time it was. */
  readonly clock: ClockReading
  /** By store: windows that end up to here had expired. */
  readonly windows: ReadonlyMap<string, number>
  /** False once `delta` has found that there are no net changes. */
  hasDelta: boolean

  constructor(id: number, changes: number, clock: TaskClock, windows: ReadonlyMap<string, number>) {
    this.id = id
    this.changes = changes
    this.clock = clock.read()
    this.windows = windows
    this.hasDelta = changes > 0
  }
}

/** See TaskState. Made by openTaskState. */
export class LayeredState implements TaskState {
  id: number
  flushedId: number
  lastDeltaId: number
  readonly #context: StoreContext
  /** Declared stores, then those that have data but are not declared any more. */
  readonly #stores: readonly LayeredStore[]
  readonly #byName: ReadonlyMap<string, LayeredStore>
  readonly #undeclared: readonly StoreDescriptor[]
  readonly #flushThresholdBytes: number
  #frozen: Frozen | null = null
  /** Moves what was committed last into recent; advanced by whoever needs it done. */
  #merge: Generator<void, void> | null = null
  #flushRuns = false
  /** By store, as of the last commit: windows that end up to here have expired. */
  #windows: ReadonlyMap<string, number> = new Map()
  /** Entries removed because they had ended, since the last freeze. */
  #removed = 0
  #closed = false
  /** What time it was at the committed checkpoint. */
  #time: ClockReading

  constructor(options: {
    readonly context: StoreContext
    readonly stores: readonly LayeredStore[]
    readonly declared: number
    readonly undeclared: readonly StoreDescriptor[]
    readonly id: number
    readonly lastDeltaId: number
    readonly flushThresholdBytes: number
  }) {
    this.#context = options.context
    this.#stores = options.stores
    this.#byName = new Map(options.stores.slice(0, options.declared).map((store) => [store.spec.name, store]))
    this.#undeclared = options.undeclared
    this.id = options.id
    this.flushedId = options.context.base.id
    this.lastDeltaId = options.lastDeltaId
    this.#time = options.context.clock.read()
    this.#flushThresholdBytes = options.flushThresholdBytes
    for (const store of options.stores) this.#context.cache.join(store.clean)
  }

  store(name: string): RawStore {
    const store = this.#byName.get(name)
    if (store !== undefined) return store
    const known = [...this.#byName.keys()].join(', ')
    throw new TidemarkError(
      'ERR_UNKNOWN_STORE',
      `task ${this.#context.task} has no store ${name}; it declares ${known === '' ? 'none' : known}`,
      { details: { store: name, task: this.#context.task } },
    )
  }

  get activeBytes(): number {
    let bytes = 0
    for (const store of this.#stores) bytes += store.activeBytes
    return bytes
  }

  get recentBytes(): number {
    let bytes = 0
    for (const store of this.#stores) bytes += store.recentBytes + store.flushingBytes
    return bytes
  }

  get dirty(): boolean {
    for (const store of this.#stores) if (store.active.size > 0) return true
    return false
  }

  freeze(next: number): FrozenState {
    invariant(
      this.#frozen === null,
      `state of task ${this.#context.task}: freeze while commit ${this.#frozen?.id} is in flight`,
    )
    invariant(next > this.id, `state of task ${this.#context.task}: freeze for ${next}, but ${this.id} is committed`)
    const frozen = new Frozen(next, this.activeBytes, this.clock, this.#expiredWindows())
    for (const store of this.#stores) store.freeze()
    this.#frozen = frozen
    this.#removed = 0
    this.#context.iterators.expire()
    return frozen
  }

  *delta(frozen: FrozenState): Generator<void, Uint8Array | null> {
    const own = this.#own(frozen)
    if (own.changes === 0) return null
    const changes = [...this.#byName.values()].map(({ spec, policy, frozen: map }) => ({ spec, policy, changes: map }))
    const bytes = yield* encodeDelta(own.id, this.lastDeltaId, changes)
    own.hasDelta = bytes !== null
    return bytes
  }

  #own(frozen: FrozenState): Frozen {
    const own = this.#frozen
    invariant(
      own !== null && own === frozen,
      `state of task ${this.#context.task}: ${frozen.id} is not the frozen commit`,
    )
    return own
  }

  commit(frozen: FrozenState): Generator<void, void> {
    const own = this.#own(frozen)
    // Two commits within the time of one merge: the older one has to be done first.
    if (this.#merge !== null) for (const _ of this.#merging()) continue
    this.#frozen = null
    this.id = own.id
    this.#time = own.clock
    this.#windows = own.windows
    if (own.hasDelta) this.lastDeltaId = own.id
    const stores = this.#stores.filter((store) => store.commit())
    if (stores.length > 0) this.#merge = mergeStores(stores)
    return this.#merging()
  }

  /** Advances the merge that is there, if any, to its end. */
  *#merging(): Generator<void, void> {
    const merge = this.#merge
    if (merge === null) return
    // Another generator may have ended it, or may be at a later one, between two steps of this one.
    while (this.#merge === merge) {
      if (merge.next().done === true) this.#merge = null
      else yield
    }
  }

  /** Windows that the base drops by itself: by store, up to which end. */
  #expiredWindows(): Map<string, number> {
    const windows = new Map<string, number>()
    for (const store of this.#stores) {
      if (Number.isFinite(store.windowsExpiredMs)) windows.set(store.spec.name, store.windowsExpiredMs)
    }
    return windows
  }

  get mustFlush(): boolean {
    return !this.#flushRuns && this.#context.base.wantsWrite === true
  }

  get stalled(): boolean {
    if (this.#context.base.stalled === true) return true
    return this.#flushRuns && this.recentBytes >= this.#flushThresholdBytes * STALL_FLUSHES
  }

  get wantsFlush(): boolean {
    if (this.#flushRuns) return false
    if (this.mustFlush) return true
    let bytes = 0
    for (const store of this.#stores) bytes += store.recentBytes
    return bytes >= this.#flushThresholdBytes
  }

  *flush(): Steps {
    invariant(
      !this.#flushRuns && !this.#closed,
      `state of task ${this.#context.task}: flush while one runs, or after close`,
    )
    this.#flushRuns = true
    try {
      yield* this.#merging()
      const id = this.id
      this.#tellTime(this.#time)
      const stores = this.#stores.filter((store) => store.recent.size > 0)
      if (stores.length > 0 || this.#context.base.wantsWrite === true) yield* this.#write(id, stores)
      this.flushedId = id
    } finally {
      this.#flushRuns = false
    }
  }

  /** The base may drop what had ended at the checkpoint that it is about to be written for; never later than that. */
  #tellTime(time: ClockReading): void {
    const { base } = this.#context
    base.advance?.(time)
    for (const [store, beforeEndMs] of this.#windows) base.expire?.(store, beforeEndMs)
  }

  *#write(id: number, stores: readonly LayeredStore[]): Steps {
    for (const store of stores) store.beginFlush()
    let written = false
    try {
      const sorted: SortedStore[] = []
      for (const store of stores) {
        const map = store.flushing as ByteMap
        const entries = yield* sortEntries(map)
        const { name } = store.spec
        sorted.push({ name, count: entries.length, cursor: new FlushCursor(map, store.policy, entries) })
      }
      yield* this.#context.base.write(id, this.#descriptors(), sorted)
      written = true
    } finally {
      // Failed or given up: what was to be flushed stays in memory, and the next flush takes it along.
      if (!written) {
        for (const _ of this.#merging()) continue
        for (const store of stores) takeBack(store)
      }
    }
    for (const store of stores) {
      store.cleaned(yield* mergeMaps(store.flushing as ByteMap, store.clean.beginJoining()))
    }
  }

  #descriptors(): StoreDescriptor[] {
    return [...[...this.#byName.values()].map(({ spec }) => describe(spec)), ...this.#undeclared]
  }

  get clock(): TaskClock {
    return this.#context.clock
  }

  expire(most: number): boolean {
    let more = false
    for (const store of this.#stores) {
      if (store.ttl === null) continue
      const left = Math.min(most, MOST_REMOVED - this.#removed)
      if (left <= 0) return false
      this.#removed += store.ttl.expire(left)
      more = more || store.ttl.due
    }
    return more && this.#removed < MOST_REMOVED
  }

  prepareRange(name: string): Steps {
    this.store(name)
    return (this.#byName.get(name) as LayeredStore).prepareRange()
  }

  statistics(): StateStatistics {
    const base = this.#context.base.statistics()
    let cacheBytes = 0
    for (const store of this.#stores) cacheBytes += store.clean.cacheBytes
    return {
      activeBytes: this.activeBytes,
      recentBytes: this.recentBytes,
      cacheBytes,
      baseFiles: base.files,
      baseBytes: base.bytes,
      baseEntries: base.entries,
      base,
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#context.iterators.close()
    for (const store of this.#stores) this.#context.cache.leave(store.clean)
    this.#context.base.close()
  }
}

function* mergeStores(stores: readonly LayeredStore[]): Generator<void, void> {
  for (const store of stores) {
    store.merged(yield* mergeMaps(store.merging as ByteMap, store.recent))
  }
}

function takeBack(store: LayeredStore): void {
  const flushing = store.flushing as ByteMap
  const merge = mergeMaps(store.recent, flushing)
  let step = merge.next()
  while (step.done !== true) step = merge.next()
  store.tookBack(step.value)
}
