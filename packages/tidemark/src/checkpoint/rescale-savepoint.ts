import type { Disk } from '../disk/disk.ts'
import { invariant } from '../errors/error.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import { type Manifest, readManifest } from '../lsm/manifest.ts'
import { runInTurns } from '../lsm/run-in-turns.ts'
import type { StoreDescriptor } from '../store/types.ts'
import { FileObjects } from './file-objects.ts'
import type { ObjectStore } from './object-store.ts'
import { clockOf } from './record.ts'
import type { StoreRule } from './rescale-owner.ts'
import { RescalePlace } from './rescale-place.ts'
import type { OldState } from './rescale-plan.ts'
import { type RescaledInput, rescaledRecords } from './rescale-record.ts'
import { rescaleState } from './rescale-state.ts'
import { type Savepoint, taskPrefix } from './savepoint-format.ts'
import { installLoaded, loadTasks } from './savepoint-load.ts'
import { checkSavepointFiles, readTaskManifest } from './savepoint-restore.ts'
import {
  type SavepointFailpoint,
  type SavepointPart,
  type SavepointWritten,
  writeSavepointFiles,
} from './savepoint-write.ts'

/** The steps of a rescale between which a crash is tested (invariant R4), beside those of writing any savepoint. */
export const RESCALE_FAILPOINTS = [
  'rescale-after-claim',
  'rescale-after-open',
  'rescale-after-state',
  'rescale-before-clean',
] as const

export type RescaleFailpoint = (typeof RESCALE_FAILPOINTS)[number]

/** What the number of tasks means for the job. */
export interface RescaleLayout {
  readonly tasks: number
  readonly inputs: readonly RescaledInput[]
  readonly ruleOf: (store: StoreDescriptor) => StoreRule
}

export interface RescaleProgress {
  /** Entries of the old state that were read, of how many there are about. */
  readonly entries: number
  readonly total: number
}

export interface RescaleSavepointOptions {
  readonly disk: Disk
  readonly from: ObjectStore
  readonly savepoint: Savepoint
  readonly to: ObjectStore
  /** A directory for files on their way, if `to` is none. */
  readonly workDirectory: string
  readonly layout: RescaleLayout
  /** Unique in the world. */
  readonly nonce: string
  readonly onProgress: (progress: RescaleProgress) => void
  readonly failpoint: (name: RescaleFailpoint | SavepointFailpoint) => void
  /** Bytes of entries on their way in memory. */
  readonly batchBytes?: number
}

export interface RescaleWritten extends SavepointWritten {
  /** The new savepoint's. */
  readonly id: string
}

/**
 * Writes a savepoint with another number of tasks, complete in itself: the old one is only read. Cut off, it leaves none
 * (R4): the description comes last, and made again it begins anew.
 *
 * ERR_SAVEPOINT_EXISTS, ERR_STORE_RESCALE, ERR_CHECKPOINT_CORRUPT and ERR_STATE_CORRUPT of the old one.
 */
export async function rescaleSavepoint(options: RescaleSavepointOptions): Promise<RescaleWritten> {
  const { disk, from, to, savepoint, layout, nonce, failpoint, workDirectory } = options
  await checkSavepointFiles(from, savepoint)
  const place = new RescalePlace({ disk, to, nonce, workDirectory })
  await place.claim(layout.tasks)
  try {
    failpoint('rescale-after-claim')
    const parts = await writeState(options, place)
    failpoint('rescale-after-state')
    await place.assertOwn()
    const description = describe(savepoint, layout)
    const written = await writeSavepointFiles(to, description, parts, failpoint)
    failpoint('rescale-before-clean')
    await place.release()
    return { id: description.id, ...written }
  } catch (error) {
    // What is left of it means nothing, and goes with the next attempt.
    await place.abandon(layout.tasks).catch(() => {})
    throw error
  }
}

