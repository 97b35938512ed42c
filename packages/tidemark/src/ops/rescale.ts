import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import type { Job } from '../api/job.ts'
import type { ObjectStore } from '../checkpoint/object-store.ts'
import { openSavepointStore } from '../checkpoint/open-store.ts'
import { isPlace } from '../checkpoint/place.ts'
import { type RescaleProgress, rescaleSavepoint } from '../checkpoint/rescale-savepoint.ts'
import { readSavepoint, type Savepoint } from '../checkpoint/savepoint-format.ts'
import { systemClock } from '../clock/clock.ts'
import { uniqueId } from '../clock/unique-id.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { failpointFromEnvironment } from '../runtime/failpoint.ts'
import { rescaleLayout } from './rescale-layout.ts'

export interface RescaleOptions {
  /** How many tasks the new savepoint has. */
  readonly tasks: number
  /** Where to write it: a directory that does not exist or is empty, or a `file:` or `s3:` URL. */
  readonly to: string
  /**
   * The savepoint's job. Needed where only its code says which task a key belongs to: stores with a `partitionBy` function,
   * timers, inputs with different numbers of partitions, stores whose keys are not encoded as those of messages. With it,
   * the plan for so many tasks is checked.
   */
  readonly job?: Job
  /** Where files are kept on their way, if `to` is a bucket (default: the system's directory for temporary files). */
  readonly workDirectory?: string
  readonly onProgress?: (progress: RescaleProgress) => void
}

/** A savepoint that was made of another. */
export interface RescaledSavepoint {
  readonly savepoint: string
  readonly directory: string
  readonly tasks: number
  /** What it was made of. */
  readonly from: { readonly savepoint: string; readonly directory: string; readonly tasks: number }
  readonly files: number
  readonly bytes: number
  /** The job's input and intermediate streams: how many partitions each had, and will have. */
  readonly streams: readonly { readonly name: string; readonly before: number; readonly after: number }[]
}

/** See `rescaleSavepoint`. */
export async function rescale(from: string, options: RescaleOptions): Promise<RescaledSavepoint> {
  const source = openPlace(placeOf(from))
  try {
    const savepoint = await readSavepoint(source)
    const to = placeOf(options.to)
    const target = openPlace(to)
    try {
      const made = await make(source, savepoint, target, options)
      return { ...made, directory: to, from: { ...made.from, directory: placeOf(from) } }
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
}

function placeOf(place: string): string {
  return isPlace(place) ? place : resolve(place)
}

function openPlace(place: string): ObjectStore {
  const pause = (): Promise<void> => new Promise((done) => void setImmediate(done))
  return openSavepointStore(place, { disk: nodeDisk, clock: systemClock, pause })
}

async function make(
  from: ObjectStore,
  savepoint: Savepoint,
  to: ObjectStore,
  options: RescaleOptions,
): Promise<RescaledSavepoint> {
  const { tasks, job = null, onProgress = () => {}, workDirectory = tmpdir() } = options
  const layout = rescaleLayout(savepoint, tasks, job)
  const nonce = uniqueId()
  const { id, files, bytes } = await rescaleSavepoint({
    disk: nodeDisk,
    from,
    savepoint,
    to,
    workDirectory: `${workDirectory}/tidemark-rescale-${nonce}`,
    layout,
    nonce,
    onProgress,
    failpoint: failpointFromEnvironment(),
  })
  return {
    savepoint: id,
    directory: to.where,
    tasks,
    from: { savepoint: savepoint.id, directory: from.where, tasks: savepoint.tasks.length },
    files,
    bytes,
    streams: layout.inputs.map(({ name, partitions }) => ({ name, ...partitions })),
  }
}
