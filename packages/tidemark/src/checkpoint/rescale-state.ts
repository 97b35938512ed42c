import type { Disk } from '../disk/disk.ts'
import type { BlockCache } from '../lsm/block-cache.ts'
import { EntryArena } from '../lsm/entry-arena.ts'
import { windowEndOf } from '../lsm/expiry.ts'
import { type LsmBase, openLsmBase } from '../lsm/lsm-base.ts'
import { readDeadline } from '../serde/time-bytes.ts'
import { storeOf } from '../store/generations.ts'
import type { BaseIterator, Steps, StoreDescriptor } from '../store/types.ts'
import { cannotMove, EVERY_TASK, plainRule, type StoreRule } from './rescale-owner.ts'
import { type MovedStore, movedStores, type OldState } from './rescale-plan.ts'

export interface RescaleStateOptions {
  readonly disk: Disk
  /** The state of each old task, in the order of tasks. */
  readonly states: readonly OldState[]
  /** A directory without state for each new task, absolute. */
  readonly directories: readonly string[]
  /** The checkpoint that each new state is that of. */
  readonly id: number
  readonly cache: BlockCache
  /** Where keys belong; by default as far as that is known without the job's code. */
  readonly ruleOf?: (store: StoreDescriptor) => StoreRule
  /** Told now and then how many entries more were read. */
  readonly onRead?: (entries: number) => void
  /** Entries that are held in memory before they are written, bytes (default 32 MiB). */
  readonly batchBytes?: number
}

const BATCH_BYTES = 32 * 1024 * 1024
const STEP_ENTRIES = 1024
const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const

/**
 * Writes the state of N tasks as that of M tasks, in steps and in bounded memory: each entry is read once and goes, as it
 * is, to the task that its key belongs to. What has ended in its old task by the clock of that, and windows that have
 * expired there, are left behind: the new tasks' clocks may be earlier. What is then in a directory is opened by
 * `openLsmBase`; one that was cut off has id 0.
 *
 * ERR_STORE_RESCALE, before anything is written, for a store that cannot be moved, and at an entry that is not in the task
 * that its key belongs to. Errors of the bases.
 */
export function* rescaleState(options: RescaleStateOptions): Steps {
  const { disk, states, directories, id, cache, onRead = () => {}, batchBytes = BATCH_BYTES } = options
  const ruleOf = options.ruleOf ?? ((store) => plainRule(store, states.length, directories.length))
  const stores = movedStores(states, ruleOf)
  const descriptors = stores.map(({ descriptor }) => descriptor)
  const targets: LsmBase[] = []
  try {
    for (const directory of directories) targets.push(openLsmBase({ disk, directory, cache }))
    for (const store of stores) yield* new Move(store, targets, descriptors, batchBytes, onRead).run()
    for (const store of stores) expire(store, targets)
    for (const target of targets) yield* target.write(id, descriptors, [])
  } finally {
    for (const target of targets) target.close()
  }
}

/** The least of all tasks: nothing goes that one of them still shows. Not known if one does not know it. */
function expire({ sources, descriptor }: MovedStore, targets: readonly LsmBase[]): void {
  const ends = sources.map(({ state, name }) => state.base.expiredBefore?.(name) ?? Number.NEGATIVE_INFINITY)
  const least = Math.min(...ends)
  if (Number.isFinite(least)) for (const target of targets) target.expire(descriptor.name, least)
}

/** One store on its way. */
class Move {
  readonly #store: MovedStore
  readonly #targets: readonly LsmBase[]
  readonly #descriptors: readonly StoreDescriptor[]
  readonly #batchBytes: number
  readonly #onRead: (entries: number) => void
  readonly #batches: EntryArena[]
  #heldBytes = 0

  constructor(
    store: MovedStore,
    targets: readonly LsmBase[],
    descriptors: readonly StoreDescriptor[],
    batchBytes: number,
    onRead: (entries: number) => void,
  ) {
    this.#store = store
    this.#targets = targets
    this.#descriptors = descriptors
    this.#batchBytes = batchBytes
    this.#onRead = onRead
    this.#batches = targets.map(() => new EntryArena())
  }

