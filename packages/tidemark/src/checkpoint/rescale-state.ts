import type { Disk } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import type { BlockCache } from '../lsm/block-cache.ts'
import { exportBase } from '../lsm/export-base.ts'
import { dataShape } from '../store/descriptor.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type { Base, BaseIterator, ByteRange, Steps, StoreDescriptor } from '../store/types.ts'
import { cannotMove, type OwnerOf, ownerOf } from './rescale-owner.ts'

export interface RescaleStateOptions {
  readonly disk: Disk
  /** The state of each old task, in the order of tasks; only read, and not written by others meanwhile. */
  readonly sources: readonly Base[]
  /** A directory without state for each new task, absolute. */
  readonly directories: readonly string[]
  /** The checkpoint that each new state is that of. */
  readonly id: number
  readonly cache: BlockCache
}

/**
 * Writes the state of `sources.length` tasks as that of `directories.length` tasks, in steps and in bounded memory: each
 * entry goes, as it is, to the task that its key belongs to. What is then in a directory is opened by `openLsmBase`; one
 * that was cut off has id 0. ERR_STORE_RESCALE, before anything is written, for a store that cannot be moved, and at an
 * entry that is not in the task that its key belongs to. Errors as `exportBase`.
 */
export function* rescaleState({ disk, sources, directories, id, cache }: RescaleStateOptions): Steps {
  const descriptors = commonDescriptors(sources)
  const owners = new Map<string, OwnerOf>()
  for (const store of descriptors) owners.set(store.name, ownerOf(store))
  for (const [task, directory] of directories.entries()) {
    const base = new RescaledBase({ sources, descriptors, owners, id, task, tasks: directories.length })
    yield* exportBase({ disk, base, directory, cache })
  }
}

/**
 * Every store that a task has, once. A store of the runtime's own that is empty in all tasks is left out. ERR_STORE_RESCALE
 * if two tasks have it in different forms.
 */
function commonDescriptors(sources: readonly Base[]): StoreDescriptor[] {
  const found = new Map<string, StoreDescriptor>()
  for (const { descriptors } of sources) {
    for (const store of descriptors) {
      const other = found.get(store.name)
      if (other === undefined) found.set(store.name, store)
      else if (!sameForm(other, store)) {
        throw cannotMove(
          store.of ?? store.name,
          `its tasks have it in two forms, ${dataShape(other)} and ${dataShape(store)}`,
          'Run the job with its present code until all tasks have committed, then take another savepoint',
        )
      }
    }
  }
  return [...found.values()].filter(({ name, of }) => !(of ?? name).startsWith('$') || sources.some(holds(name)))
}

function sameForm(a: StoreDescriptor, b: StoreDescriptor): boolean {
  return (
    dataShape(a) === dataShape(b) && a.of === b.of && (a.partitionBy ?? 'identity') === (b.partitionBy ?? 'identity')
  )
}

const FIRST: ByteRange = { from: null, to: null, reverse: false, limit: 1 }

function holds(store: string): (base: Base) => boolean {
  return (base) => {
    if (!base.descriptors.some(({ name }) => name === store)) return false
    const entries = base.scan(store, FIRST)
    try {
      return entries.next()
    } finally {
      entries.close()
    }
  }
}

interface Share {
  readonly sources: readonly Base[]
  readonly descriptors: readonly StoreDescriptor[]
  readonly owners: ReadonlyMap<string, OwnerOf>
  readonly id: number
  readonly task: number
  readonly tasks: number
}

/** What one new task has of the old ones: as much of a base as an export needs. */
class RescaledBase implements Base {
  readonly id: number
  readonly descriptors: readonly StoreDescriptor[]
  readonly valueBytes: Uint8Array = new Uint8Array(0)
  readonly valueStart = 0
  readonly valueEnd = 0
  readonly #share: Share

  constructor(share: Share) {
    this.#share = share
    this.id = share.id
    this.descriptors = share.descriptors
  }

