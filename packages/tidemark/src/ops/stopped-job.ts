import { openSavepointStore } from '../checkpoint/open-store.ts'
import { checkpointName } from '../checkpoint/checkpoint-name.ts'
import { lineageNumber, lineageStream, plannedStream, readLineage, taskStateName } from '../checkpoint/lineage.ts'
import { type CheckpointRecord, clockOf, decodeCheckpoint } from '../checkpoint/record.ts'
import { keeperOf, Retainer } from '../checkpoint/retainer.ts'
import { keptState } from '../checkpoint/kept-state.ts'
import { type SavepointPart, writeSavepoint } from '../checkpoint/savepoint-write.ts'
import type { CheckpointInfo, SavepointInfo } from '../api/app.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { openTaskBase } from '../engines/open-task-base.ts'
import { TidemarkError } from '../errors/error.ts'
import { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import { readFormat } from '../log/embedded/format-file.ts'
import type { ProducerState, StreamInfo } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { EMPTY_MANIFEST } from '../lsm/manifest.ts'
import { runWaiting } from '../lsm/open-files.ts'
import { describeSavepoint } from '../runtime/savepoint-leader.ts'
import { type TaskMeta, taskMeta } from '../runtime/task-meta.ts'
import { openTaskState } from '../store/open.ts'
import { storeOf } from '../store/generations.ts'
import type { Base, StoreDescriptor, TaskState } from '../store/types.ts'
import { dropStore } from './drop-store.ts'
import { streamsElsewhere } from './data-dir.ts'
import { suggestion } from './nearest.ts'
import { isCopy } from './state-view.ts'

export interface StoppedJobOptions {
  readonly disk: Disk
  readonly dataDir: string
  readonly clock: Clock
  /** False only where no other process can reach the disk (a MemDisk). Default true. */
  readonly lock?: boolean
}

interface StoppedTask {
  readonly producer: ProducerState
  readonly meta: TaskMeta
  readonly directory: string
  readonly record: CheckpointRecord
  readonly base: Base
  readonly state: TaskState
  readonly retainer: Retainer
}

const CACHE_BYTES = 1024 * 1024

/**
 * The data directory of a job that does not run, opened as its owner: keeps, deletes and exports checkpoints. Close it
 * after use. Opening throws ERR_NOT_A_DATA_DIR, ERR_DATA_DIR_LOCKED when something runs on it, and what the log and the
 * state throw.
 */
export class StoppedJob {
  readonly #options: StoppedJobOptions
  readonly #log: EmbeddedLog
  readonly #tasks: StoppedTask[] = []

  private constructor(options: StoppedJobOptions, log: EmbeddedLog) {
    this.#options = options
    this.#log = log
  }

  static async open(options: StoppedJobOptions): Promise<StoppedJob> {
    const { disk, dataDir, clock, lock } = options
    if (isCopy(disk, dataDir)) throw streamsElsewhere(dataDir)
    if (!disk.exists(dataDir) || readFormat(disk, dataDir) === null) {
      throw new TidemarkError('ERR_NOT_A_DATA_DIR', `${dataDir} holds no data of Tidemark. Check the path.`, {
        details: { directory: dataDir },
      })
    }
    const log = EmbeddedLog.open({
      disk,
      directory: dataDir,
      job: null,
      clock,
      ...(lock === undefined ? {} : { lock }),
    })
    const job = new StoppedJob(options, log)
    try {
      await job.#openTasks()
      return job
    } catch (error) {
      job.close()
      throw error
    }
  }

  async #openTasks(): Promise<void> {
    const { disk, dataDir } = this.#options
    const lineage = lineageNumber(readLineage(disk, dataDir))
    for (const producer of this.#log.producers()) {
      const meta = taskMeta(producer)
      if (meta === null || meta.lineage !== lineage) continue
      // Tasks that an older plan had.
      if (meta.task < meta.tasks) this.#tasks.push(await this.#openTask(producer, meta))
    }
    this.#tasks.sort((a, b) => a.meta.task - b.meta.task)
  }

  async #openTask(producer: ProducerState, meta: TaskMeta): Promise<StoppedTask> {
    const { disk, dataDir, clock } = this.#options
    const directory = `${dataDir}/state/${taskStateName(meta.lineage, meta.task)}`
    const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
    const choice = { engine: meta.engine, stores: {} }
    const base = await openTaskBase({ disk, directory, cache, choice, stores: [], shadow: 'as-it-is' })
    try {
      const record = producer.id === 0 ? NOTHING : decodeCheckpoint(producer.checkpoint, producer.producer)
      const state = openTaskState({
        task: producer.producer,
        // Stores that nobody declares pass through, as bytes with the description that they were written with.
        specs: [],
        base,
        deltas: this.#log.deltas(producer.producer, producer.flushedId),
        id: producer.id,
        lastDeltaId: record.lastDeltaId,
        clock: clockOf(record),
      })
      const retainer = new Retainer({
        task: producer.producer,
        disk,
        ...keeperOf(directory, base),
        settings: { intervalMs: 1, policy: KEEP_ALL },
        now: () => clock.now(),
        id: producer.id,
        record: producer.checkpoint,
        failpoint: () => {},
      })
      return { producer, meta, directory, record, base, state, retainer }
    } catch (error) {
      base.close()
      throw error
    }
  }

  /** Keeps the newest checkpoint of every task until it is deleted. */
  async checkpoint(): Promise<CheckpointInfo> {
    const atMs = this.#options.clock.now()
    const checkpoint = checkpointName(atMs)
    const tasks = []
    for (const task of this.#tasks)
      tasks.push({ task: task.meta.task, id: await this.#keep(task, checkpoint, 'manual') })
    return { checkpoint, atMs, tasks }
  }

  async #keep(task: StoppedTask, checkpoint: string, kind: 'manual' | 'savepoint'): Promise<number> {
    const { state, retainer, producer } = task
    const kept = Promise.withResolvers<number>()
    retainer.ask({ checkpoint, kind, done: ({ id }) => kept.resolve(id) })
    retainer.froze(producer.id)
    await runWaiting(
      retainer.steps(function* () {
        yield* state.flush()
        return state.flushedId
      }),
    )
    if (producer.id > 0) this.#log.flushed(producer.producer, state.flushedId)
    return kept.promise
  }

  /** Gives a checkpoint up in all tasks; false if there is none of this name. */
  release(checkpoint: string): boolean {
    const found = this.#tasks.map(({ retainer }) => retainer.release(checkpoint))
    return found.includes(true)
  }

  /**
   * Removes a store that the job does not declare any more from the state of every task; how many entries it had.
   * Retained checkpoints keep it. Cut off, it can be done again. ERR_STORE_IN_USE, ERR_UNKNOWN_STORE.
   */
  async drop(store: string): Promise<number> {
    const isDeclared = ({ name, renamedFrom }: StoreDescriptor): boolean => name === store || renamedFrom === store
    if (this.#tasks.some(({ meta }) => meta.stores.some(isDeclared))) {
      throw new TidemarkError(
        'ERR_STORE_IN_USE',
        `store "${store}" is the job's: take it out of the job, and run that once, before it is dropped`,
        { details: { store } },
      )
    }
    for (const { state } of this.#tasks) await runWaiting(state.flush())
    const names = new Set(this.#tasks.flatMap(({ base }) => base.descriptors.map(storeOf)))
    if (!names.has(store)) {
      const declared = new Set(this.#tasks.flatMap(({ meta }) => meta.stores.map(({ name }) => name)))
      const left = [...names].filter((name) => !declared.has(name) && !name.startsWith('$'))
      const there = left.length === 0 ? ' Every store there is belongs to the job.' : suggestion(store, left)
      throw new TidemarkError('ERR_UNKNOWN_STORE', `there is no store "${store}" to drop.${there}`, {
        details: { store },
      })
    }
    let entries = 0
    for (const { base } of this.#tasks) entries += await runWaiting(dropStore(base, store))
    return entries
  }

  /**
   * Writes a savepoint of the tasks as they stopped. ERR_SAVEPOINT_IN_FLIGHT when records wait in a stream that a task
   * reads: then they are no cut. ERR_SAVEPOINT_EXISTS.
   */
  async savepoint(to: string | null): Promise<SavepointInfo> {
    const { disk, dataDir, clock } = this.#options
    const job = this.#tasks.find(({ producer }) => producer.id > 0)?.meta.job
    if (job === undefined) {
      throw new TidemarkError(
        'ERR_CHECKPOINT_NOT_FOUND',
        `no task on ${dataDir} has committed anything yet: there is nothing to save`,
      )
    }
    this.#assertNothingWaits()
    const startedMs = clock.monotonicMs()
    const atMs = clock.now()
    const savepoint = checkpointName(atMs)
    const directory = to ?? `${dataDir}/savepoints/${savepoint}`
    const blobs = openSavepointStore(directory, { disk, clock })
    try {
      const parts: SavepointPart[] = []
      for (const task of this.#tasks) parts.push(await this.#part(task, savepoint))
      const written = await writeSavepoint(blobs, this.#describe(savepoint, atMs, job), parts, () => {})
      const pausedMs = Math.round(clock.monotonicMs() - startedMs)
      return { savepoint, directory, atMs, tasks: parts.length, ...written, pausedMs }
    } finally {
      blobs.close()
      this.release(savepoint)
    }
  }

  async #part(task: StoppedTask, savepoint: string): Promise<SavepointPart> {
    const { record, directory, meta } = task
    const checkpointId = await this.#keep(task, savepoint, 'savepoint')
    const { disk } = this.#options
    const kept = checkpointId === 0 ? { directory, manifest: EMPTY_MANIFEST } : keptState(disk, directory, checkpointId)
    return { task: meta.task, checkpointId, record, ...kept }
  }

  #describe(id: string, atMs: number, job: string): ReturnType<typeof describeSavepoint> {
    const { disk, dataDir } = this.#options
    const lineage = readLineage(disk, dataDir)
    const { planHash = '', stores = [] } = this.#tasks[0]?.meta ?? {}
    const number = lineageNumber(lineage)
    const mine = ({ kind, name }: StreamInfo): boolean =>
      kind === 'user' || name === lineageStream(plannedStream(name), number)
    return describeSavepoint({
      id,
      atMs,
      job,
      planHash,
      lineage: {
        id: lineage?.current?.id ?? '',
        number,
        dataId: lineage?.dataId ?? '',
        keyed: lineage?.current?.keyed,
      },
      stores,
      streams: this.#log.streams().filter(mine),
      producers: this.#log.producers(),
    })
  }

  #assertNothingWaits(): void {
    let waiting = 0
    let where = ''
    const inputs = new Set(this.#tasks.flatMap(({ record }) => Object.keys(record.inputs)))
    const { offsets } = this.#log
    for (const name of inputs) {
      const stream = this.#log.stream(name)
      if (stream === undefined) continue
      for (const { meta, record } of this.#tasks) {
        if (meta.task >= stream.partitions) continue
        const slot = stream.slot + meta.task
        const left = offsets.end(slot) - (record.inputs[name]?.position ?? offsets.start(slot))
        if (left <= 0) continue
        waiting += left
        where = name
      }
    }
    if (waiting === 0) return
    throw new TidemarkError(
      'ERR_SAVEPOINT_IN_FLIGHT',
      `${waiting} records wait in streams of the stopped job (some in ${where}), so that its tasks are no consistent cut. ` +
        'Name the job module, as in tidemark savepoint visits.job.ts: then it runs until nothing waits; or take the savepoint while it runs',
      { details: { waiting, stream: where } },
    )
  }

  close(): void {
    for (const { state } of this.#tasks) state.close()
    this.#log.close()
  }
}

const NOTHING: CheckpointRecord = { version: 1, atMs: 0, lastDeltaId: 0, inputs: {}, sent: {} }
/** What the job's own policy keeps is not for this tool to judge. */
const KEEP_ALL = [{ periodMs: 1, forMs: Number.MAX_SAFE_INTEGER }]
