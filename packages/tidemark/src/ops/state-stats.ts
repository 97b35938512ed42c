import type { BaseStatistics, StoreFiles } from '../store/base-statistics.ts'
import type { DataDir, OpenedTask } from './data-dir.ts'

/** What one task holds of one store, as of its newest commit. */
export interface StoreStats {
  readonly task: number
  readonly checkpoint: number
  readonly store: string
  readonly kind: string
  /** About how many keys there are, those that are in the journal only among them. */
  readonly keys: number
  /** In sorted files: null for stores that another engine keeps. */
  readonly files: number | null
  /** Entries in these, overwritten ones and deletions among them. */
  readonly entries: number | null
  readonly deletions: number | null
  /** Bytes of the entries as they are stored, and before compression. */
  readonly bytes: number | null
  readonly plainBytes: number | null
  /** Entries per key in the files, 1 when nothing is there twice: how much room is taken by what was overwritten. */
  readonly spaceAmplification: number | null
}

/** What one task's files are, all stores together. */
export interface TaskStats {
  readonly task: number
  readonly checkpoint: number
  readonly flushedId: number
  /** Committed changes that are in no file yet, bytes in memory, roughly. */
  readonly recentBytes: number
  readonly base: BaseStatistics
}

export interface StateStats {
  readonly tasks: readonly TaskStats[]
  readonly stores: readonly StoreStats[]
}

/**
 * What the state of a data directory takes, while its job runs or not. What its reads and caches do is known only in the
 * process that runs the job. Errors as `DataDir.states`.
 */
export async function stateStats(data: DataDir): Promise<StateStats> {
  const opened = await data.states({ rawValues: true })
  try {
    return { tasks: opened.map(taskStats), stores: opened.flatMap(storesOf) }
  } finally {
    for (const { state } of opened) state.close()
  }
}

function taskStats({ info, state }: OpenedTask): TaskStats {
  const { recentBytes, base } = state.statistics()
  return { task: info.meta.task, checkpoint: state.id, flushedId: state.flushedId, recentBytes, base }
}

function storesOf({ info, state }: OpenedTask): StoreStats[] {
  const files = state.statistics().base.stores
  return info.meta.stores.map(({ name, kind }) => {
    const own = files?.find((each) => each.store === name)
    const keys = state.store(name).approximateCount()
    const head = { task: info.meta.task, checkpoint: state.id, store: name, kind, keys }
    return files === undefined ? { ...head, ...NOT_KNOWN } : { ...head, ...inFiles(own) }
  })
}

type InFiles = Pick<StoreStats, 'files' | 'entries' | 'deletions' | 'bytes' | 'plainBytes' | 'spaceAmplification'>

const NOT_KNOWN: InFiles = {
  files: null,
  entries: null,
  deletions: null,
  bytes: null,
  plainBytes: null,
  spaceAmplification: null,
}

function inFiles(own: StoreFiles | undefined): InFiles {
  if (own === undefined) {
    return { files: 0, entries: 0, deletions: 0, bytes: 0, plainBytes: 0, spaceAmplification: null }
  }
  const { files, entries, deletions, bytes, plainBytes, approximateKeys } = own
  const spaceAmplification = approximateKeys === 0 ? null : entries / approximateKeys
  return { files, entries, deletions, bytes, plainBytes, spaceAmplification }
}
