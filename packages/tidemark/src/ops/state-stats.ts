import { FILES_PLACE, type Places, readPlaces, engineOf } from '../engines/placement.ts'
import { FILE_ENGINES } from '../engines/registry.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { LiveShare } from '../lsm/live-share.ts'
import { readManifest } from '../lsm/manifest.ts'
import { measureFiles } from '../runtime/measure-files.ts'
import { runInTurns } from '../lsm/run-in-turns.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type { Base, StoreDescriptor } from '../store/types.ts'
import { histories } from './checkpoints.ts'
import type { StateDir, OpenedTask } from './data-dir.ts'

/** What one task holds of one store, as of its newest commit. */
export interface StoreStats {
  readonly task: number
  readonly checkpoint: number
  readonly store: string
  readonly kind: string
  readonly engine: string
  /** Keys that are there, those that are in the journal only among them. */
  readonly keys: number
  /** `keys` is no further off than this, nineteen times of twenty; 0 when it was counted, null where nobody can tell. */
  readonly keysError: number | null
  /** In sorted files: null for stores that another engine keeps. */
  readonly files: number | null
  /** Entries in these, overwritten ones and deletions among them. */
  readonly entries: number | null
  readonly deletions: number | null
  /** Bytes of the entries as they are stored, and before compression. */
  readonly bytes: number | null
  readonly plainBytes: number | null
  /** Of `bytes`, those of entries that count: the newest of their keys, not deleted, not expired. */
  readonly liveBytes: number | null
  /** `bytes` for each byte of `liveBytes`; null when nothing is live. */
  readonly spaceAmplification: number | null
}

/** What one task's files are, all stores together. */
export interface TaskStats {
  readonly task: number
  readonly checkpoint: number
  readonly flushedId: number
  /** Committed changes that are in no file yet, bytes in memory, roughly. */
  readonly recentBytes: number
  /** Live bytes of all stores; null when one of them is kept by an engine that does not tell. */
  readonly liveBytes: number | null
  /** Bytes of all files, with indexes and filters, for each live byte; null when another engine keeps a store. */
  readonly spaceAmplification: number | null
  /** Bytes of files that only retained checkpoints keep. */
  readonly retainedBytes: number
  readonly base: BaseStatistics
}

export interface StateStats {
  readonly tasks: readonly TaskStats[]
  readonly stores: readonly StoreStats[]
}

export interface StatsOptions {
  /** Counts keys and live bytes by reading everything, rather than estimate them. */
  readonly exact?: boolean
  /** Told of entries that were looked at, of how many in all. */
  readonly onProgress?: (done: number, total: number) => void
}

const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const
const STEP_ENTRIES = 2000

/**
 * What the state of a data directory takes, while its job runs or not. What its reads and caches do is known only in the
 * process that runs the job. Errors as `DataDir.states`.
 */
export async function stateStats(data: StateDir, options: StatsOptions = {}): Promise<StateStats> {
  const opened = await data.states({ rawValues: true })
  try {
    const measured: MeasuredTask[] = []
    const counting = new Counting(opened, options)
    for (const task of opened) measured.push(await measure(data, task, counting))
    return {
      tasks: measured.map((task) => taskStats(data, task)),
      stores: measured.flatMap((task) => storesOf(task)),
    }
  } finally {
    for (const { state } of opened) state.close()
  }
}

/** What is live in a task, by store: what it lacks is in another engine and was not counted, or is in no file. */
interface MeasuredTask extends OpenedTask {
  readonly places: Places | null
  readonly live: ReadonlyMap<string, LiveShare>
  /** By store, when they were counted. */
  readonly keys: ReadonlyMap<string, number>
}

/** How far a count is: everything is looked at twice, in files for what is live, in all layers for the keys. */
class Counting {
  readonly exact: boolean
  readonly #onProgress: (done: number, total: number) => void
  #total = 0
  #done = 0

  constructor(opened: readonly OpenedTask[], { exact = false, onProgress = () => {} }: StatsOptions) {
    this.exact = exact
    this.#onProgress = onProgress
    for (const { info, state } of opened) {
      this.#total += state.statistics().base.entries
      for (const { name } of info.meta.stores) this.#total += state.store(name).approximateCount()
    }
  }

  add(entries: number): void {
    this.#done += entries
    this.#onProgress(this.#done, Math.max(this.#done, this.#total))
  }
}

async function measure(data: StateDir, opened: OpenedTask, counting: Counting): Promise<MeasuredTask> {
  const { info, base } = opened
  const { stores } = info.meta
  const places = readPlaces(data.disk, data.stateDirectory(info.meta))
  const live = new Map(await inFilesOf(data, opened, counting))
  const keys = new Map<string, number>()
  if (counting.exact) {
    for (const { name } of stores) {
      keys.set(name, await runInTurns(countKeys(opened, name, counting)))
      if (!isInFiles(places, name)) live.set(name, await runInTurns(countEntries(base, name, counting)))
    }
  }
  return { ...opened, places, live, keys }
}

function isInFiles(places: Places | null, store: string): boolean {
  const place = places?.get(store) ?? FILES_PLACE
  return place === FILES_PLACE || FILE_ENGINES.some((engine) => engine === place)
}

async function inFilesOf(
  data: StateDir,
  { info }: OpenedTask,
  counting: Counting,
): Promise<ReadonlyMap<string, LiveShare>> {
  const { producer, meta } = info
  const options = {
    disk: data.disk,
    directory: data.stateDirectory(meta),
    task: producer.producer,
    stores: meta.stores,
    ...(counting.exact ? { onEntries: (entries: number) => counting.add(entries) } : {}),
  }
  try {
    return await runInTurns(measureFiles(options))
  } catch (error) {
    // The running job replaces its files faster than we can open them: then it is not known.
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND') && data.view.ownerPid() !== null) return new Map()
    throw error
  }
}