  scan(store: string, range: ByteRange): BaseIterator {
    const cursors: BaseIterator[] = []
    try {
      const having: number[] = []
      for (const [task, source] of this.#share.sources.entries()) {
        if (!source.descriptors.some(({ name }) => name === store)) continue
        cursors.push(source.scan(store, range))
        having.push(task)
      }
      return new OwnEntries(store, cursors, having, this.#share)
    } catch (error) {
      for (const cursor of cursors) cursor.close()
      throw error
    }
  }

  /** The least of all tasks: nothing goes that one of them still shows. Null if one knows of none. */
  expiredBefore(store: string): number | null {
    let least: number | null = null
    for (const source of this.#share.sources) {
      if (!source.descriptors.some(({ name }) => name === store)) continue
      const expiredMs = source.expiredBefore?.(store) ?? null
      if (expiredMs === null) return null
      least = least === null ? expiredMs : Math.min(least, expiredMs)
    }
    return least
  }

  approximateCount(store: string): number {
    let count = 0
    for (const source of this.#share.sources) count += source.approximateCount(store)
    return Math.ceil(count / this.#share.tasks)
  }

  get(): 0 | 1 | 2 {
    throw onlyScanned()
  }

  write(): Steps {
    throw onlyScanned()
  }

  statistics(): BaseStatistics {
    throw onlyScanned()
  }

  close(): void {
    // The sources are whoever's opened them.
  }
}

function onlyScanned(): TidemarkError {
  return new TidemarkError('ERR_INVARIANT', 'a rescaled state is only scanned')
}

/** Entries of all old tasks in the order of their keys, those of one new task only. */
class OwnEntries implements BaseIterator {
  readonly #store: string
  readonly #cursors: readonly BaseIterator[]
  readonly #oldTasks: readonly number[]
  readonly #share: Share
  readonly #owner: OwnerOf
  /** The cursors that stand at an entry; `#at` is the one with the least key. */
  readonly #open = new Set<number>()
  #at = -1

  constructor(store: string, cursors: readonly BaseIterator[], oldTasks: readonly number[], share: Share) {
    this.#store = store
    this.#cursors = cursors
    this.#oldTasks = oldTasks
    this.#share = share
    this.#owner = share.owners.get(store) as OwnerOf
    for (const at of cursors.keys()) this.#advance(at)
  }

  next(): boolean {
    if (this.#at >= 0) this.#advance(this.#at)
    this.#at = -1
    for (const at of this.#open) {
      if (this.#at < 0 || Buffer.compare(this.#entry(at).key, this.#entry(this.#at).key) < 0) this.#at = at
    }
    return this.#at >= 0
  }

  /** Moves a cursor to its next entry of this task. */
  #advance(at: number): void {
    const cursor = this.#entry(at)
    const { sources, task, tasks } = this.#share
    while (cursor.next()) {
      const { key } = cursor
      const before = this.#owner(key, sources.length)
      // Two tasks with an entry of the same key would become one: nothing is guessed.
      if (before !== this.#oldTasks[at]) {
        throw cannotMove(
          this.#store,
          `task ${this.#oldTasks[at]} of ${sources.length} holds a key that belongs to task ${before}`,
          'Its keys are not those of the messages: say by partitionBy what they are, and take another savepoint',
        )
      }
      if (this.#owner(key, tasks) === task) {
        this.#open.add(at)
        return
      }
    }
    this.#open.delete(at)
  }

  #entry(at: number): BaseIterator {
    return this.#cursors[at] as BaseIterator
  }

  get key(): Uint8Array {
    return this.#entry(this.#at).key
  }

  get valueBytes(): Uint8Array {
    return this.#entry(this.#at).valueBytes
  }

  get valueStart(): number {
    return this.#entry(this.#at).valueStart
  }

  get valueEnd(): number {
    return this.#entry(this.#at).valueEnd
  }

  close(): void {
    for (const cursor of this.#cursors) cursor.close()
  }
}
