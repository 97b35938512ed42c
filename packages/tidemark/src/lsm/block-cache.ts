import type { CachePartStatistics, CacheStatistics } from '../store/base-statistics.ts'
import { BlockBuffers } from './block-buffers.ts'
import { ClockRing } from './clock-ring.ts'

/** What a cached part of a file is: the order of the statistics. */
export const KIND_DATA = 0
export const KIND_INDEX = 1
export const KIND_BLOOM = 2
export const KIND_LARGE = 3
export type PartKind = 0 | 1 | 2 | 3
const KINDS = 4

/** Whose parts are cached, by number. The owner holds them, and finds them without the cache. */
export interface CacheOwner {
  /** All that go together when a file is closed. */
  readonly cacheGroup: object
  /** The owner sets how many rounds of the clock a part stays from now on, each time it uses it. */
  readonly cachedReads: Uint8Array
  /** Forgets a part; false if it cannot be missed now, because other cached parts hang on it. */
  evict(index: number): boolean
}

/** What a cached part costs beside its bytes, roughly: the object of its array and its places in the tables. */
const PART_OVERHEAD_BYTES = 128
/** A part larger than this fraction of the cache would displace too much for one look-up. */
const LARGEST_PART = 8
/** Large values together take at most this fraction: a few of them are as many bytes as thousands of blocks. */
const LARGE_VALUES_PART = 4
/** Rounds of the clock after a use: what leads to many blocks stays longer than a block. */
export const DATA_ROUNDS = 1
export const INDEX_ROUNDS = 3
export const BLOOM_ROUNDS = 3

/**
 * Parts of sorted files, bounded in bytes, shared by all bases of a thread. Replacement is CLOCK: a part that is not used
 * until the hand comes round as often as its owner said goes; a data block's first life is one round, so that a long scan
 * does not displace what is read often. A hit is for the owner alone, which holds the part: no hashing, no allocation.
 */
export class BlockCache {
  readonly #capacityBytes: number
  readonly #parts = new ClockRing()
  readonly #large = new ClockRing()
  /** For data blocks that come in, from those that go. */
  readonly buffers: BlockBuffers
  /** Look-ups by kind, hits and misses; counted up by owners. */
  readonly reads: Float64Array = new Float64Array(KINDS)
  readonly #misses = new Float64Array(KINDS)
  #prefetched = 0

  /** `capacityBytes` of 0 caches nothing. `poisons`: see BlockBuffers. */
  constructor(options: { readonly capacityBytes: number; readonly poisons?: boolean }) {
    this.#capacityBytes = options.capacityBytes
    this.buffers = new BlockBuffers(options)
  }

  get capacityBytes(): number {
    return this.#capacityBytes
  }

  /** Misses so far, save those of prefetches: what reads had to wait for. */
  get waits(): number {
    let sum = -this.#prefetched
    for (const count of this.#misses) sum += count
    return sum
  }

  /** Counts a part that was read and is not offered. */
  countMiss(kind: PartKind): void {
    this.#misses[kind] = (this.#misses[kind] as number) + 1
  }

  /** Counts a part that was read and verified, and tells whether it may be kept: the owner then must keep it. */
  add(owner: CacheOwner, index: number, sizeBytes: number, kind: PartKind): boolean {
    this.countMiss(kind)
    const cost = sizeBytes + PART_OVERHEAD_BYTES
    const capacity = this.#capacityBytes
    if (cost * LARGEST_PART > capacity) return false
    if (kind === KIND_LARGE) {
      while (this.#large.bytes + cost > capacity / LARGE_VALUES_PART) this.#large.evictOne()
      this.#makeRoom(cost)
      this.#large.add(owner, index, cost, kind)
    } else {
      this.#makeRoom(cost)
      this.#parts.add(owner, index, cost, kind)
    }
    owner.cachedReads[index] = kind === KIND_INDEX || kind === KIND_BLOOM ? 1 : 0
    return true
  }

  #makeRoom(cost: number): void {
    while (this.#parts.bytes + this.#large.bytes + cost > this.#capacityBytes) {
      if (this.#parts.bytes > 0) this.#parts.evictOne()
      else this.#large.evictOne()
    }
  }

  /** A prefetch added a part. */
  countPrefetched(): void {
    this.#prefetched++
  }

  /** Drops all parts of a group of owners. */
  drop(group: object): void {
    this.#parts.drop(group)
    this.#large.drop(group)
  }

  statistics(): CacheStatistics & { readonly blocks: number } {
    const data = this.#statisticsOf(KIND_DATA)
    const index = this.#statisticsOf(KIND_INDEX)
    const bloom = this.#statisticsOf(KIND_BLOOM)
    const large = this.#statisticsOf(KIND_LARGE)
    const all = [data, index, bloom, large]
    const sum = (name: keyof CachePartStatistics): number => all.reduce((total, part) => total + part[name], 0)
    return {
      bytes: sum('bytes'),
      capacityBytes: this.#capacityBytes,
      blocks: sum('parts'),
      hits: sum('hits'),
      misses: sum('misses'),
      evictions: sum('evictions'),
      prefetched: this.#prefetched,
      data,
      index,
      bloom,
      large,
    }
  }

  #statisticsOf(kind: PartKind): CachePartStatistics {
    const ring = kind === KIND_LARGE ? this.#large : this.#parts
    const misses = this.#misses[kind] as number
    return {
      bytes: ring.bytesOf(kind),
      parts: ring.partsOf(kind),
      hits: Math.max(0, (this.reads[kind] as number) - misses),
      misses,
      evictions: ring.evictionsOf(kind),
    }
  }
}
