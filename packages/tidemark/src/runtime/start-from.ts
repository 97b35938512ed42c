import type { RestoreStatus } from '../api/app.ts'
import type { ObjectStore } from '../checkpoint/object-store.ts'
import { openSavepointStore } from '../checkpoint/open-store.ts'
import {
  type KeyedPartitions,
  type Lineage,
  type LineageFile,
  type LineageOrigin,
  type Lineages,
  lineageStream,
  parseTaskProducer,
  plannedStream,
  taskProducer,
} from '../checkpoint/lineage.ts'
import { type HomeStream, homeRecords } from '../checkpoint/rescale-home.ts'
import { readSavepoint, type Savepoint, type SavepointTask } from '../checkpoint/savepoint-format.ts'
import {
  checkSavepointFiles,
  mismatch,
  type RestoreFailpoint,
  restoredRecord,
} from '../checkpoint/savepoint-restore.ts'
import { type CheckpointRecord, encodeCheckpoint } from '../checkpoint/record.ts'
import { installLoaded, type LoadedTask, loadTasks } from '../checkpoint/savepoint-load.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { importFiles } from '../engines/import-files.ts'
import { type EngineChoice, keptInFiles, shadowDirectory } from '../engines/placement.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import type { CommitResult, LogPort, ProducerState, StreamInfo, SystemHost, Transaction } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { isFileName } from '../lsm/manifest.ts'
import { isStateSource } from '../store/state-source.ts'
import { deltasOf } from './state-deltas.ts'
import { producersOf } from './job-plan.ts'
import { RestoreLog } from './restore-log.ts'
import { stateDirectory } from './state-directory.ts'

export interface LineageOptions {
  readonly job: string
  /** The directory of a savepoint to start from. */
  readonly from: string | null
  readonly host: SystemHost
  readonly lineages: Lineages
  readonly disk: Disk
  readonly clock: Clock
  /** What the run would be with these streams, in a lineage, and the engines that keep its stores. */
  readonly planFor: (
    existing: readonly StreamInfo[],
    lineage: number,
    keyed: KeyedPartitions | undefined,
  ) => { readonly planned: Plan; readonly choice: EngineChoice }
  /** Checkpoints are kept of engines too that need a shadow for it. */
  readonly shadow: boolean
  /** Makes a name that is unique in the world. */
  readonly newId: () => string
  readonly failpoint: (name: RestoreFailpoint) => void
  readonly onWarning: (text: string) => void
  /** See `RunOptions`. */
  readonly onRestore: ((status: RestoreStatus) => void) | undefined
  /** What was put into the directory; null when the savepoint has no state. */
  readonly onRestored: (status: RestoreStatus | null) => void
}

/**
 * Finds out which history a run goes on with: that of the data directory, or, with `from`, a new one that begins at a
 * savepoint. A start from a savepoint is all or nothing: one write makes the new lineage the current one; after a crash
 * before it the directory is as it was, or, if it was new, refuses to run without `from` (C8).
 *
 * ERR_SAVEPOINT_NOT_FOUND, ERR_SAVEPOINT_MISMATCH, ERR_SAVEPOINT_INCOMPLETE, ERR_CHECKPOINT_CORRUPT, ERR_FORMAT_NEWER.
 */
