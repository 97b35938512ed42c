import type { StateMetrics, TaskStateMetrics } from '../api/state-metrics.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import type { Plan } from '../dsl/plan.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { LiveShare } from '../lsm/live-share.ts'
import { describe } from '../store/descriptor.ts'
import type { StoreDescriptor } from '../store/types.ts'
import { measureFiles } from './measure-files.ts'
import { runInTurns } from '../lsm/run-in-turns.ts'
import { stateDirectory } from './state-directory.ts'
import { storeSpecs } from './store-specs.ts'

/** What is known of a task's files is used again for so long. */
const KEEP_MS = 10_000
/** Well below a millisecond of look-ups each. */
const STEPS_PER_TURN = 4

export interface LiveFilesOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly topology: Plan['topology']
  readonly dataDir: string
  readonly lineage: number
}

interface Known {
  readonly atMs: number
  readonly shares: Promise<ReadonlyMap<string, LiveShare> | null>
}

/**
 * How much of the files of a running job's tasks is live: estimated beside the containers, from the files as they are on the
 * disk, at most once in ten seconds.
 */
export class LiveFiles {
  readonly #options: LiveFilesOptions
  readonly #stores: readonly StoreDescriptor[]
  readonly #tasks = new Map<number, Known>()
  /** One task at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: LiveFilesOptions) {
    this.#options = options
    this.#stores = storeSpecs(options.topology.nodes).map(describe)
  }

  /** Metrics with what is live. ERR_STATE_CORRUPT. */
  async added({ tasks, memory }: StateMetrics): Promise<StateMetrics> {
    const live = await Promise.all(
      tasks.map(async (task) => withLive(task, task.entries === 0 ? new Map() : await this.#sharesOf(task.task))),
    )
    return { tasks: live, memory }
  }

  #sharesOf(task: number): Promise<ReadonlyMap<string, LiveShare> | null> {
    const now = this.#options.clock.monotonicMs()
    const known = this.#tasks.get(task)
    if (known !== undefined && now - known.atMs < KEEP_MS) return known.shares
    const shares = this.#last.then(() => this.#measure(task))
    this.#last = shares.catch(() => {})
    this.#tasks.set(task, { atMs: now, shares })
    return shares
  }

  async #measure(task: number): Promise<ReadonlyMap<string, LiveShare> | null> {
    const { disk, dataDir, lineage } = this.#options
    const directory = stateDirectory(dataDir, task, lineage)
    try {
      const steps = measureFiles({ disk, directory, task: String(task), stores: this.#stores })
      return await runInTurns(steps, STEPS_PER_TURN)
    } catch (error) {
      // The container replaces its files faster than we can open them.
      if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
      throw error
    }
  }
}

function withLive(task: TaskStateMetrics, shares: ReadonlyMap<string, LiveShare> | null): TaskStateMetrics {
  if (shares === null) return task
  const stores = task.stores.map((store) => {
    const share = shares.get(store.store)
    return share === undefined ? store : { ...store, liveKeys: share.liveKeys, liveBytes: share.liveBytes }
  })
  // An engine that is no files of ours does not tell; nor does one beside the files, and the bytes are those of both.
  const known = task.reads !== null && stores.reduce((sum, { entries }) => sum + entries, 0) === task.entries
  if (!known) return { ...task, stores }
  const liveBytes = [...shares.values()].reduce((sum, share) => sum + share.liveBytes, 0)
  return { ...task, stores, liveBytes, spaceAmplification: liveBytes === 0 ? null : task.bytes / liveBytes }
}
