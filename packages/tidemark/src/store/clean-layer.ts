import { ByteMap, type MapLayout } from './byte-map.ts'
import type { CacheBudget, CacheMember } from './cache-budget.ts'

const LEAST_PLACES = 256
const MOST_PLACES = 1 << 18

/**
 * Copies of entries that the base has, decoded; any may go at any time. Two generations: when the young map has half of
 * the room, the old one goes and young becomes old; what is found in old is copied into young.
 */
export class CleanLayer implements CacheMember {
  /** What this layer holds by the budget's count. */
  cacheBytes = 0
  /** The map that has the entry which `find` or `add` gave last. */
  map: ByteMap
  #young: ByteMap
  #old: ByteMap | null = null
  #joining = false
  /** Hashes of keys that were not admitted when they were read last; null as long as there was room for all. */
  #refused: Int32Array | null = null
  readonly #cache: CacheBudget
  readonly #layout: MapLayout

  constructor(cache: CacheBudget, deadlines: boolean) {
    this.#cache = cache
    this.#layout = { ordered: false, suffixBytes: 0, deadlines }
    this.#young = new ByteMap(this.#layout)
    this.map = this.#young
  }

  /** The entry in `map`, or -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const young = this.#young
    const entry = young.find(bytes, start, end, hash)
    if (entry >= 0) {
      this.map = young
      return entry
    }
    const old = this.#old
    if (old === null) return -1
    const at = old.find(bytes, start, end, hash)
    if (at < 0) return -1
    const deadlineMs = this.#layout.deadlines ? old.deadlineAt(at) : 0
    return this.add(bytes, start, end, hash, old.valueAt(at), old.flagsAt(at), old.valueBytesAt(at), deadlineMs)
  }

  /** True if the key is here; changes nothing. */
  has(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    if (this.#young.find(bytes, start, end, hash) >= 0) return true
    return this.#old !== null && this.#old.find(bytes, start, end, hash) >= 0
  }

  /**
   * Whether a key that the base has just found is worth an entry. Where there is not room for all, one that was not read
   * a short while ago would most likely be gone before its next read: what is read at random costs no copies.
   */
  admits(hash: number): boolean {
    const refused = this.#refused
    if (refused === null) return true
    const place = hash & (refused.length - 1)
    if (refused[place] === hash) return true
    refused[place] = hash
    return false
  }

  /** Adds an entry that is not in the young map; returns it. */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    hash: number,
    value: unknown,
    flags: number,
    valueBytes: number,
    deadlineMs: number,
  ): number {
    const young = this.#young
    const entry = young.insert(bytes, start, end, hash, value, flags, valueBytes)
    if (this.#layout.deadlines) young.setDeadlineAt(entry, deadlineMs)
    this.map = young
    this.#account()
    return entry
  }

  /** Tells the budget what has changed, and makes room when young has half of it. */
  #account(): void {
    this.#count()
    if (this.#young.bytes * 2 > this.#cache.roomFor(this)) this.shrink()
  }

  #count(): void {
    const before = this.cacheBytes
    this.cacheBytes = this.#young.bytes + (this.#old === null ? 0 : this.#old.bytes)
    this.#cache.add(this.cacheBytes - before)
  }

  /** The young map is about to be merged with what was written to the base: it stays until `joined`. */
  beginJoining(): ByteMap {
    this.#joining = true
    return this.#young
  }

  /** `result` has all of young, and what was written. */
  joined(result: ByteMap): void {
    this.#joining = false
    // Nobody ranges over copies.
    result.dropOrder()
    this.#young = result
    this.#account()
  }

  /** Two reads of a key with so many others between that they fill a generation would not have met in one either. */
  #remember(): void {
    const { size, bytes } = this.#young
    const entries = size === 0 ? 0 : this.#cache.roomFor(this) / 2 / (bytes / size)
    const places = 2 ** Math.ceil(Math.log2(Math.min(MOST_PLACES, Math.max(LEAST_PLACES, entries))))
    if (this.#refused?.length !== places) this.#refused = new Int32Array(places)
  }

  /** Drops the older half. */
  shrink(): void {
    this.#old = null
    if (!this.#joining) {
      this.#remember()
      this.#old = this.#young
      this.#young = new ByteMap(this.#layout)
    }
    this.#count()
  }
}
