import type { StoredDelta } from '../log/types.ts'
import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { bytes } from '../serde/bytes.ts'
import type { Serde } from '../serde/serde.ts'
import { CacheBudget } from './cache-budget.ts'
import { DeltaReader, type DeltaVisitor } from './delta-reader.ts'
import { assertReadable, dataShape, describe, specWithSerdes } from './descriptor.ts'
import { GenerationBase, type StoreInBase } from './generation-base.ts'
import { declaredGenerations, Generations } from './generations.ts'
import { watchForLeaks } from './leak-watch.ts'
import { type IteratorLimits, OpenIterators } from './open-iterators.ts'
import { LayeredStore } from './raw-store.ts'
import { restoreEntry } from './restore-entry.ts'
import type { StoreContext } from './store-context.ts'
import { type ClockReading, TaskClock } from './task-clock.ts'
import { LayeredState } from './task-state.ts'
import type { Base, StoreDescriptor, StoreSpec, TaskState } from './types.ts'
import { ValueConverter } from './value-upgrade.ts'

const MAX_KEY_BYTES = 65_536
const DEFAULT_MAX_VALUE_BYTES = 16 * 1024 * 1024
const DEFAULT_FLUSH_BYTES = 16 * 1024 * 1024

/** Largest key and value of a store, encoded. */
export interface StoreLimits {
  /** Default and most: 65536. */
  readonly maxKeyBytes?: number
  /** Default 16 MiB. */
  readonly maxValueBytes?: number
}

export interface OpenTaskStateOptions {
  /** The task's name, for messages. */
  readonly task: string
  /** For tools, a function of all descriptors that data is there under, those of the base first, then by time. */
  readonly specs: readonly StoreSpec[] | ((written: readonly StoreDescriptor[]) => readonly StoreSpec[])
  /** The state takes it over and closes it with `close`; if opening fails, it stays the caller's. */
  readonly base: Base
  /** Committed deltas, in order of id. Those that the base already covers are skipped. */
  readonly deltas: readonly StoredDelta[]
  /** The committed checkpoint's id; 0 when nothing was committed yet. */
  readonly id: number
  /** `lastDeltaId` of the checkpoint record, when it has one: a missing newest delta is found by it. */
  readonly lastDeltaId?: number
  /** `wantsFlush` becomes true at this many bytes of recent writes (default 16 MiB). */
  readonly flushThresholdBytes?: number
  readonly limits?: StoreLimits
  /** So much of the older generations of each store moves with one flush (default 4 MiB). */
  readonly moveMaxBytes?: number
  /** Shared by the tasks of a container; by default one of 64 MiB for this task alone. */
  readonly cache?: CacheBudget
  /** Development: told about iterators that were dropped without being closed or exhausted. */
  readonly onWarning?: (line: string) => void
  /** The task's clock as the checkpoint record has it; a store with a TTL needs it. */
  readonly clock?: ClockReading
  /** Monotonic, ms: for the age of iterators, which have none without it. */
  readonly nowMs?: () => number
  readonly iterators?: IteratorLimits
}

/**
 * Opens the state of a task at its committed checkpoint `id`: the base plus the deltas that it does not cover. All or
 * nothing (C8): on any error nothing is kept and the error says why. ERR_STATE_AHEAD: base or a delta is newer than
 * `id` (C1). ERR_STATE_GAP: a delta is missing. ERR_STATE_CORRUPT: a delta is damaged. ERR_STORE_MISMATCH: a store's
 * data was written under another declaration.
 */
