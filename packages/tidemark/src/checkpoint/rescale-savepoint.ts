import type { Disk } from '../disk/disk.ts'
import { invariant } from '../errors/error.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import { type Manifest, readManifest } from '../lsm/manifest.ts'
import type { Steps, StoreDescriptor } from '../store/types.ts'
import { FileObjects } from './file-objects.ts'
import type { ObjectStore } from './object-store.ts'
import { clockOf } from './record.ts'
import type { StoreRule } from './rescale-owner.ts'
import { RescalePlace } from './rescale-place.ts'
import type { OldState } from './rescale-plan.ts'
import { type RescaledInput, rescaledRecords } from './rescale-record.ts'
import { rescaleState } from './rescale-state.ts'
import type { Savepoint, SavepointTask } from './savepoint-format.ts'
import { taskPrefix } from './savepoint-format.ts'
import { checkSavepointFiles, installTask, readTaskManifest } from './savepoint-restore.ts'
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

/** Lets the event loop have its turn at each step that has nothing to wait for. */
async function runInTurns(steps: Steps): Promise<void> {
  let step = steps.next()
  while (step.done !== true) {
    try {
      await (step.value ?? new Promise<void>((resolve) => void setImmediate(resolve)))
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next()
  }
}

/** Opens the state of each task to read it: where it is, if that is a directory of this disk, else fetched from there. */
async function openStates(
  { disk, from, savepoint }: RescaleSavepointOptions,
  place: RescalePlace,
  cache: BlockCache,
): Promise<{ readonly states: OldState[]; readonly total: number }> {
  const states: OldState[] = []
  let total = 0
  try {
    for (const task of savepoint.tasks) {
      const { files } = await readTaskManifest(from, task)
      for (const { stores } of files) for (const { entries } of stores) total += entries
      const directory = await stateOf(from, task, disk, `${place.work}/from/${task.task}`)
      const base = openLsmBase({ disk, directory, cache, readOnly: true })
      states.push({ task: task.task, base, clock: clockOf(task.record) })
    }
    return { states, total }
  } catch (error) {
    for (const { base } of states) base.close()
    throw error
  }
}

async function stateOf(from: ObjectStore, task: SavepointTask, disk: Disk, fetched: string): Promise<string> {
  if (from instanceof FileObjects) return `${from.where}/${taskPrefix(task.task).slice(0, -1)}`
  await installTask(from, task, disk, fetched, task.checkpointId)
  return fetched
}

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