export async function chooseLineage(options: LineageOptions): Promise<Lineage> {
  const { from, host, lineages, clock, newId } = options
  const file = await lineages.read()
  if (from !== null) {
    const start = new StartFrom(options, from, file)
    return start.run().finally(() => start.close())
  }
  if (file === null) {
    const first: Lineage = { id: newId(), number: 1, from: null, atMs: clock.now() }
    await lineages.write({ dataId: newId(), current: first, pending: null, older: [] })
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
      pause,
    })
    this.#file = file
  }

  async run(): Promise<Lineage> {
    const { host, lineages, clock, newId, failpoint, onWarning } = this.#options
    const savepoint = await readSavepoint(this.#blobs)
    this.#checkJob(savepoint)
    const current = this.#file?.current ?? null
    const origin = { savepoint: savepoint.id, lineage: savepoint.lineage.id }
    if (current !== null && isSameOrigin(current.from, origin)) {
      onWarning(`${this.#place} has started from savepoint ${savepoint.id} before, and goes on from where it is`)
      return current
    }
    await checkSavepointFiles(this.#blobs, savepoint)
    const dataId = lineages.dataId ?? this.#file?.dataId ?? newId()
    const home = (current !== null || this.#isExternal) && savepoint.lineage.dataId === dataId
    if (!home) await this.#checkUnused(savepoint)
    const older = [...(this.#file?.older ?? []), ...this.#abandoned(origin)]
    const number = this.#nextNumber(origin, home)
    const keyed = keyedPartitions(savepoint, home)
    await host.refresh?.()
    const planned = await this.#checkPlan(savepoint, { lineage: number, home, keyed })
    const next: Lineage = { id: newId(), number, from: origin, atMs: clock.now(), keyed }
    failpoint('restore-before-pending')
    await lineages.write({ dataId, current, pending: next, older })
    failpoint('restore-after-pending')
    if (current !== null) await lineages.fence?.(current.number)
    await this.#install(savepoint, planned, number, home)
    failpoint('restore-before-lineage')
    const left = current === null ? older : [...older, current]
    await lineages.write({ dataId, current: next, pending: null, older: left })
    failpoint('restore-after-lineage')
    return next
  }

  /** Streams are outside of the data directory: they may be there, with records, before the job's first run. */
  get #isExternal(): boolean {
    return this.#options.lineages.dataId !== undefined
  }

  /** What a savepoint starts, for people. */
  get #place(): string {
    const { host, job } = this.#options
    return this.#isExternal ? `job ${job} on its brokers` : host.directory
  }

  /** A start from another savepoint that was cut off may have left something under its number: it is given up, to be dropped. */
  #abandoned(origin: LineageOrigin): Lineage[] {
    const pending = this.#file?.pending ?? null
    return this.#isExternal && pending !== null && !isSameOrigin(pending.from, origin) ? [pending] : []
  }

  #nextNumber(origin: LineageOrigin, home: boolean): number {
    const { current = null, older = [], pending = null } = this.#file ?? {}
    if (!this.#isExternal) return home ? 1 + Math.max(...[current, ...older].map((each) => each?.number ?? 0)) : 1
    if (pending !== null && isSameOrigin(pending.from, origin)) return pending.number
    return 1 + Math.max(0, ...[current, pending, ...older].map((each) => each?.number ?? 0))
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
  async #checkPlan(
    savepoint: Savepoint,
    to: { readonly lineage: number; readonly home: boolean; readonly keyed: KeyedPartitions | undefined },
  ): Promise<Plan> {
    const { host, planFor } = this.#options
    const { rescaled } = savepoint
    const there = await host.streams()
    const names = new Set(there.map(({ name }) => name))
    const coming = savepoint.streams
      .filter(({ kind, name }) => kind === 'user' && !names.has(name))
      .map((stream): StreamInfo => ({ ...stream, id: -1, slot: -1 }))
    const { planned, choice } = planFor([...there, ...coming], to.lineage, to.keyed)
    const partitions = new Map(savepoint.streams.map((stream) => [stream.name, stream.partitions]))
    // Where the job has run, source streams are as they were before the savepoint was rescaled.
    if (to.home) for (const [name, cut] of Object.entries(rescaled?.cut ?? {})) partitions.set(name, cut.length)
    for (const { name, partitions: count } of [...planned.inputs, ...planned.intermediates]) {
      const before = partitions.get(plannedStream(name)) ?? count
      if (count === before) continue
      throw mismatch(savepoint, `stream ${name} has ${before} partitions in it, and would have ${count} now`)
    }
    const most = to.keyed === undefined ? [] : planned.inputs.map((input) => input.partitions)
    if (planned.tasks !== Math.max(savepoint.tasks.length, ...most)) {
      throw mismatch(savepoint, `it has ${savepoint.tasks.length} tasks, and the job would have ${planned.tasks} now`)
    }
    this.#choice = choice
    return planned
  }

  /** A savepoint of another data directory starts one that the job has not run on. */
  async #checkUnused(savepoint: Savepoint): Promise<void> {
    const { host, job } = this.#options
    if (this.#file?.current === null) return
    if (this.#isExternal) {
      if (this.#file === null) return
      throw mismatch(
        savepoint,
        `${this.#place} has a history of its own, which this savepoint is not of. Start it on brokers where the job has not ` +
          `run, or remove that history first: tidemark reset ${job}`,
      )
    }
    const producers = await host.producers()
    const used = producers.some(({ producer, id }) => id > 0 && parseTaskProducer(producer) !== null)
    if (!used) return
    throw mismatch(
      savepoint,
      `${host.directory} has a history of its own, which this savepoint is not of. Start it in a new data directory`,
    )
  }

  async #install(savepoint: Savepoint, planned: Plan, lineage: number, home: boolean): Promise<void> {
    const { host, failpoint } = this.#options
    if (!home) for (const spec of savepoint.streams) if (spec.kind === 'user') await host.createStream(spec)
    const streams = new Map((await host.streams()).map((stream) => [stream.name, stream]))
    failpoint('restore-after-streams')
    const tasks = home ? homeTasks(savepoint, planned) : savepoint.tasks
    const between = new Set(planned.intermediates.map(({ name }) => plannedStream(name)))
    for (const { name, kind } of savepoint.streams) if (kind === 'intermediate') between.add(name)
    const to = { lineage, home, streams, between, tasks: planned.tasks }
    const begun = tasks.filter(({ checkpointId }) => checkpointId > 0)
    // Before anything is claimed: a position that is not there any more ends the start.
    const records = begun.map((task) => this.#recordOf(savepoint, task, to))
    const owners: ProducerState[] = []
    for (const { task } of begun) owners.push(await this.#claim(savepoint, task, to))
    // At home the sources have gone on since, and what they gave is in the streams.
    const sources = home ? [] : savepoint.sources
    const feeds: ProducerState[] = []
    for (const { producer, meta } of sources) feeds.push(await host.claim(producer, meta))
    // A system that keeps state has removed by now what it did not know here.
    const loaded = await this.#load(
      tasks.filter(({ checkpointId, task }) => checkpointId > 0 && task < savepoint.tasks.length),
      lineage,
    )
    const port = await host.openPort([...owners, ...feeds].map(({ producer }) => producer))
    try {
      for (const [i, task] of begun.entries()) {
        const files = loaded.find((each) => each.task === task)
        await this.#installTask(owners[i] as ProducerState, files, records[i] as CheckpointRecord, lineage, port)
        failpoint('restore-after-task')
      }
      for (const [i, { position }] of sources.entries()) {
        const { producer, epoch, id } = feeds[i] as ProducerState
        const checkpoint = new TextEncoder().encode(position)
        await this.#commit(port, { producer, epoch, id: id + 1, delta: null, checkpoint })
      }
      failpoint('restore-after-sources')
    } finally {
      port.close()
    }
  }

  /** Fetches the files of all tasks that have state, beside what is to become their state. */
  async #load(withState: readonly SavepointTask[], lineage: number): Promise<LoadedTask[]> {
    const { disk, failpoint, host, onRestored } = this.#options
    const log = new RestoreLog({
      from: this.#from,
      nowMs: () => this.#options.clock.monotonicMs(),
      say: this.#options.onWarning,
      onStatus: this.#options.onRestore,
    })
    const tasks = withState.map((task) => ({ task, directory: stateDirectory(host.directory, task.task, lineage) }))
    for (const { task, directory } of tasks) {
      log.begin(
        task.task,
        task.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      )
      this.#clear(directory)
    }
    const loaded = await loadTasks({
      blobs: this.#blobs,
      disk,
      tasks: tasks.map(({ task, directory }) => ({
        task,
        directory: this.#inFiles ? directory : importingIn(directory),
      })),
      pause,
      onBytes: (task, bytes, isNew) => log.add(task, bytes, isNew),
      onFile: () => failpoint('restore-after-file'),
    })
    for (const { task } of tasks) log.end(task.task)
    onRestored(log.status())
    return loaded
  }

  /** True if the job's engines have state as sorted files, as a savepoint does. */
  get #inFiles(): boolean {
    return keptInFiles(this.#choice, Object.keys(this.#choice.stores))
  }

  /** Removes what an attempt that was cut off has left, whatever engines that was for, but for the files that it fetched. */
  #clear(directory: string): void {
    const { disk } = this.#options
    for (const name of disk.list(directory)) {
      if (this.#inFiles ? isFileName(name) : name === IMPORTING) continue
      disk.host?.removeTree(`${directory}/${name}`)
    }
  }

  #claim(savepoint: Savepoint, task: number, to: Target): Promise<ProducerState> {
    const { host, job } = this.#options
    const meta = JSON.stringify({
      job,
      task,
      tasks: to.tasks,
      stores: savepoint.stores,
      planHash: savepoint.planHash,
      engine: this.#choice.engine,
    })
    return host.claim(taskProducer(job, to.lineage, task), meta)
  }

  /** Where a task begins; its state is not of any checkpoint yet. */
  #recordOf(savepoint: Savepoint, { task, record }: SavepointTask, to: Target): CheckpointRecord {
    return restoredRecord(record, 0, {
      streamName: (name) => (to.between.has(name) ? lineageStream(name, to.lineage) : name),
      position: (name, atCut) => this.#position(savepoint, name, task, atCut, to),
    })
  }

  async #installTask(
    owner: ProducerState,
    loaded: LoadedTask | undefined,
    record: CheckpointRecord,
    lineage: number,
    port: LogPort,
  ): Promise<void> {
    const { disk, host, failpoint } = this.#options
    const { producer, epoch } = owner
    const task = (parseTaskProducer(producer) as { task: number }).task
    const directory = stateDirectory(host.directory, task, lineage)
    const withDelta = (lastDeltaId: number): Uint8Array => encodeCheckpoint({ ...record, lastDeltaId })
    let id = owner.id + 1
    if (loaded === undefined) {
      // One that has only source streams, because the state is of fewer tasks, begins without state.
      disk.host?.removeTree(directory)
      failpoint('restore-after-files')
      return this.#commit(port, { producer, epoch, id, delta: null, checkpoint: withDelta(0) })
    }
    if (!isStateSource(port)) {
      await this.#installState(loaded, directory, id)
      failpoint('restore-after-files')
      return this.#commit(port, { producer, epoch, id, delta: null, checkpoint: withDelta(id) })
    }
    // The system keeps the state: all of it goes there, and files here are a copy.
    let lastDeltaId = 0
    installLoaded(disk, loaded, id)
    for (const delta of deltasOf({ disk, directory: loaded.directory, firstId: id })) {
      id = lastDeltaId = delta.id
      await this.#commit(port, { producer, epoch, id, delta: delta.bytes, checkpoint: withDelta(id) })
      failpoint('restore-after-batch')
    }
    if (lastDeltaId === 0) await this.#commit(port, { producer, epoch, id, delta: null, checkpoint: withDelta(0) })
    await this.#installState(loaded, directory, id)
    failpoint('restore-after-files')
    port.flushed(producer, id)
  }

  /** Puts a task's state where the job's engines have it: as sorted files, or through these into other engines. */
  async #installState(loaded: LoadedTask, directory: string, id: number): Promise<void> {
    const { disk, failpoint, shadow } = this.#options
    const choice = this.#choice
    installLoaded(disk, loaded, id)
    if (this.#inFiles) return
    const from = importingIn(directory)
    const stores = Object.keys(choice.stores)
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
    if (stream === undefined || to.between.has(name)) return 0
    const start = offsets.start(stream.slot + task)
    const end = offsets.end(stream.slot + task)
    if (!to.home) {
      if (!this.#isExternal || start === end) return start
      throw mismatch(
        savepoint,
        `it was not taken here, so that its offsets are not those of topic ${name}, which has records in partition ${task} ` +
          `(offsets ${start} to ${end}): nobody can tell which of them it has processed. Start it where that topic is empty`,
      )
    }
    if (atCut > end) {
      throw mismatch(
        savepoint,
        `stream ${name}, partition ${task}, ends at offset ${end} now, and the savepoint goes on at ${atCut}: it is not the ` +
          'stream that the savepoint was taken of. Was it made anew?',
      )
    }
    if (atCut >= start) return atCut
    throw mismatch(
      savepoint,
      `stream ${name}, partition ${task}, begins at offset ${start} now, and the savepoint goes on at ${atCut}: the records between are gone`,
    )
  }

  async #commit(port: LogPort, what: Omit<Transaction, 'appends'>): Promise<void> {
    const result = await new Promise<CommitResult>((done) => port.commit({ ...what, appends: [] }, done))
    if (result.outcome === 'committed') return
    if (result.error !== null) throw fromWireError(result.error)
    throw new TidemarkError('ERR_FENCED', `another run has taken the tasks of ${this.#place} over`)
  }
}

