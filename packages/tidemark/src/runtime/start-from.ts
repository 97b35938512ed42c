import type { ObjectStore } from '../checkpoint/object-store.ts'
import { openSavepointStore } from '../checkpoint/open-store.ts'
import {
  type Lineage,
  type LineageFile,
  lineageStream,
  parseTaskProducer,
  plannedStream,
  readLineage,
  taskProducer,
  writeLineage,
} from '../checkpoint/lineage.ts'
import {
  readSavepoint,
  type Savepoint,
  type SavepointSource,
  type SavepointTask,
} from '../checkpoint/savepoint-format.ts'
import {
  checkSavepointFiles,
  installTask,
  mismatch,
  type RestoreFailpoint,
  restoredRecord,
} from '../checkpoint/savepoint-restore.ts'
import { encodeCheckpoint } from '../checkpoint/record.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { importFiles } from '../engines/import-files.ts'
import { type EngineChoice, keptInFiles, shadowDirectory } from '../engines/placement.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import type { LogHost } from '../log/embedded/log-host.ts'
import { ThreadLogPort } from '../log/embedded/thread-log-port.ts'
import type { CommitResult, StreamInfo } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { stateDirectory } from './state-directory.ts'

export interface LineageOptions {
  readonly job: string
  /** The directory of a savepoint to start from. */
  readonly from: string | null
  readonly host: LogHost
  readonly disk: Disk
  readonly clock: Clock
  /** What the run would be with these streams, in a lineage, and the engines that keep its stores. */
  readonly planFor: (
    existing: readonly StreamInfo[],
    lineage: number,
  ) => { readonly planned: Plan; readonly choice: EngineChoice }
  /** Checkpoints are kept of engines too that need a shadow for it. */
  readonly shadow: boolean
  /** Makes a name that is unique in the world. */
  readonly newId: () => string
  readonly failpoint: (name: RestoreFailpoint) => void
  readonly onWarning: (text: string) => void
}

/**
 * Finds out which history a run goes on with: that of the data directory, or, with `from`, a new one that begins at a
 * savepoint. A start from a savepoint is all or nothing: one write makes the new lineage the current one; after a crash
 * before it the directory is as it was, or, if it was new, refuses to run without `from` (C8).
 *
 * ERR_SAVEPOINT_NOT_FOUND, ERR_SAVEPOINT_MISMATCH, ERR_SAVEPOINT_INCOMPLETE, ERR_CHECKPOINT_CORRUPT, ERR_FORMAT_NEWER.
 */
export async function chooseLineage(options: LineageOptions): Promise<Lineage> {
  const { from, host, disk, clock, newId } = options
  const file = readLineage(disk, host.directory)
  if (from !== null) {
    const start = new StartFrom(options, from, file)
    return start.run().finally(() => start.close())
  }
  if (file === null) {
    const first: Lineage = { id: newId(), number: 1, from: null, atMs: clock.now() }
    writeLineage(disk, host.directory, { dataId: newId(), current: first, pending: null, older: [] })
    return first
  }
  if (file.current !== null) return file.current
  throw new TidemarkError(
    'ERR_SAVEPOINT_INCOMPLETE',
    `the start of ${host.directory} from savepoint ${file.pending?.from?.savepoint ?? '?'} was cut off: run again with --from and its directory.`,
    { details: { directory: host.directory } },
  )
}

/** One start from a savepoint. */
class StartFrom {
  readonly #options: LineageOptions
  readonly #blobs: ObjectStore
  readonly #file: LineageFile | null
  readonly #from: string
  /** Which engine keeps what. */
  #choice: EngineChoice = { engine: 'lsm', stores: {} }