export function openTaskState(options: OpenTaskStateOptions): TaskState {
  const { task, base, id, onWarning } = options
  assertNotAhead(options)
  const readers = options.deltas.filter((delta) => delta.id > base.id).map((delta) => new DeltaReader(task, delta))
  assertNoGap(options, readers)
  const written = readers.flatMap((reader) => reader.descriptors)
  const specs = typeof options.specs === 'function' ? options.specs([...base.descriptors, ...written]) : options.specs
  const found = findGenerations(specs, base, written, task)
  const context: StoreContext = {
    task,
    base: found.grouped.length === 0 ? base : new GenerationBase(base, found.grouped, options.moveMaxBytes),
    cache: options.cache ?? new CacheBudget(),
    maxKeyBytes: Math.min(options.limits?.maxKeyBytes ?? MAX_KEY_BYTES, MAX_KEY_BYTES),
    maxValueBytes: options.limits?.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES,
    clock: new TaskClock(options.clock),
    iterators: new OpenIterators(task, options.nowMs ?? (() => 0), options.iterators),
    watch: onWarning === undefined ? null : watchForLeaks((store) => onWarning(leakWarning(task, store))),
  }
  const stores = [...specs, ...found.undeclared.map(passThroughSpec)].map((spec) => new LayeredStore(spec, context))
  replay(readers, new Replay(stores, specs.length, found.generations, task))
  return new LayeredState({
    context,
    stores,
    declared: specs.length,
    undeclared: found.undeclared,
    id,
    lastDeltaId: readers.at(-1)?.id ?? base.id,
    flushThresholdBytes: options.flushThresholdBytes ?? DEFAULT_FLUSH_BYTES,
  })
}

interface FoundGenerations {
  readonly generations: Generations
  /** Declared stores that the base knows otherwise than by their name alone. */
  readonly grouped: readonly StoreInBase[]
  /** Generations of stores that have data here but are not declared (any more): it stays until it is dropped. */
  readonly undeclared: readonly StoreDescriptor[]
}

/** ERR_STORE_MISMATCH, ERR_ENGINE_CHANGED. */
function findGenerations(
  specs: readonly StoreSpec[],
  base: Base,
  written: readonly StoreDescriptor[],
  task: string,
): FoundGenerations {
  const generations = new Generations(base.descriptors, task)
  const declared = specs.map(describe)
  // In the order of time: a store may have been renamed since.
  for (const descriptor of [...written, ...declared]) generations.add(descriptor)
  const grouped: StoreInBase[] = []
  for (const [place, spec] of specs.entries()) {
    const own = declaredGenerations(spec, declared[place] as StoreDescriptor, generations, task)
    for (const { descriptor } of own.older) assertKeptTogether(base, spec.name, own.current.name, descriptor.name)
    if (own.older.length > 0 || own.current.name !== spec.name) grouped.push({ spec, generations: own })
  }
  const names = new Set(specs.map(({ name }) => name))
  const others = generations.stores().filter((store) => !names.has(store))
  const undeclared = others.flatMap((store) => [...generations.of(store)])
  for (const { name, of: store } of undeclared) if (names.has(name)) throw nameInUse(name, store as string, task)
  return { generations, grouped, undeclared }
}

function nameInUse(name: string, store: string, task: string): TidemarkError {
  return new TidemarkError(
    'ERR_STORE_MISMATCH',
    `store ${name} of task ${task} is new, but entries of store ${store}, which was called so before, are still kept under ` +
      `that name. Declare ${store} again, or drop it first: tidemark state drop ${store}`,
    { details: { store: name, of: store, task } },
  )
}

function assertKeptTogether(base: Base, store: string, current: string, older: string): void {
  if (base.keepsTogether?.(current, older) !== false) return
  throw new TidemarkError(
    'ERR_ENGINE_CHANGED',
    `store ${store} was kept as ${older} by another engine than now. Set its engine back to that one`,
    { details: { store, before: older } },
  )
}

function assertNotAhead({ task, base, deltas, id }: OpenTaskStateOptions): void {
  const newest = deltas.reduce((most, delta) => Math.max(most, delta.id), 0)
  const newestBase = base.newestId ?? base.id
  if (newestBase <= id && newest <= id) return
  const what = newestBase > id ? `its files are at ${newestBase}` : `there is a delta ${newest}`
  throw new TidemarkError(
    'ERR_STATE_AHEAD',
    `state of task ${task}: ${what}, but the committed checkpoint is ${id}. ` +
      'The log is older than the state, or not its own: restore the log, or remove the state files and start again',
    { details: { task, committed: id, state: Math.max(newestBase, newest) } },
  )
}