/** Below a state directory: the sorted files that are imported into other engines. */
const IMPORTING = 'importing'

function importingIn(directory: string): string {
  return `${directory}/${IMPORTING}`
}

function isSameOrigin(one: LineageOrigin | null, other: LineageOrigin): boolean {
  return one?.savepoint === other.savepoint && one.lineage === other.lineage
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const IMPORT_CACHE_BYTES = 1024 * 1024

interface Target {
  readonly lineage: number
  readonly home: boolean
  readonly streams: ReadonlyMap<string, StreamInfo>
  /** Intermediate streams, by the plan's names. */
  readonly between: ReadonlySet<string>
  /** How many the job has. */
  readonly tasks: number
}

/**
 * Where the job has run, its source streams keep their partitions: state of another number of tasks is reached through
 * repartitions there. So it is, too, for whoever starts from a savepoint of such a lineage.
 */
function keyedPartitions({ rescaled, tasks, lineage }: Savepoint, home: boolean): KeyedPartitions | undefined {
  if (rescaled === undefined) return lineage.keyed
  if (!home) return undefined
  const before = Math.max(1, ...Object.values(rescaled.cut).map((cut) => cut.length))
  return before === tasks.length ? undefined : { before, after: tasks.length }
}

/** The tasks as they begin where the job has run. */
function homeTasks(savepoint: Savepoint, planned: Plan): SavepointTask[] {
  const { rescaled, tasks } = savepoint
  if (rescaled === undefined) return [...tasks]
  const own = new Map([...planned.inputs, ...planned.intermediates].map((stream) => [stream.name, stream]))
  const streams = [...own.values()].map(({ name, partitions }): HomeStream => {
    const node = planned.topology.nodes.find((each) => each.op === 'repartition' && each.stream.name === name)
    const producers = node === undefined ? null : producersOf(planned, name, own)
    const from = node?.op === 'repartition' && node.whole === true ? planned.topology.nodes[node.input] : undefined
    const behind = from?.op === 'source' ? from.stream.name : null
    return { name: plannedStream(name), partitions, producers, behind }
  })
  const id = Math.max(...tasks.map(({ checkpointId }) => checkpointId))
  return homeRecords(tasks, rescaled, streams).map((record, task) => ({
    task,
    checkpointId: id,
    record,
    files: tasks[task]?.files ?? [],
  }))
}