  *run(): Steps {
    const entries = new MergedEntries(this.#store)
    try {
      let count = 0
      while (entries.next()) {
        this.#add(entries)
        if (this.#heldBytes >= this.#batchBytes) yield* this.#write(this.#largest())
        if (++count % STEP_ENTRIES !== 0) continue
        this.#onRead(STEP_ENTRIES)
        yield
      }
      this.#onRead(count % STEP_ENTRIES)
      for (const task of this.#targets.keys()) yield* this.#write(task)
    } finally {
      entries.close()
    }
  }

  #add(entries: MergedEntries): void {
    if (entries.owner === EVERY_TASK) {
      for (let task = 0; task < this.#store.after; task++) this.#put(task, entries.current)
    } else this.#put(entries.owner, entries.current)
  }

  #put(task: number, entry: BaseIterator): void {
    const batch = this.#batches[task] as EntryArena
    const before = batch.sizeBytes
    batch.add(entry.key, entry.valueBytes, entry.valueStart, entry.valueEnd)
    this.#heldBytes += batch.sizeBytes - before
  }

  #largest(): number {
    let largest = 0
    for (const [task, { sizeBytes }] of this.#batches.entries()) {
      if (sizeBytes > (this.#batches[largest] as EntryArena).sizeBytes) largest = task
    }
    return largest
  }

  /** As the state of no checkpoint, until all is there. */
  *#write(task: number): Steps {
    const batch = this.#batches[task] as EntryArena
    if (batch.count === 0) return
    const target = this.#targets[task] as LsmBase
    this.#heldBytes -= batch.sizeBytes
    const { name } = this.#store.descriptor
    yield* target.write(target.id, this.#descriptors, [{ name, count: batch.count, cursor: batch }])
    batch.clear()
  }
}

interface OpenSource {
  readonly task: number
  readonly entries: BaseIterator
  /** Values with a deadline up to this have ended; null: the store has no TTL. */
  readonly endedMs: number | null
  /** Windows that end up to this have expired; null: none is known to have. */
  readonly expiredMs: number | null
  owner: number
}

/** The entries of all old tasks that are still there, in the order of their keys. */
class MergedEntries {
  readonly #store: MovedStore
  readonly #sources: OpenSource[] = []
  /** Those that stand at an entry. */
  readonly #standing = new Set<OpenSource>()
  #at: OpenSource | null = null

  constructor(store: MovedStore) {
    this.#store = store
    try {
      for (const source of store.sources) this.#sources.push(openSource(store.descriptor, source))
      for (const source of this.#sources) this.#advance(source)
    } catch (error) {
      this.close()
      throw error
    }
  }

  get current(): BaseIterator {
    return (this.#at as OpenSource).entries
  }

  get owner(): number {
    return (this.#at as OpenSource).owner
  }

  next(): boolean {
    const last = this.#at
    if (last?.owner === EVERY_TASK) this.#passSame(last.entries.key.slice())
    else if (last !== null) this.#advance(last)
    this.#at = null
    for (const source of this.#standing) {
      if (this.#at === null || Buffer.compare(source.entries.key, this.#at.entries.key) < 0) this.#at = source
    }
    return this.#at !== null
  }

  /** What several tasks have said of themselves is one entry. */
  #passSame(key: Uint8Array): void {
    for (const source of this.#standing) {
      if (Buffer.compare(source.entries.key, key) === 0) this.#advance(source)
    }
  }

  /** Moves a source to its next entry that has not ended. */
  #advance(source: OpenSource): void {
    const { entries, task } = source
    const { owner, before, after, descriptor } = this.#store
    while (entries.next()) {
      if (hasEnded(source, descriptor)) continue
      const was = owner(entries.key, before)
      // Two tasks with an entry of the same key would become one: nothing is guessed.
      if (was !== task && was !== EVERY_TASK) throw misplaced(descriptor, task, was, before)
      source.owner = was === EVERY_TASK ? EVERY_TASK : owner(entries.key, after)
      this.#standing.add(source)
      return
    }
    this.#standing.delete(source)
  }

  close(): void {
    for (const { entries } of this.#sources) entries.close()
  }
}

function openSource(descriptor: StoreDescriptor, { state, name }: MovedStore['sources'][number]): OpenSource {
  const { base, clock, task } = state
  const { ttl = null } = descriptor
  const eventMs = clock.events?.[storeOf(descriptor)] ?? clock.eventMs
  const nowMs = ttl?.time === 'event' ? eventMs : clock.processingMs
  return {
    task,
    entries: base.scan(name, ALL),
    endedMs: ttl === null ? null : nowMs,
    expiredMs: descriptor.kind === 'windows' ? (base.expiredBefore?.(name) ?? null) : null,
    owner: 0,
  }
}

function hasEnded({ entries, endedMs, expiredMs }: OpenSource, { windowSizeMs }: StoreDescriptor): boolean {
  const { key } = entries
  if (expiredMs !== null && windowEndOf(key, key.length, windowSizeMs) <= expiredMs) return true
  return endedMs !== null && readDeadline(entries.valueBytes, entries.valueStart) <= endedMs
}

function misplaced(store: StoreDescriptor, task: number, owner: number, tasks: number): Error {
  return cannotMove(
    storeOf(store),
    `task ${task} of ${tasks} holds a key that belongs to task ${owner}`,
    'Its keys are not those of the messages: say by partitionBy what they are, and take another savepoint',
  )
}
