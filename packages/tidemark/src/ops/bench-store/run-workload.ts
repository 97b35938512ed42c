import type { Clock } from '../../clock/clock.ts'
import { murmur2 } from '../../hash/murmur2.ts'
import type { BenchState } from './bench-state.ts'
import { type Draw, KEY_BYTES, permuted, uniform, writeKey, zipf } from './bench-keys.ts'
import { Latency } from './latency.ts'
import type { Workload } from './workloads.ts'

/** How keys are drawn where a workload leaves it open: in the reads and writes of the mixed ones, and in ranges. */
export type Distribution = 'uniform' | 'zipf'

export interface WorkloadOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly keys: number
  readonly valueBytes: number
  readonly distribution: Distribution
  /** The put workload ends when all keys are put; the others after this time, or when all keys were read once (cold). */
  readonly durationMs: number
  /** Writes to a commit. */
  readonly commitEvery: number
  /** The put workload ends after this too, with the keys that it has put by then. */
  readonly loadLimitMs: number
  /** Told of operations that are done, of how many; null when time is the bound. */
  readonly onProgress?: ((done: number, of: number | null) => void) | undefined
}

export interface Measured {
  readonly operations: number
  readonly seconds: number
  readonly p99Us: number
}

const HOT_KEYS = 10_000
const RANGE_ENTRIES = 10
/** Operations between two looks at the clock. */
const BATCH = 1000
/** One operation of so many is timed by itself. */
const TIMED = 16

/** One workload in progress: an operation is a method call, with the values it needs made before. */
export class WorkloadRun {
  readonly #state: BenchState
  readonly #options: WorkloadOptions
  readonly #workload: Workload
  readonly #draw: Draw
  readonly #key = new Uint8Array(KEY_BYTES)
  readonly #value: Uint8Array
  readonly #missing: boolean
  readonly #putPart: number
  #writes = 0
  /** Entries seen: what was read is used, and checked in the end. */
  #found = 0

  constructor(state: BenchState, workload: Workload, options: WorkloadOptions) {
    this.#state = state
    this.#options = options
    this.#workload = workload
    this.#draw = drawOf(workload, options)
    this.#value = new Uint8Array(options.valueBytes)
    this.#missing = workload === 'get-missing'
    this.#putPart = { put: 1, 'mixed-50': 0.5, 'mixed-95': 0.05 }[workload as string] ?? 0
    for (let i = 0; i < this.#value.length; i++) this.#value[i] = Math.floor(options.random() * 256)
  }

  /** Runs it to its end. The writes of `put` are in the engine then; those of the others are committed. */
  async run(): Promise<Measured> {
    const { clock, keys, durationMs, loadLimitMs, onProgress } = this.#options
    const bound = this.#workload === 'put' || this.#workload === 'get-cold' ? keys : Number.POSITIVE_INFINITY
    if (this.#workload === 'get-hot') this.#batch(Math.min(keys, HOT_KEYS) * 4, new Latency())
    const latency = new Latency()
    const startMs = clock.monotonicMs()
    const untilMs = startMs + (this.#workload === 'put' ? loadLimitMs : durationMs)
    let operations = 0
    while (operations < bound && clock.monotonicMs() < untilMs) {
      const count = Math.min(BATCH, bound - operations)
      this.#batch(count, latency)
      operations += count
      onProgress?.(operations, bound === Number.POSITIVE_INFINITY ? null : bound)
      if (this.#writes < this.#options.commitEvery) continue
      this.#writes = 0
      await this.#state.commit()
    }
    await (this.#workload === 'put' ? this.#state.settle() : this.#state.commit())
    const seconds = (clock.monotonicMs() - startMs) / 1000
    return { operations, seconds, p99Us: latency.percentileUs(0.99) }
  }

  /** Entries that reads have found. */
  get found(): number {
    return this.#found
  }

  #batch(count: number, latency: Latency): void {
    const { clock } = this.#options
    for (let i = 0; i < count; i++) {
      if (i % TIMED !== 0) {
        this.#operate()
        continue
      }
      const startMs = clock.monotonicMs()
      this.#operate()
      latency.add((clock.monotonicMs() - startMs) * 1e6)
    }
  }

  #operate(): void {
    const key = this.#key
    writeKey(key, 0, this.#draw(), this.#missing)
    if (this.#putPart > 0 && (this.#putPart === 1 || this.#options.random() < this.#putPart)) this.#put(key)
    else if (this.#workload === 'range') this.#range(key)
    else if (this.#state.store.get(key, 0, KEY_BYTES) !== undefined) this.#found++
  }

  #put(key: Uint8Array): void {
    const value = this.#value
    // A value of its own for each write, so that nothing can be shared.
    if (value.length >= 4) {
      const mark = murmur2(key, 0, KEY_BYTES) + this.#writes
      value[0] = mark
      value[1] = mark >>> 8
      value[2] = mark >>> 16
      value[3] = mark >>> 24
    }
    this.#state.store.put(key, 0, KEY_BYTES, value)
    this.#writes++
  }

  #range(from: Uint8Array): void {
    const entries = this.#state.store.range({ from, to: null, reverse: false, limit: RANGE_ENTRIES })
    while (entries.next()) this.#found++
    entries.close()
  }
}

function drawOf(workload: Workload, { keys, random, distribution }: WorkloadOptions): Draw {
  if (workload === 'put' || workload === 'get-cold') return permuted(keys)
  if (workload === 'get-hot') return uniform(Math.min(keys, HOT_KEYS), random)
  if (workload === 'get-missing') return uniform(keys, random)
  return distribution === 'zipf' ? zipf(keys, random) : uniform(keys, random)
}