async function writeState(options: RescaleSavepointOptions, place: RescalePlace): Promise<SavepointPart[]> {
  const { disk, savepoint, layout, failpoint, onProgress, batchBytes } = options
  const id = Math.max(1, ...savepoint.tasks.map(({ checkpointId }) => checkpointId))
  const directories = Array.from({ length: layout.tasks }, (_, task) => `${place.work}/to/${task}`)
  const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
  const { states, total } = await openStates(options, place, cache)
  try {
    failpoint('rescale-after-open')
    let entries = 0
    const onRead = (count: number): void => onProgress({ entries: (entries += count), total })
    onProgress({ entries: 0, total })
    const more = batchBytes === undefined ? {} : { batchBytes }
    const steps = rescaleState({ disk, states, directories, id, cache, ruleOf: layout.ruleOf, onRead, ...more })
    await runInTurns(steps)
    onProgress({ entries: total, total })
  } finally {
    for (const { base } of states) base.close()
  }
  const old = savepoint.tasks.map(({ record }) => record)
  const records = rescaledRecords(old, layout.inputs, layout.tasks)
  return records.map((record, task): SavepointPart => {
    const directory = directories[task] as string
    return { task, checkpointId: id, record, directory, manifest: manifestOf(disk, directory) }
  })
}

const CACHE_BYTES = 16 * 1024 * 1024

function manifestOf(disk: Disk, directory: string): Manifest {
  const manifest = readManifest(disk, directory)
  invariant(manifest !== null, `the new state is in ${directory}`)
  return manifest
}

/** Opens the state of each task to read it: where it is, if that is a directory of this disk, else fetched from there. */
async function openStates(
  options: RescaleSavepointOptions,
  place: RescalePlace,
  cache: BlockCache,
): Promise<{ readonly states: OldState[]; readonly total: number }> {
  const { disk, from, savepoint } = options
  const directories = await stateDirectories(options, place)
  const states: OldState[] = []
  let total = 0
  try {
    for (const [i, task] of savepoint.tasks.entries()) {
      const { files } = await readTaskManifest(from, task)
      for (const { stores } of files) for (const { entries } of stores) total += entries
      const base = openLsmBase({ disk, directory: directories[i] as string, cache, readOnly: true })
      states.push({ task: task.task, base, clock: clockOf(task.record) })
    }
    return { states, total }
  } catch (error) {
    for (const { base } of states) base.close()
    throw error
  }
}

/** The directory of each task's state. */
async function stateDirectories(
  { disk, from, savepoint }: RescaleSavepointOptions,
  place: RescalePlace,
): Promise<string[]> {
  if (from instanceof FileObjects) {
    return savepoint.tasks.map(({ task }) => `${from.where}/${taskPrefix(task).slice(0, -1)}`)
  }
  const tasks = savepoint.tasks.map((task) => ({ task, directory: `${place.work}/from/${task.task}` }))
  const loaded = await loadTasks({ blobs: from, disk, tasks, pause, onBytes: () => {} })
  for (const task of loaded) installLoaded(disk, task, task.task.checkpointId)
  return tasks.map(({ directory }) => directory)
}

const pause = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

function describe(savepoint: Savepoint, { inputs, tasks }: RescaleLayout): Omit<Savepoint, 'tasks'> {
  const { tasks: old, ...rest } = savepoint
  const partitions = new Map(inputs.map(({ name, partitions: { after } }) => [name, after]))
  return {
    ...rest,
    id: `${savepoint.id.replace(/-tasks-\d+$/, '')}-tasks-${tasks}`,
    lineage: { ...savepoint.lineage, keyed: undefined },
    // Repartitions that were needed only where the job has run are not there any more.
    streams: savepoint.streams
      .filter(({ kind, name }) => kind === 'user' || partitions.has(name))
      .map((stream) => ({ ...stream, partitions: partitions.get(stream.name) ?? stream.partitions })),
    rescaled: { savepoint: savepoint.id, tasks: old.length, cut: savepoint.rescaled?.cut ?? cutOf(savepoint) },
  }
}

/** Where the cut is in the streams of the data directory that the savepoint was taken of. */
function cutOf({ streams, tasks }: Savepoint): Record<string, number[]> {
  const cut: Record<string, number[]> = {}
  for (const { name, kind, partitions } of streams) {
    if (kind !== 'user' || !tasks.some(({ record }) => name in record.inputs)) continue
    cut[name] = tasks.slice(0, partitions).map(({ record }) => record.inputs[name]?.position ?? 0)
  }
  return cut
}
