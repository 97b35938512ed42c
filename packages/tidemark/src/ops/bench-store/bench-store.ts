import type { Clock } from '../../clock/clock.ts'
import type { Disk } from '../../disk/disk.ts'
import type { Engine } from '../../engines/registry.ts'
import type { Compactor } from '../../lsm/compaction.ts'
import type { StateStatistics } from '../../store/types.ts'
import { openBenchState } from './bench-state.ts'
import { type Distribution, type Measured, WorkloadRun } from './run-workload.ts'
import { type Workload, WORKLOADS } from './workloads.ts'

export interface StoreBenchOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly compactor: Compactor
  /** Each engine gets a directory of its own in here; they are left for the caller to remove. */
  readonly directory: string
  readonly engine: Engine
  readonly keys: number
  readonly valueBytes: number
  readonly workloads: readonly Workload[]
  readonly distribution: Distribution
  readonly durationMs: number
  readonly commitEvery: number
  readonly cacheBytes: number
  readonly valueCacheBytes: number
  readonly flushBytes: number
  readonly loadLimitMs: number
  /** Told of operations that are done, of how many; null when time is the bound. */
  readonly onWork?: (workload: Workload, done: number, of: number | null) => void
  /** Empties the page cache of the operating system; false if it may not. */
  readonly dropPageCache: () => boolean
}

/** One measured workload on one engine. */
export interface StoreBenchResult {
  readonly engine: string
  readonly workload: Workload
  /** In the store: fewer than were asked for when the load has taken too long. */
  readonly keys: number
  readonly opsPerSecond: number
  readonly p99Us: number
  /** What the state held afterwards. */
  readonly state: StateStatistics
  /** False if the page cache of a cold read could not be emptied. */
  readonly cold: boolean
  /** True of a `put` that was ended by `loadLimitMs`: no other workload is run on this engine then. */
  readonly cutOff: boolean
}

/**
 * Measures workloads on one engine: fills a store with `put` (measured if it is asked for), and then runs each of the
 * others after a start of its own, so that none has the caches of another. A load that takes too long is ended, told as far
 * as it came, and the others are left out: what they would read is not there.
 */
export async function* benchStore(options: StoreBenchOptions): AsyncGenerator<StoreBenchResult, void> {
  const { workloads, keys, engine } = options
  const asked = WORKLOADS.filter((workload) => workload === 'put' || workloads.includes(workload))
  for (const workload of asked) {
    const cold = workload !== 'get-cold' || options.dropPageCache()
    const { measured, state } = await measure(options, workload)
    const cutOff = workload === 'put' && measured.operations < keys
    if (!cutOff && !workloads.includes(workload)) continue
    yield {
      engine,
      workload,
      keys: cutOff ? measured.operations : keys,
      opsPerSecond: Math.round(measured.operations / measured.seconds),
      p99Us: Math.round(measured.p99Us * 100) / 100,
      state,
      cold,
      cutOff,
    }
    if (cutOff) return
  }
}

async function measure(
  options: StoreBenchOptions,
  workload: Workload,
): Promise<{ readonly measured: Measured; readonly state: StateStatistics }> {
  const state = await openBenchState({ ...options, directory: `${options.directory}/${options.engine}` })
  try {
    const measured = await new WorkloadRun(state, workload, {
      ...options,
      onProgress: (done, of) => options.onWork?.(workload, done, of),
    }).run()
    return { measured, state: state.statistics }
  } finally {
    state.close()
  }
}