/** Every delta names the one before it; the first must be covered by the base, the last be the checkpoint's. */
function assertNoGap({ task, base, lastDeltaId }: OpenTaskStateOptions, readers: readonly DeltaReader[]): void {
  let covered = base.id
  for (const reader of readers) {
    if (reader.id <= covered || reader.previous > covered) throw gap(task, base.id, covered, reader.previous)
    covered = reader.id
  }
  if (lastDeltaId !== undefined && lastDeltaId > covered) throw gap(task, base.id, covered, lastDeltaId)
}

function gap(task: string, baseId: number, covered: number, missing: number): TidemarkError {
  return new TidemarkError(
    'ERR_STATE_GAP',
    `state of task ${task}: the files are at checkpoint ${baseId}, deltas lead to ${covered}, and delta ${missing} is ` +
      'missing or out of order. Restore the state files or the log from a copy',
    { details: { task, base: baseId, covered, missing } },
  )
}

/** An undeclared store keeps its bytes as they are. */
function passThroughSpec(descriptor: StoreDescriptor): StoreSpec {
  const opaque = bytes() as unknown as Serde<unknown>
  return { ...specWithSerdes(descriptor, () => opaque), ttl: null, ranged: false }
}

function replay(readers: readonly DeltaReader[], to: Replay): void {
  for (const reader of readers) reader.visit(to)
}

/** Puts committed entries into the stores as they are declared now, whatever they were when they were written. */
class Replay implements DeltaVisitor {
  readonly #declared: ReadonlyMap<string, LayeredStore>
  /** By the names of their generations. */
  readonly #undeclared: ReadonlyMap<string, LayeredStore>
  readonly #generations: Generations
  readonly #task: string
  readonly #entry = new ByteWriter(256)
  #store: LayeredStore | undefined
  /** Older generations of a store that is not declared: they lose what the newer one gets. */
  #others: readonly LayeredStore[] = []
  #converter: ValueConverter | null = null

  /** The first so many stores are declared. */
  constructor(stores: readonly LayeredStore[], declared: number, generations: Generations, task: string) {
    this.#declared = new Map(stores.slice(0, declared).map((store) => [store.spec.name, store]))
    this.#undeclared = new Map(stores.slice(declared).map((store) => [store.spec.name, store]))
    this.#generations = generations
    this.#task = task
  }

  store(descriptor: StoreDescriptor): void {
    const name = this.#generations.nameOf(descriptor.name)
    const declared = this.#declared.get(name)
    this.#converter = null
    this.#others = []
    if (declared !== undefined) {
      this.#store = declared
      const { spec } = declared
      const upgrade = assertReadable(spec, describe(spec), descriptor, this.#task)
      if (upgrade !== null) this.#converter = new ValueConverter(upgrade, declared.policy.timed)
      return
    }
    const all = this.#generations.of(name)
    const own = all.find((each) => dataShape(each) === dataShape(descriptor))
    this.#store = this.#undeclared.get(own?.name ?? '')
    this.#others = all.filter((each) => each !== own).map((each) => this.#undeclared.get(each.name) as LayeredStore)
  }

  entry(from: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    const store = this.#store as LayeredStore
    for (const other of this.#others) restoreEntry(other, from, keyStart, keyEnd, -1, -1)
    const converter = this.#converter
    if (converter === null || valueStart < 0) {
      restoreEntry(store, from, keyStart, keyEnd, valueStart, valueEnd)
      return
    }
    converter.convert(from, valueStart, valueEnd)
    const entry = this.#entry
    entry.reset()
    entry.raw(from, keyStart, keyEnd)
    const middle = entry.position
    entry.raw(converter.bytes, 0, converter.end)
    restoreEntry(store, entry.bytes, 0, middle, middle, entry.position)
  }
}

function leakWarning(task: string, store: string): string {
  return `task ${task}: an iterator over store ${store} was neither closed nor read to its end. Declare it with using, or read it by for ... of`
}
