import type { Job } from '../api/job.ts'
import type { StateMetrics } from '../api/state-metrics.ts'
import { inParallel } from '../checkpoint/in-parallel.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { TopologyNode } from '../dsl/topology.ts'
import { TidemarkError, toWireError } from '../errors/error.ts'
import type { Compactor } from '../lsm/compaction.ts'
import type { LogPort, StreamInfo } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { CacheBudget } from '../store/cache-budget.ts'
import type { Base } from '../store/types.ts'
import { Container, type ContainerStatus } from './container.ts'
import { inputsOf, jobPlan } from './job-plan.ts'
import { BaseLoader } from './base-loader.ts'
import { isStateSource } from '../store/state-source.ts'
import { prepareWriters } from './prepare-serdes.ts'
import { openBaseOfTask, openTask } from './open-task.ts'
import type { Pulse } from './pulse.ts'
import { answerQuery } from './query.ts'
import { containerState } from './state-metrics.ts'
import type { Task } from './task.ts'
import type { ContainerSettings, QueryEntry, StoreQuery, TaskGrant } from './thread-messages.ts'

export interface RunnerOptions {
  readonly job: Job
  readonly settings: ContainerSettings
  readonly streams: readonly StreamInfo[]
  readonly grants: readonly TaskGrant[]
  readonly port: LogPort
  /** Merges the tasks' files; by default each task does it itself. */
  readonly compactor?: Compactor
  readonly disk: Disk
  readonly clock: Clock
  readonly pulse: Pulse
  readonly yieldNow: () => Promise<void>
  readonly failpoint: (name: string) => void
  readonly onStatus: (status: ContainerStatus) => void
  readonly onLog: (level: string, text: string) => void
  /** A task failed: the run is to end with this error. */
  readonly onFailed: (error: Error) => void
}

/** What to say when a full disk makes a merge of state files wait. */
export function compactionDelayed(error: Error): string {
  return `merging state files waits and is tried again: ${error.message}`
}

/** So many tasks are restored at a time: while one waits for the system or the disk, another works. */
const RESTORE_LANES = 2

/** What the system has of the tasks' state, and their files have not. Settles when nothing is written to them any more. */
async function restoreAll({ port, grants, failpoint }: RunnerOptions, bases: readonly Base[]): Promise<void> {
  if (!isStateSource(port)) return
  const restore = ([i, { producer }]: readonly [number, TaskGrant]): Promise<void> =>
    port.restoreState(producer.producer, new BaseLoader(bases[i] as Base, failpoint))
  await inParallel([...grants.entries()], restore, RESTORE_LANES)
}

/** A container with its tasks opened: the same on a worker thread, on the caller's thread, and in tests. */
export class ContainerRunner {
  readonly container: Container
  readonly #options: RunnerOptions
  #loop: Promise<void> = Promise.resolve()
  #failed = false

  /** Opens the tasks, with engines that have to be waited for. Errors as `openBaseOfTask` and `openTask`. */
  static async open(options: RunnerOptions): Promise<ContainerRunner> {
    const prepared = prepare(options)
    const bases: Base[] = []
    const serdes = prepareWriters(prepared.nodes)
    if (serdes !== null) await serdes
    try {
      for (const { index } of options.grants) bases.push(await openBaseOfTask({ ...options, ...prepared }, index))
      await restoreAll(options, bases)
    } catch (error) {
      for (const base of bases) base.close()
      throw error
    }
    return new ContainerRunner(options, prepared, bases)
  }

  /** Use `ContainerRunner.open`. */
  constructor(options: RunnerOptions, prepared: Prepared, bases: readonly Base[]) {
    this.#options = options
    const tasks = openTasks(options, prepared, bases, {
      failed: (error) => this.#fail(error),
      committed: () => this.container.committed(),
    })
    this.container = new Container({
      tasks,
      port: options.port,
      pulse: options.pulse,
      clock: options.clock,
      yieldNow: options.yieldNow,
      onStatus: options.onStatus,
      statusIntervalMs: options.settings.statusIntervalMs,
    })
  }

  #fail(error: Error): void {
    if (this.#failed) return
    this.#failed = true
    this.#options.onFailed(error)
  }

  start(): void {
    this.#loop = this.container.run().catch((error: unknown) => {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    })
  }

  async drain(): Promise<void> {
    try {
      await this.container.drain(true)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
    await this.#loop
  }

  close(): void {
    this.container.close()
  }

  /** What the state of the container's tasks holds. */
  state(): StateMetrics {
    return containerState(this.container.tasks, this.#options.settings)
  }

  /** Reads committed state of the container's tasks; with a key only the task that has it answers anything. */
  async query(query: StoreQuery): Promise<{ entries: QueryEntry[]; error: ReturnType<typeof toWireError> | null }> {
    try {
      // Messages go on in between: a store that is only read by key has no order until somebody asks for one.
      if (query.key === undefined) {
        for (const { state } of this.container.tasks) {
          for (const _ of state.prepareRange(query.store)) await this.#options.yieldNow()
        }
      }
      return { entries: this.container.tasks.flatMap((task) => answerQuery(task.state, query)), error: null }
    } catch (error) {
      return { entries: [], error: toWireError(error) }
    }
  }
}

/** What the tasks of a container share before they are opened. */
interface Prepared {
  readonly plan: ReturnType<typeof jobPlan>
  readonly nodes: readonly TopologyNode[]
  readonly blocks: BlockCache
}

function prepare(options: RunnerOptions): Prepared {
  const { job, settings } = options
  const plan = jobPlan(job, {
    existing: options.streams,
    defaultPartitions: settings.partitions,
    lineage: settings.lineage,
    keyed: settings.keyed,
  })
  if (plan.tasks !== settings.tasks) {
    throw new TidemarkError(
      'ERR_INVARIANT',
      `the plan of job ${job.name} has ${plan.tasks} tasks here, ${settings.tasks} elsewhere`,
    )
  }
  return { plan, nodes: plan.topology.nodes, blocks: new BlockCache({ capacityBytes: settings.cacheBytes / 2 }) }
}

function openTasks(
  options: RunnerOptions,
  { plan, nodes, blocks }: Prepared,
  bases: readonly Base[],
  on: { failed: (error: Error) => void; committed: () => void },
): Task[] {
  const { job, settings, port, disk, clock, pulse } = options
  const streams = new Map(options.streams.map((s) => [s.name, s]))
  const environment = {
    job: job.name,
    nodes,
    inputs: inputsOf(plan, streams),
    streams,
    settings,
    port,
    disk,
    clock,
    pulse,
    blocks,
    cache: new CacheBudget(settings.cacheBytes / 2),
    log: options.onLog,
    failpoint: options.failpoint,
    onFailed: on.failed,
    onCommitted: on.committed,
  }
  const tasks: Task[] = []
  try {
    for (const [i, grant] of options.grants.entries()) tasks.push(openTask(environment, grant, bases[i] as Base))
  } catch (error) {
    for (const task of tasks) task.close()
    // The base of the task that failed closed itself.
    for (const base of bases.slice(tasks.length + 1)) base.close()
    throw error
  }
  return tasks
}