  constructor(options: LineageOptions, from: string, file: LineageFile | null) {
    const { disk } = options
    this.#options = options
    this.#from = from
    this.#blobs = openSavepointStore(from, {
      disk,
      clock: options.clock,
      pause: () => new Promise((resolve) => setImmediate(resolve)),
    })
    this.#file = file
  }

  async run(): Promise<Lineage> {
    const { disk, host, clock, newId, failpoint, onWarning } = this.#options
    const savepoint = await readSavepoint(this.#blobs)
    this.#checkJob(savepoint)
    const current = this.#file?.current ?? null
    if (current?.from?.savepoint === savepoint.id && current.from.lineage === savepoint.lineage.id) {
      onWarning(`${host.directory} has started from savepoint ${savepoint.id} before, and goes on from where it is`)
      return current
    }
    await checkSavepointFiles(this.#blobs, savepoint)
    const home = current !== null && savepoint.lineage.dataId === this.#file?.dataId
    if (home) await this.#checkHome(savepoint)
    else await this.#checkUnused(savepoint)
    const older = this.#file?.older ?? []
    const number = home ? 1 + Math.max(current.number, ...older.map((each) => each.number)) : 1
    await this.#checkPlan(savepoint, number)
    const origin = { savepoint: savepoint.id, lineage: savepoint.lineage.id }
    const next: Lineage = { id: newId(), number, from: origin, atMs: clock.now() }
    const dataId = this.#file?.dataId ?? newId()
    failpoint('restore-before-pending')
    writeLineage(disk, host.directory, { dataId, current, pending: next, older })
    failpoint('restore-after-pending')
    await this.#install(savepoint, number, home)
    failpoint('restore-before-lineage')
    const left = current === null ? older : [...older, current]
    writeLineage(disk, host.directory, { dataId, current: next, pending: null, older: left })
    failpoint('restore-after-lineage')
    return next
  }

  close(): void {
    this.#blobs.close()
  }

  #checkJob(savepoint: Savepoint): void {
    const { job } = this.#options
    if (savepoint.job === job) return
    throw mismatch(savepoint, `this is job ${job}. A savepoint starts the job that it is of`)
  }

  /** Each key must come to the task that has its state. */
  async #checkPlan(savepoint: Savepoint, lineage: number): Promise<void> {
    const { host, planFor } = this.#options
    const there = await host.streams()
    const names = new Set(there.map(({ name }) => name))
    const coming = savepoint.streams
      .filter(({ kind, name }) => kind === 'user' && !names.has(name))
      .map((stream): StreamInfo => ({ ...stream, id: -1, slot: -1 }))
    const { planned, choice } = planFor([...there, ...coming], lineage)
    const partitions = new Map(savepoint.streams.map((stream) => [stream.name, stream.partitions]))
    for (const { name, partitions: count } of [...planned.inputs, ...planned.intermediates]) {
      const before = partitions.get(plannedStream(name)) ?? count
      if (count === before) continue
      throw mismatch(savepoint, `stream ${name} has ${before} partitions in it, and would have ${count} now`)
    }
    if (planned.tasks !== savepoint.tasks.length) {
      throw mismatch(savepoint, `it has ${savepoint.tasks.length} tasks, and the job would have ${planned.tasks} now`)
    }
    this.#choice = choice
  }

  /**
   * Where the job has run, its source streams have the partitions that they had, and may hold records behind the cut: for
   * these the savepoint has the state of no task.
   */
  async #checkHome(savepoint: Savepoint): Promise<void> {
    const { host } = this.#options
    const there = await host.streams()
    const other = savepoint.streams.find(({ kind, name, partitions }) => {
      const stream = there.find((each) => each.name === name)
      return kind === 'user' && stream !== undefined && stream.partitions !== partitions
    })
    if (savepoint.rescaled === undefined || other === undefined) return
    let behind = ''
    for (const [name, cut] of Object.entries(savepoint.rescaled.cut)) {
      const stream = there.find((each) => each.name === name)
      if (stream === undefined) continue
      const left = cut.map((offset, partition) => host.offsets.end(stream.slot + partition) - offset)
      const records = left.reduce((sum, count) => sum + Math.max(0, count), 0)
      if (records > 0)
        behind += ` Behind its cut, ${name} has ${records} records here (from offsets ${cut.join(', ')}).`
    }
    const was = there.find((each) => each.name === other.name)?.partitions
    throw mismatch(
      savepoint,
      `it was made for ${savepoint.tasks.length} tasks, and the streams of ${host.directory} keep the partitions that they have ` +
        `(${other.name}: ${was}, not ${other.partitions}). Start it in a new data directory: --data-dir. Files are read on there ` +
        `from the cut.${behind}${behind === '' ? '' : ' What of these came from no file is copied there by tidemark streams read and write: see docs/guide/checkpoints.md'}`,
    )
  }

  /** A savepoint of another data directory starts one that the job has not run on. */
  async #checkUnused(savepoint: Savepoint): Promise<void> {
    const { host } = this.#options
    const cutOff = this.#file !== null && this.#file.current === null
    if (cutOff) return
    const producers = await host.producers()
    const used = producers.some(({ producer, id }) => id > 0 && parseTaskProducer(producer) !== null)
    if (!used) return
    throw mismatch(
      savepoint,
      `${host.directory} has a history of its own, which this savepoint is not of. Start it in a new data directory`,
    )
  }

  async #install(savepoint: Savepoint, lineage: number, home: boolean): Promise<void> {
    const { host, failpoint } = this.#options
    if (!home) for (const spec of savepoint.streams) if (spec.kind === 'user') await host.createStream(spec)
    const streams = new Map((await host.streams()).map((stream) => [stream.name, stream]))
    failpoint('restore-after-streams')
    const port = new ThreadLogPort(host.port())
    try {
      for (const task of savepoint.tasks) {
        if (task.checkpointId > 0) await this.#installTask(savepoint, task, { lineage, home, streams, port })
        failpoint('restore-after-task')
      }
      // At home the sources have gone on since, and what they gave is in the streams.
      if (!home) for (const source of savepoint.sources) await this.#seedSource(source, port)
      failpoint('restore-after-sources')
    } finally {
      port.close()
    }
  }

  async #installTask(savepoint: Savepoint, task: SavepointTask, to: Target): Promise<void> {
    const { host, job, failpoint } = this.#options
    const { lineage, port } = to
    const meta = JSON.stringify({
      job,
      task: task.task,
      tasks: savepoint.tasks.length,
      stores: savepoint.stores,
      planHash: savepoint.planHash,
      engine: this.#choice.engine,
    })
    const { producer, epoch, id } = await host.claim(taskProducer(job, lineage, task.task), meta)
    const next = id + 1
    await this.#installState(task, stateDirectory(host.directory, task.task, lineage), next)
    failpoint('restore-after-files')
    const record = restoredRecord(task.record, next, {
      streamName: (name) => (isIntermediate(savepoint, name) ? lineageStream(name, lineage) : name),
      position: (name, atCut) => this.#position(savepoint, name, task.task, atCut, to),
    })
    await this.#commit(port, { producer, epoch, id: next, checkpoint: encodeCheckpoint(record) })
  }

  /** Puts a task's state where the job's engines have it: as sorted files, or through these into other engines. */
  async #installState(task: SavepointTask, directory: string, id: number): Promise<void> {
    const { disk, failpoint, shadow } = this.#options
    const choice = this.#choice
    // What an attempt that was cut off has left, whatever engines that was for.
    disk.host?.removeTree(directory)
    const stores = Object.keys(choice.stores)
    if (keptInFiles(choice, stores)) return installTask(this.#blobs, task, disk, directory, id)
    const from = `${directory}/${IMPORTING}`
    await installTask(this.#blobs, task, disk, from, id)
    const cache = new BlockCache({ capacityBytes: IMPORT_CACHE_BYTES })
    const onBatch = (): void => failpoint('restore-after-batch')
    await importFiles({ disk, from, directory, cache, choice, stores, id, onBatch })
    // The shadow of these engines, if they are to have one.
    if (shadow) disk.rename(from, shadowDirectory(directory))
    else disk.host?.removeTree(from)
    disk.syncDirectory(directory)
  }

  /** Where an input begins: at home where it was at the cut, else at the beginning of a stream that is new. */
  #position(savepoint: Savepoint, name: string, task: number, atCut: number, to: Target): number {
    const { offsets } = this.#options.host
    const stream = to.streams.get(name)
    if (stream === undefined || isIntermediate(savepoint, name)) return 0
    const start = offsets.start(stream.slot + task)
    if (!to.home) return start
    if (atCut >= start) return atCut
    throw mismatch(
      savepoint,
      `stream ${name}, partition ${task}, begins at offset ${start} now, and the savepoint goes on at ${atCut}: the records between are gone`,
    )
  }

  async #seedSource(source: SavepointSource, port: ThreadLogPort): Promise<void> {
    const { host } = this.#options
    const { producer, epoch, id } = await host.claim(source.producer, source.meta)
    await this.#commit(port, { producer, epoch, id: id + 1, checkpoint: new TextEncoder().encode(source.position) })
  }

  async #commit(
    port: ThreadLogPort,
    what: { readonly producer: string; readonly epoch: number; readonly id: number; readonly checkpoint: Uint8Array },
  ): Promise<void> {
    const result = await new Promise<CommitResult>((done) => port.commit({ ...what, appends: [], delta: null }, done))
    if (result.outcome === 'committed') return
    if (result.error !== null) throw fromWireError(result.error)
    throw new TidemarkError('ERR_FENCED', `another run starts from ${this.#from} in the same data directory`)
  }
}

/** Below a state directory: the sorted files that are imported into other engines. */
const IMPORTING = 'importing'
const IMPORT_CACHE_BYTES = 1024 * 1024

interface Target {
  readonly lineage: number
  readonly home: boolean
  readonly streams: ReadonlyMap<string, StreamInfo>
  readonly port: ThreadLogPort
}

/** By the plan's name. */
function isIntermediate(savepoint: Savepoint, name: string): boolean {
  return savepoint.streams.some((stream) => stream.kind === 'intermediate' && stream.name === name)
}
