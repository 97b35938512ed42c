import { FileObjects } from '../checkpoint/file-objects.ts'
import { type CheckpointRecord, clockOf } from '../checkpoint/record.ts'
import { readSavepoint, taskPrefix } from '../checkpoint/savepoint-format.ts'
import type { Disk } from '../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { type LsmBase, openLsmBase } from '../lsm/lsm-base.ts'
import { openTaskState } from '../store/open.ts'
import { storeOf } from '../store/generations.ts'
import type { StoreDescriptor, StoreSpec } from '../store/types.ts'
import { checkpointParts } from './checkpoints.ts'
import type { StateDir } from './data-dir.ts'
import { readingSpec } from './known-serde.ts'
import { suggestion } from './nearest.ts'
import { StoreView, type TaskStore } from './store-view.ts'

export interface PastStoreOptions {
  /** Values as the bytes that they are kept as. Default false. */
  readonly rawValues?: boolean
}

const CACHE_BYTES = 8 * 1024 * 1024
const ATTEMPTS = 5

/** One task's files at a moment, and the record of that moment. */
interface PastTask {
  readonly task: number
  readonly id: number
  readonly base: LsmBase
  readonly record: CheckpointRecord
}

/**
 * A store over all tasks as it was at a retained checkpoint, by the clock of that time. Close it after use. The owner may
 * give the checkpoint up meanwhile: what is open stays readable. ERR_CHECKPOINT_NOT_FOUND, ERR_UNKNOWN_STORE (the store
 * did not exist then), ERR_CHECKPOINT_CORRUPT, ERR_STATE_CORRUPT.
 */
export function storeAtCheckpoint(
  data: StateDir,
  name: string,
  checkpoint: string,
  options: PastStoreOptions = {},
): StoreView {
  for (let attempt = 1; ; attempt++) {
    try {
      return viewOf(name, options, `checkpoint ${checkpoint}`, openParts(data, checkpoint))
    } catch (error) {
      // Given up by the owner between finding and opening it: looking again tells.
      if (attempt === ATTEMPTS || !isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw error
    }
  }
}

function openParts(data: StateDir, checkpoint: string): PastTask[] {
  const opened: PastTask[] = []
  try {
    for (const { task, part } of checkpointParts(data, checkpoint)) {
      if (part === null) continue
      const base = openFiles(data.disk, part.directory, part.id)
      opened.push({ task: task.meta.task, id: part.id, base, record: part.record })
    }
    return opened
  } catch (error) {
    for (const { base } of opened) base.close()
    throw error
  }
}

/**
 * A store over all tasks as it is in a savepoint. Close it after use. ERR_SAVEPOINT_NOT_FOUND, ERR_UNKNOWN_STORE,
 * ERR_CHECKPOINT_CORRUPT, ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
 */
export async function storeOfSavepoint(
  disk: Disk,
  directory: string,
  name: string,
  options: PastStoreOptions = {},
): Promise<StoreView> {
  const blobs = new FileObjects({ disk, directory })
  const savepoint = await readSavepoint(blobs)
  const opened: PastTask[] = []
  try {
    for (const { task, checkpointId, record } of savepoint.tasks) {
      const base = openFiles(disk, `${directory}/${taskPrefix(task).slice(0, -1)}`, null)
      opened.push({ task, id: checkpointId, base, record })
    }
  } catch (error) {
    for (const { base } of opened) base.close()
    throw error
  }
  return viewOf(name, options, `savepoint ${savepoint.id}`, opened)
}

function openFiles(disk: Disk, directory: string, checkpoint: number | null): LsmBase {
  const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
  return openLsmBase({ disk, directory, cache, readOnly: true, ...(checkpoint === null ? {} : { checkpoint }) })
}

/** Takes the bases over: they are closed with the view, or when there is none. */
function viewOf(name: string, options: PastStoreOptions, when: string, tasks: readonly PastTask[]): StoreView {
  const opened: TaskStore[] = []
  let complete = false
  try {
    const descriptor = descriptorOf(name, when, tasks)
    for (const { task, id, base, record } of tasks) {
      const specs = (written: readonly StoreDescriptor[]): StoreSpec[] => [
        readingSpec(descriptor, options.rawValues === true, written),
      ]
      const state = openTaskState({ task: `task ${task}`, specs, base, deltas: [], id, clock: clockOf(record) })
      opened.push({ task, state, store: state.store(name), record })
    }
    complete = true
    return new StoreView(descriptor, opened)
  } finally {
    if (!complete) for (const { base } of tasks) base.close()
  }
}

/** The store as it was declared then. */
function descriptorOf(name: string, when: string, tasks: readonly PastTask[]): StoreDescriptor {
  const all = tasks.flatMap(({ base }) => base.descriptors)
  // The newest of its generations is the last.
  const found = all.findLast((store) => storeOf(store) === name)
  if (found !== undefined) return { ...found, name }
  const names = [...new Set(all.map(storeOf))].filter((each) => !each.startsWith('$'))
  const there = names.length === 0 ? ' It had no stores then.' : suggestion(name, names)
  throw new TidemarkError('ERR_UNKNOWN_STORE', `${when} has no store "${name}".${there}`, { details: { store: name } })
}
