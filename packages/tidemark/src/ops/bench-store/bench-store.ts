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
  /** Empties the page cache of the operating system; false if it may not. */
  readonly dropPageCache: () => boolean
}

/** One measured workload on one engine. */
export interface StoreBenchResult {
  readonly engine: string
  readonly workload: Workload
  readonly keys: number
  readonly opsPerSecond: number
  readonly p99Us: number
  /** What the state held afterwards. */
  readonly state: StateStatistics
  /** False if the page cache of a cold read could not be emptied. */
  readonly cold: boolean
}

/**
 * Measures workloads on one engine: fills a store with `put` (measured if it is asked for), and then runs each of the
 * others after a start of its own, so that none has the caches of another.
 */
export async function* benchStore(options: StoreBenchOptions): AsyncGenerator<StoreBenchResult, void> {
  const { workloads, keys, engine } = options
  const asked = WORKLOADS.filter((workload) => workload === 'put' || workloads.includes(workload))
  for (const workload of asked) {
    const cold = workload !== 'get-cold' || options.dropPageCache()
    const { measured, state } = await measure(options, workload)
    if (!workloads.includes(workload)) continue
    yield {
      engine,
      workload,
      keys,
      opsPerSecond: Math.round(measured.operations / measured.seconds),
      p99Us: Math.round(measured.p99Us * 100) / 100,
      state,
      cold,
    }
  }
}

async function measure(
  options: StoreBenchOptions,
  workload: Workload,
): Promise<{ readonly measured: Measured; readonly state: StateStatistics }> {
  const state = await openBenchState({ ...options, directory: `${options.directory}/${options.engine}` })
  try {
    const measured = await new WorkloadRun(state, workload, options).run()
    return { measured, state: state.statistics }
  } finally {
    state.close()
  }
}
