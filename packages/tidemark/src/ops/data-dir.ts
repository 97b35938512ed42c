import type { Disk } from '../disk/disk.ts'
import { nodeProcesses, type ProcessTable } from '../disk/process-table.ts'
import { openTaskBaseForReading } from '../engines/open-task-base.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { LogView } from '../log/embedded/log-view.ts'
import type { ProducerState, StreamInfo } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { openTaskState } from '../store/open.ts'
import type { Base, StoreDescriptor, TaskState } from '../store/types.ts'
import { type LineageFile, lineageNumber, readLineage, taskStateName } from '../checkpoint/lineage.ts'
import { clockOf, decodeCheckpoint, type CheckpointRecord } from '../checkpoint/record.ts'
import { readingSpec } from './known-serde.ts'
import { suggestion } from './nearest.ts'
import { CopyView, isCopy, type StateView } from './state-view.ts'
import { StoreView, type TaskStore } from './store-view.ts'
import { taskMeta, type TaskMeta } from '../runtime/task-meta.ts'

/** A task as the data directory knows it: its claim, and its newest checkpoint (null before the first commit). */
export interface TaskInfo {
  readonly producer: ProducerState
  readonly meta: TaskMeta
  readonly checkpoint: CheckpointRecord | null
}

/** The state of a task, open for reading: closing it closes the base too. */
export interface OpenedTask {
  readonly info: TaskInfo
  readonly base: Base
  readonly state: TaskState
}

/** How often reading is tried again when the running job has replaced files meanwhile, and the first wait, ms. */
const ATTEMPTS = 10
const FIRST_WAIT_MS = 5
const CACHE_BYTES = 8 * 1024 * 1024

/**
 * A data directory, read while its job runs or when it does not: never writes, takes no lock. Open it by `openDataDir`;
 * what it gives is as of then, or of the last `refresh`.
 */
export class DataDir<View extends StateView = LogView> {
  readonly path: string
  readonly view: View
  readonly disk: Disk

  constructor(disk: Disk, path: string, view: View) {
    this.disk = disk
    this.path = path
    this.view = view
  }

  /** The job that the data belongs to, null when there is none yet. */
  get job(): string | null {
    return this.view.job
  }

  /** The process that runs on it, null when none does. */
  ownerPid(): number | null {
    return this.view.ownerPid()
  }

  /** Sees what was committed since. */
  refresh(): void {
    this.view.refresh()
  }

  streams(): StreamInfo[] {
    return this.view.streams()
  }

  /** A stream by its name; ERR_UNKNOWN_STREAM, which lists those there are. */
  stream(name: string): StreamInfo {
    const stream = this.view.stream(name)
    if (stream !== undefined) return stream
    const names = this.streams().map((each) => each.name)
    const there = names.length === 0 ? ' It has no streams yet.' : suggestion(name, names)
    throw new TidemarkError('ERR_UNKNOWN_STREAM', `${this.path} has no stream "${name}".${there}`, {
      details: { stream: name },
    })
  }

  /** The lineages of the data, null when it has known only one. ERR_CHECKPOINT_CORRUPT. */
  lineages(): LineageFile | null {
    return readLineage(this.disk, this.path)
  }

  /** Where a task of the data directory keeps its state files. */
  stateDirectory(meta: TaskMeta): string {
    return `${this.path}/state/${taskStateName(meta.lineage, meta.task)}`
  }

  /** The tasks of the job's current lineage, in order. */
  tasks(): TaskInfo[] {
    const current = this.view.lineage ?? lineageNumber(this.lineages())
    const tasks: TaskInfo[] = []
    for (const producer of this.view.producers()) {
      const meta = taskMeta(producer)
      if (meta === null || meta.lineage !== current) continue
      const checkpoint =
        producer.checkpoint.length === 0 ? null : decodeCheckpoint(producer.checkpoint, producer.producer)
      tasks.push({ producer, meta, checkpoint })
    }
    return tasks.sort((a, b) => a.meta.task - b.meta.task)
  }

  /** Every store of the job, in the job's order. */
  stores(): StoreDescriptor[] {
    const byName = new Map<string, StoreDescriptor>()
    for (const { meta } of this.tasks()) for (const store of meta.stores) byName.set(store.name, store)
    return [...byName.values()]
  }

