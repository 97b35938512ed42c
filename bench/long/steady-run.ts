import type { Clock } from '../../packages/tidemark/src/clock/clock.ts'
import type { Disk } from '../../packages/tidemark/src/disk/disk.ts'
import type { Compactor } from '../../packages/tidemark/src/lsm/compaction.ts'
import { KEY_BYTES } from '../../packages/tidemark/src/ops/bench-store/bench-keys.ts'
import type { TaskState } from '../../packages/tidemark/src/store/types.ts'
import { fill, openState, STORE } from '../state/open-state.ts'
import type { Sample } from './samples.ts'
import { SteadyLoad } from './steady-load.ts'

/** What the process costs; null in a simulation, whose samples then depend on nothing but the seed. */
export interface ProcessGauges {
  /** Event-loop delay since the last call. */
  loopDelay(): { readonly p99Ms: number; readonly maxMs: number }
  memory(): { readonly rssBytes: number; readonly heapBytes: number; readonly externalBytes: number }
  /** Since the start of the process. */
  cpuMs(): number
}

export interface SteadyRunOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly compactor: Compactor
  readonly directory: string
  readonly keys: number
  readonly valueBytes: number
  readonly ratePerSecond: number
  readonly durationMs: number
  readonly sampleMs: number
  readonly commitIntervalMs: number
  readonly cacheBytes: number
  readonly flushBytes: number
  readonly turnMs: number
  readonly gauges: ProcessGauges | null
  /** Goes back to the event loop, for 0 ms or until the next operations are due. */
  readonly pause: (ms: number) => Promise<void>
  readonly onSample?: (sample: Sample) => void
}

/** Puts all keys once, then reads and overwrites them at a steady rate, with a sample each `sampleMs`. */
export async function runSteady(options: SteadyRunOptions): Promise<Sample[]> {
  const { clock, directory, keys, valueBytes, durationMs, sampleMs } = options
  const state = openState({ ...options })
  await fill(state, clock, keys, valueBytes)
  const load = new SteadyLoad({ ...options, directory, state, store: state.store(STORE) })
  const samples: Sample[] = []
  try {
    const startMs = clock.monotonicMs()
    const sampler = new Sampler(options, state, load)
    for (let nextMs = startMs + sampleMs; ; ) {
      const more = load.turn()
      const nowMs = clock.monotonicMs()
      if (nowMs >= nextMs) {
        nextMs += sampleMs
        const sample = sampler.sample(nowMs)
        samples.push(sample)
        options.onSample?.(sample)
      }
      if (nowMs - startMs >= durationMs && !load.busy) break
      await options.pause(more ? 0 : 1)
    }
    if (load.missed > 0) throw new Error(`${load.missed} reads found nothing, but every key is there`)
  } finally {
    load.close()
  }
  return samples
}

class Sampler {
  readonly #options: SteadyRunOptions
  readonly #state: TaskState
  readonly #load: SteadyLoad
  readonly #startMs: number
  readonly #liveBytes: number
  #lastMs: number
  #lastCpuMs: number
  readonly #before: { readonly flushedBytes: number; readonly flushes: number; readonly compactions: number }
  readonly #compactedBefore: number

  constructor(options: SteadyRunOptions, state: TaskState, load: SteadyLoad) {
    this.#options = options
    this.#state = state
    this.#load = load
    this.#startMs = options.clock.monotonicMs()
    this.#lastMs = this.#startMs
    this.#lastCpuMs = options.gauges?.cpuMs() ?? 0
    this.#liveBytes = options.keys * (KEY_BYTES + options.valueBytes)
    const { writes } = state.statistics().base
    this.#before = writes ?? { flushedBytes: 0, flushes: 0, compactions: 0 }
    this.#compactedBefore = writes?.compactedBytes ?? 0
    options.gauges?.loopDelay()
  }

  sample(nowMs: number): Sample {
    const { gauges, disk, directory } = this.#options
    const window = this.#load.take()
    const elapsedMs = Math.max(1, nowMs - this.#lastMs)
    const cpuMs = gauges?.cpuMs() ?? 0
    const { base, ...layers } = this.#state.statistics()
    const { writes } = base
    const flushedBytes = (writes?.flushedBytes ?? 0) - this.#before.flushedBytes
    const compactedBytes = (writes?.compactedBytes ?? 0) - this.#compactedBefore
    const diskBytes = bytesIn(disk, `${directory}/state`)
    const delay = gauges?.loopDelay()
    const memory = gauges?.memory()
    const sample: Sample = {
      seconds: (nowMs - this.#startMs) / 1000,
      operationsPerSecond: (window.operations * 1000) / elapsedMs,
      files: base.files,
      diskBytes,
      namedBytes: base.bytes,
      spaceFactor: base.bytes / this.#liveBytes,
      diskFactor: diskBytes / this.#liveBytes,
      journalBytes: this.#load.journalBytes,
      writeAmplification: flushedBytes === 0 ? 0 : (flushedBytes + compactedBytes) / flushedBytes,
      flushes: (writes?.flushes ?? 0) - this.#before.flushes,
      compactions: (writes?.compactions ?? 0) - this.#before.compactions,
      compactionsRunning: writes?.compactionsRunning ?? 0,
      readP50Us: window.reads.percentileUs(0.5),
      readP99Us: window.reads.percentileUs(0.99),
      writeP99Us: window.writes.percentileUs(0.99),
      lateMaxMs: window.lateMaxMs,
      stalledMs: window.stalledMs,
      loopDelayP99Ms: delay?.p99Ms ?? 0,
      loopDelayMaxMs: delay?.maxMs ?? 0,
      rssBytes: memory?.rssBytes ?? 0,
      heapBytes: memory?.heapBytes ?? 0,
      externalBytes: memory?.externalBytes ?? 0,
      layerBytes: layers.activeBytes + layers.recentBytes + layers.cacheBytes,
      cores: (cpuMs - this.#lastCpuMs) / elapsedMs,
    }
    this.#lastMs = nowMs
    this.#lastCpuMs = cpuMs
    return sample
  }
}

/** A file that the compaction thread removes meanwhile counts for nothing. */
function bytesIn(disk: Disk, directory: string): number {
  let sum = 0
  for (const name of disk.list(directory)) {
    const path = `${directory}/${name}`
    if (disk.exists(path)) sum += disk.size(path)
  }
  return sum
}
