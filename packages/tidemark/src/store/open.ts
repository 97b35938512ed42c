import type { StoredDelta } from '../log/types.ts'
import { TidemarkError } from '../errors/error.ts'
import { bytes } from '../serde/bytes.ts'
import type { Serde } from '../serde/serde.ts'
import { CacheBudget } from './cache-budget.ts'
import { DeltaReader, type DeltaVisitor } from './delta-reader.ts'
import { assertSameStore, describe, specWithSerdes } from './descriptor.ts'
import { watchForLeaks } from './leak-watch.ts'
import { type IteratorLimits, OpenIterators } from './open-iterators.ts'
import { LayeredStore, type StoreContext } from './raw-store.ts'
import { type ClockReading, TaskClock } from './task-clock.ts'
import { LayeredState } from './task-state.ts'
import type { Base, StoreDescriptor, StoreSpec, TaskState } from './types.ts'

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
  readonly specs: readonly StoreSpec[]
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
  const { task, specs, base, id, onWarning } = options
  const declared = specs.map(describe)
  assertNotAhead(options)
  const readers = options.deltas.filter((delta) => delta.id > base.id).map((delta) => new DeltaReader(task, delta))
  assertNoGap(options, readers)
  for (const written of [base.descriptors, ...readers.map((reader) => reader.descriptors)].flat()) {
    const store = declared.find((candidate) => candidate.name === written.name)
    if (store !== undefined) assertSameStore(store, written, task)
  }
  const undeclared = undeclaredStores(declared, base, readers)
  const context: StoreContext = {
    task,
    base,
    cache: options.cache ?? new CacheBudget(),
    maxKeyBytes: Math.min(options.limits?.maxKeyBytes ?? MAX_KEY_BYTES, MAX_KEY_BYTES),
    maxValueBytes: options.limits?.maxValueBytes ?? DEFAULT_MAX_VALUE_BYTES,
    clock: new TaskClock(options.clock),
    iterators: new OpenIterators(task, options.nowMs ?? (() => 0), options.iterators),
    watch: onWarning === undefined ? null : watchForLeaks((store) => onWarning(leakWarning(task, store))),
  }
  const stores = [...specs, ...undeclared.map(passThroughSpec)].map((spec) => new LayeredStore(spec, context))
  replay(readers, stores)
  return new LayeredState({
    context,
    stores,
    declared: specs.length,
    undeclared,
    id,
    lastDeltaId: readers.at(-1)?.id ?? base.id,
    flushThresholdBytes: options.flushThresholdBytes ?? DEFAULT_FLUSH_BYTES,
  })
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

/** Stores that have data here but are not declared (any more): their data stays until it is dropped. */
function undeclaredStores(
  declared: readonly StoreDescriptor[],
  base: Base,
  readers: readonly DeltaReader[],
): StoreDescriptor[] {
  const found = new Map<string, StoreDescriptor>()
  for (const written of [base.descriptors, ...readers.map((reader) => reader.descriptors)].flat()) {
    if (!declared.some(({ name }) => name === written.name)) found.set(written.name, written)
  }
  return [...found.values()]
}

/** An undeclared store keeps its bytes as they are. */
function passThroughSpec(descriptor: StoreDescriptor): StoreSpec {
  const opaque = bytes() as unknown as Serde<unknown>
  return { ...specWithSerdes(descriptor, () => opaque), ttl: null, ranged: false }
}

function replay(readers: readonly DeltaReader[], stores: readonly LayeredStore[]): void {
  const byName = new Map(stores.map((store) => [store.spec.name, store]))
  let store = stores[0]
  const visitor: DeltaVisitor = {
    store: (descriptor) => {
      store = byName.get(descriptor.name)
    },
    entry: (source, keyStart, keyEnd, valueStart, valueEnd) => {
      store?.restore(source, keyStart, keyEnd, valueStart, valueEnd)
    },
  }
  for (const reader of readers) reader.visit(visitor)
}

function leakWarning(task: string, store: string): string {
  return `task ${task}: an iterator over store ${store} was neither closed nor read to its end. Declare it with using, or read it by for ... of`
}