function* countKeys({ state }: OpenedTask, store: string, counting: Counting): Generator<void, number> {
  const entries = state.store(store).rangeCommitted(ALL)
  let count = 0
  try {
    while (entries.next()) {
      if (++count % STEP_ENTRIES !== 0) continue
      counting.add(STEP_ENTRIES)
      yield
    }
    counting.add(count % STEP_ENTRIES)
    return count
  } finally {
    entries.close()
  }
}

/** Of an engine that is no sorted files: it keeps each key once. */
function* countEntries(base: Base, store: string, counting: Counting): Generator<void, LiveShare> {
  const rows = base.scan(store, ALL)
  let [entries, bytes] = [0, 0]
  try {
    while (rows.next()) {
      bytes += rows.key.length + rows.valueEnd - rows.valueStart
      if (++entries % STEP_ENTRIES !== 0) continue
      counting.add(STEP_ENTRIES)
      yield
    }
    return { entries, bytes, liveKeys: entries, liveKeysError: 0, liveBytes: bytes }
  } finally {
    rows.close()
  }
}

function taskStats(data: StateDir, { info, state, live, places }: MeasuredTask): TaskStats {
  const { recentBytes, base } = state.statistics()
  // Other engines have bytes in journals and memory that they do not count.
  const allInFiles = info.meta.stores.every(({ name }) => isInFiles(places, name))
  const known = info.meta.stores.every(({ name }) => live.has(name) || isInFiles(places, name))
  const liveBytes = known ? [...live.values()].reduce((sum, share) => sum + share.liveBytes, 0) : null
  return {
    task: info.meta.task,
    checkpoint: state.id,
    flushedId: state.flushedId,
    recentBytes,
    liveBytes,
    spaceAmplification: liveBytes === null || !allInFiles ? null : ratio(base.bytes, liveBytes),
    retainedBytes: retainedBytes(data, info.meta.task),
    base,
  }
}

function retainedBytes(data: StateDir, task: number): number {
  const history = histories(data).find((each) => each.task.meta.task === task)
  if (history === undefined) return 0
  const now = readManifest(data.disk, data.stateDirectory(history.task.meta))?.files ?? []
  const gone = new Map(history.retained.flatMap(({ manifest }) => manifest.files.map((file) => [file.name, file])))
  for (const { name } of now) gone.delete(name)
  return [...gone.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function storesOf(measured: MeasuredTask): StoreStats[] {
  const { info, state } = measured
  return info.meta.stores.map((store) => ({
    task: info.meta.task,
    checkpoint: state.id,
    store: store.name,
    kind: store.kind,
    engine: engineOf(measured.places?.get(store.name) ?? FILES_PLACE, { engine: info.meta.engine, stores: {} }),
    ...keysOf(measured, store),
    ...inFiles(measured, store),
  }))
}

/** Entries in memory that are looked up at most, what an entry takes at least, and how far off a part of them may be. */
const RECENT_SAMPLES = 16_384
const LEAST_ENTRY_BYTES = 32
const RECENT_ERROR: number = 0.98 / Math.sqrt(RECENT_SAMPLES)

function keysOf(
  { state, live, keys, places }: MeasuredTask,
  { name }: StoreDescriptor,
): Pick<StoreStats, 'keys' | 'keysError'> {
  const counted = keys.get(name)
  if (counted !== undefined) return { keys: counted, keysError: 0 }
  const store = state.store(name)
  if (!isInFiles(places, name)) return { keys: store.approximateCount(), keysError: null }
  const { liveKeys, liveKeysError } = live.get(name) ?? { liveKeys: 0, liveKeysError: 0 }
  const recent = state.recentBytes / LEAST_ENTRY_BYTES
  const ofRecent = recent <= RECENT_SAMPLES ? 0 : recent * RECENT_ERROR
  return {
    keys: store.approximateCount({ ofBase: liveKeys, samples: RECENT_SAMPLES }),
    keysError: Math.ceil(Math.hypot(liveKeysError, ofRecent)),
  }
}

type InFiles = Pick<
  StoreStats,
  'files' | 'entries' | 'deletions' | 'bytes' | 'plainBytes' | 'liveBytes' | 'spaceAmplification'
>

function inFiles({ state, live, places }: MeasuredTask, { name }: StoreDescriptor): InFiles {
  const share = live.get(name)
  const liveBytes = share?.liveBytes ?? null
  const own = state.statistics().base.stores?.find((each) => each.store === name)
  if (own !== undefined) {
    const { files, entries, deletions, bytes, plainBytes } = own
    const spaceAmplification = share === undefined ? null : ratio(share.bytes, share.liveBytes)
    return { files, entries, deletions, bytes, plainBytes, liveBytes, spaceAmplification }
  }
  return isInFiles(places, name) ? NOTHING : { ...NOT_KNOWN, liveBytes }
}

const NOTHING: InFiles = {
  files: 0,
  entries: 0,
  deletions: 0,
  bytes: 0,
  plainBytes: 0,
  liveBytes: 0,
  spaceAmplification: null,
}

const NOT_KNOWN: InFiles = {
  files: null,
  entries: null,
  deletions: null,
  bytes: null,
  plainBytes: null,
  liveBytes: null,
  spaceAmplification: null,
}

function ratio(bytes: number, liveBytes: number): number | null {
  return liveBytes === 0 ? null : bytes / liveBytes
}