  /**
   * Opens a store over all tasks, as of the newest commit of each. Close it after use. ERR_UNKNOWN_STORE lists the
   * stores there are; ERR_STATE_MOVING when the running job replaced its files on every attempt; ERR_STATE_CORRUPT,
   * ERR_STATE_AHEAD, ERR_STATE_GAP, ERR_DELTAS_GONE when none is running that could have; what the log throws. Keys and values of a serde that only the job knows are given as bytes; with `rawValues` all
   * values are. ERR_NOT_A_DATA_DIR of a copy: the newest commits are not here.
   */
  async store(name: string, options: { readonly rawValues?: boolean } = {}): Promise<StoreView> {
    if (this.view.isCopy === true) throw newestElsewhere(this.path)
    this.#descriptor(name)
    const has = ({ meta }: TaskInfo): boolean => meta.stores.some((store) => store.name === name)
    const opened = await this.states({ ...options, wanted: has })
    const tasks = opened.map(
      ({ info, state }): TaskStore => ({
        task: info.meta.task,
        state,
        store: state.store(name),
        record: info.checkpoint,
      }),
    )
    return new StoreView(this.#descriptor(name), tasks)
  }

  /**
   * Opens the state of tasks as of the newest commit of each (of a copy: as of its files), all or none. Close each after use. Default: of all tasks.
   * Errors as `store`.
   */
  async states(
    options: { readonly rawValues?: boolean; readonly wanted?: (task: TaskInfo) => boolean } = {},
  ): Promise<OpenedTask[]> {
    const wanted = options.wanted ?? (() => true)
    let waitMs = FIRST_WAIT_MS
    let last: unknown
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const opened: OpenedTask[] = []
      try {
        for (const info of this.tasks()) {
          if (wanted(info)) opened.push({ info, ...(await this.#open(info, options.rawValues === true)) })
        }
        return opened
      } catch (error) {
        for (const { state } of opened) state.close()
        if (!isMoving(error)) throw error
        last = error
        await new Promise((done) => setTimeout(done, waitMs))
        waitMs *= 1.5
        this.refresh()
      }
    }
    if (this.view.ownerPid() === null) throw lost(last)
    const message = `the running job replaced the state files while they were read, ${ATTEMPTS} times`
    throw new TidemarkError('ERR_STATE_MOVING', message, { cause: last, details: { directory: this.path } })
  }

  #descriptor(name: string): StoreDescriptor {
    const stores = this.stores()
    const found = stores.find((store) => store.name === name)
    if (found !== undefined) return found
    const names = stores.map((store) => store.name)
    const there = names.length === 0 ? ' It has no stores yet.' : suggestion(name, names)
    throw new TidemarkError('ERR_UNKNOWN_STORE', `${this.path} has no store "${name}".${there}`, {
      details: { store: name },
    })
  }

  async #open(task: TaskInfo, rawValues: boolean): Promise<{ readonly base: Base; readonly state: TaskState }> {
    const { producer, meta, checkpoint } = task
    const base = await openTaskBaseForReading({
      disk: this.disk,
      directory: this.stateDirectory(meta),
      cache: new BlockCache({ capacityBytes: CACHE_BYTES }),
    })
    try {
      const state = openTaskState({
        task: producer.producer,
        specs: (written) => meta.stores.map((store) => readingSpec(store, rawValues, written)),
        base,
        deltas: this.view.deltas(producer.producer, base.id),
        // The files of a copy may have come further than what was noted of them.
        id: this.view.isCopy === true ? Math.max(base.id, producer.id) : producer.id,
        ...(checkpoint === null ? {} : { lastDeltaId: checkpoint.lastDeltaId, clock: clockOf(checkpoint) }),
      })
      return { base, state }
    } catch (error) {
      base.close()
      throw error
    }
  }
}

/** Errors that a running job causes by flushing between our reads of journal and files; a fresh look gets past them. */
function isMoving(error: unknown): boolean {
  return (
    isTidemarkError(error, 'ERR_FILE_NOT_FOUND') ||
    isTidemarkError(error, 'ERR_STATE_AHEAD') ||
    isTidemarkError(error, 'ERR_STATE_GAP') ||
    isTidemarkError(error, 'ERR_DELTAS_GONE')
  )
}

/** No job runs: what is not there, or does not fit, will not come. */
function lost(error: unknown): unknown {
  if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return error
  const message = `a state file is missing, and no job is running that could have replaced it: ${error.message} Restore it from a copy.`
  return new TidemarkError('ERR_STATE_CORRUPT', message, { cause: error, details: error.details })
}

/**
 * Opens a data directory for reading: ERR_NOT_A_DATA_DIR, ERR_FORMAT_NEWER, ERR_LOG_CORRUPT, ERR_DISK_ACCESS. Paths are
 * taken as the disk takes them. `processes` tells whether the job is running.
 */
export function openDataDir(path: string, disk: Disk, processes: ProcessTable = nodeProcesses): DataDir {
  if (isCopy(disk, path)) throw streamsElsewhere(path)
  return new DataDir(disk, path, LogView.open({ disk, directory: path, processes }))
}

/** A data directory, whatever system its job runs on. */
export type StateDir = DataDir<StateView>

/** As openDataDir, for what needs state files only: also of a job whose log is not in its data directory. */
export function openStateDir(path: string, disk: Disk, processes: ProcessTable = nodeProcesses): StateDir {
  return isCopy(disk, path)
    ? new DataDir(disk, path, new CopyView(disk, path, processes))
    : openDataDir(path, disk, processes)
}

export function hasLog(data: StateDir): data is DataDir {
  return data.view.isCopy !== true
}

/** What a command that needs the log is told of a copy. */
export function streamsElsewhere(path: string): TidemarkError {
  return new TidemarkError(
    'ERR_NOT_A_DATA_DIR',
    `${path} has a copy of the state of a job that runs on another system (Kafka): streams and newest commits are there. ` +
      'Commands that take --brokers ask there; of the copy are told state stats, state verify, checkpoint list, and state ' +
      'get, scan and diff with --checkpoint. To keep or export its state, start the job',
    { details: { directory: path } },
  )
}

function newestElsewhere(path: string): TidemarkError {
  return new TidemarkError(
    'ERR_NOT_A_DATA_DIR',
    `${path} has a copy of the state of a job that runs on another system (Kafka), where its newest commits are. Name a ` +
      'retained checkpoint (--checkpoint, see tidemark checkpoint list), or read a savepoint (tidemark savepoint, --savepoint)',
    { details: { directory: path } },
  )
}
