import type { ByteMap } from './byte-map.ts'
import { DELETED } from './entry-flags.ts'
import type { Base } from './types.ts'
import type { ValuePolicy } from './value-policy.ts'

const SAMPLES = 256

/** What a tool knows better, and how thoroughly it wants the rest. */
export interface CountOptions {
  /** Keys that the base holds. */
  readonly ofBase: number
  /** Entries of a layer that are looked up. */
  readonly samples: number
}

const ALL = { from: null, to: null, reverse: false }

/**
 * About how many keys are visible in `layers` (newest first) over a base: what the base says, plus for each layer the
 * keys that it adds and minus those that it deletes, exact up to 256 entries and from as many samples beyond (or as
 * `options` say). `nowMs` (null: no TTL) leaves out what has ended: of the base, by the part that had among its first 256
 * entries.
 */
export function estimateCount(
  layers: readonly (ByteMap | null)[],
  base: Base,
  store: string,
  policy: ValuePolicy,
  nowMs: number | null,
  options?: CountOptions,
): number {
  const counter = new Counter(base, store, policy, nowMs)
  const { ofBase, samples = SAMPLES } = options ?? {}
  let count = ofBase ?? counter.ofBase()
  for (let i = 0; i < layers.length; i++) {
    const map = layers[i]
    if (map !== null && map !== undefined && map.size > 0) count += counter.effectOf(map, layers.slice(i + 1), samples)
  }
  return Math.max(0, Math.round(count))
}

class Counter {
  readonly #base: Base
  readonly #store: string
  readonly #policy: ValuePolicy
  readonly #nowMs: number | null

  constructor(base: Base, store: string, policy: ValuePolicy, nowMs: number | null) {
    this.#base = base
    this.#store = store
    this.#policy = policy
    this.#nowMs = nowMs
  }

  ofBase(): number {
    const count = this.#base.approximateCount(this.#store)
    const nowMs = this.#nowMs
    if (nowMs === null || count === 0) return count
    const some = this.#base.scan(this.#store, { ...ALL, limit: SAMPLES })
    let seen = 0
    let there = 0
    while (some.next()) {
      seen++
      if (this.#policy.deadlineOf(some.valueBytes, some.valueStart) > nowMs) there++
    }
    some.close()
    return seen === 0 ? 0 : (count * there) / seen
  }

  effectOf(map: ByteMap, below: readonly (ByteMap | null)[], most: number): number {
    const samples = map.sample(most)
    let effect = 0
    for (const entry of samples) {
      const here = this.#isThere(map, entry)
      const there = this.#isVisible(map, entry, below)
      if (here !== there) effect += here ? 1 : -1
    }
    return (effect * map.size) / samples.length
  }

  #isThere(map: ByteMap, entry: number): boolean {
    if ((map.flagsAt(entry) & DELETED) !== 0) return false
    return this.#nowMs === null || map.deadlineAt(entry) > this.#nowMs
  }

  #isVisible(of: ByteMap, entry: number, layers: readonly (ByteMap | null)[]): boolean {
    const bytes = of.keyChunkAt(entry)
    const start = of.keyStartAt(entry)
    const end = start + of.keyLengthAt(entry)
    const hash = of.hashAt(entry)
    for (const map of layers) {
      const found = map === null ? -1 : map.find(bytes, start, end, hash)
      if (found >= 0) return this.#isThere(map as ByteMap, found)
    }
    const base = this.#base
    if (base.get(this.#store, bytes, start, end, hash) !== 1) return false
    return this.#nowMs === null || this.#policy.deadlineOf(base.valueBytes, base.valueStart) > this.#nowMs
  }
}
