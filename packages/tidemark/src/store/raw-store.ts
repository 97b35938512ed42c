import { invariant, TidemarkError } from '../errors/error.ts'
import { murmur2 } from '../hash/murmur2.ts'
import { ByteMap, DELETED, ENCODED, FRESH } from './byte-map.ts'
import type { CacheBudget, CacheMember } from './cache-budget.ts'
import { estimateCount } from './estimate-count.ts'
import { LayeredIterator } from './layered-iterator.ts'
import type { Base, ByteRange, RawIterator, RawStore, StoreSpec } from './types.ts'
import { ValuePolicy } from './value-policy.ts'

const NO_BYTES = new Uint8Array(0)
/** Larger maps are not kept for reuse: emptying them would take longer than a step may. */
const MAX_SPARE_ENTRIES = 200_000

/** What all stores of a task share. */
export interface StoreContext {
  readonly task: string
  readonly base: Base
  readonly cache: CacheBudget
  readonly maxKeyBytes: number
  readonly maxValueBytes: number
  /** Told about each new iterator, in development. */
  readonly watch: ((iterator: LayeredIterator, store: string) => void) | null
}

/**
 * One store of a task over its layers, newest first: active, frozen (uncommitted); merging, recent, flushing (committed,
 * not in the base yet); young, old (clean copies of what the base has); base. A key's hash is computed once per
 * operation and serves all of them.
 */
export class LayeredStore implements RawStore, CacheMember {
  readonly spec: StoreSpec
  readonly policy: ValuePolicy
  stamp = 0
  active: ByteMap = new ByteMap()
  frozen: ByteMap | null = null
  /** Committed, and on its way into `recent`, which it hides until it is there. */
  merging: ByteMap | null = null
  recent: ByteMap = new ByteMap()
  /** On its way into the base. */
  flushing: ByteMap | null = null
  #young = new ByteMap()
  #old: ByteMap | null = null
  #cleaning = false
  #spare: ByteMap | null = null

  readonly #context: StoreContext
  readonly #base: Base
  readonly #name: string

  // Where the last search below `active` ended; null if nothing is visible.
  #hitMap: ByteMap | null = null
  #hitEntry = -1
  // What was located: the map and entry that are visible, the entry in `active`, and the key.
  #located = false
  #foundMap: ByteMap | null = null
  #foundEntry = -1
  #activeEntry = -1
  #bytes: Uint8Array = NO_BYTES
  #start = 0
  #end = 0
  #hash = 0

  constructor(spec: StoreSpec, context: StoreContext) {
    this.spec = spec
    this.#context = context
    this.#base = context.base
    this.#name = spec.name
    this.policy = new ValuePolicy(spec, context.maxValueBytes)
  }

  get(bytes: Uint8Array, start: number, end: number): unknown {
    const hash = murmur2(bytes, start, end)
    const active = this.active
    const entry = active.find(bytes, start, end, hash)
    if (entry >= 0) return this.#read(active, entry)
    return this.#findBelow(bytes, start, end, hash) ? this.#read(this.#hitMap as ByteMap, this.#hitEntry) : undefined
  }

  getCommitted(bytes: Uint8Array, start: number, end: number): unknown {
    const hash = murmur2(bytes, start, end)
    return this.#findCommitted(bytes, start, end, hash)
      ? this.#read(this.#hitMap as ByteMap, this.#hitEntry)
      : undefined
  }

  #read(map: ByteMap, entry: number): unknown {
    const flags = map.flagsAt(entry)
    if (flags === 0) return map.valueAt(entry)
    if ((flags & DELETED) !== 0) return undefined
    if ((flags & ENCODED) === 0) return map.valueAt(entry)
    const value = this.policy.expose(map.valueAt(entry), flags)
    if (this.policy.keepsDecoded) map.decodedAt(entry, value)
    return value
  }

  locate(bytes: Uint8Array, start: number, end: number): boolean {
    const hash = murmur2(bytes, start, end)
    this.stamp++
    this.#located = true
    this.#bytes = bytes
    this.#start = start
    this.#end = end
    this.#hash = hash
    const active = this.active
    const entry = active.find(bytes, start, end, hash)
    this.#activeEntry = entry
    if (entry < 0) {
      const below = this.#findBelow(bytes, start, end, hash)
      this.#foundMap = this.#hitMap
      this.#foundEntry = this.#hitEntry
      return below
    }
    const there = (active.flagsAt(entry) & DELETED) === 0
    this.#foundMap = there ? active : null
    this.#foundEntry = entry
    return there
  }

  current(): unknown {
    this.#assertLocated()
    const map = this.#foundMap
    return map === null ? undefined : this.#read(map, this.#foundEntry)
  }

  replace(value: unknown): void {
    this.#assertLocated()
    const policy = this.policy
    const kept = policy.admit(value)
    const active = this.active
    let entry = this.#activeEntry
    if (entry >= 0) {
      active.setAt(entry, kept, policy.flags | (active.flagsAt(entry) & FRESH), policy.bytes)
    } else {
      if (this.#end - this.#start > this.#context.maxKeyBytes) throw this.#keyTooLarge(this.#end - this.#start)
      const flags = this.#foundMap === null ? policy.flags | FRESH : policy.flags
      entry = active.insert(this.#bytes, this.#start, this.#end, this.#hash, kept, flags, policy.bytes)
      this.#activeEntry = entry
    }
    this.#foundMap = active
    this.#foundEntry = entry
  }

  remove(): void {
    this.#assertLocated()
    const active = this.active
    if (this.#activeEntry >= 0) {
      active.setAt(this.#activeEntry, 0, DELETED | (active.flagsAt(this.#activeEntry) & FRESH), 0)
    } else if (this.#foundMap !== null) {
      this.#activeEntry = active.insert(this.#bytes, this.#start, this.#end, this.#hash, 0, DELETED, 0)
    }
    this.#foundMap = null
  }

  #assertLocated(): void {
    invariant(this.#located, `store ${this.#name}: current, replace and remove need a location that still holds`)
  }

  put(bytes: Uint8Array, start: number, end: number, value: unknown): void {
    const policy = this.policy
    const kept = policy.admit(value)
    this.#leave()
    const hash = murmur2(bytes, start, end)
    const active = this.active
    const entry = active.find(bytes, start, end, hash)
    if (entry >= 0) {
      active.setAt(entry, kept, policy.flags | (active.flagsAt(entry) & FRESH), policy.bytes)
      return
    }
    if (end - start > this.#context.maxKeyBytes) throw this.#keyTooLarge(end - start)
    active.insert(bytes, start, end, hash, kept, policy.flags, policy.bytes)
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    this.#leave()
    const hash = murmur2(bytes, start, end)
    const active = this.active
    const entry = active.find(bytes, start, end, hash)
    if (entry >= 0) {
      active.setAt(entry, 0, DELETED | (active.flagsAt(entry) & FRESH), 0)
    } else if (this.#existsBelow(bytes, start, end, hash)) {
      active.insert(bytes, start, end, hash, 0, DELETED, 0)
    }
  }

  /** Ends a location. */
  #leave(): void {
    this.stamp++
    this.#located = false
  }

  #keyTooLarge(sizeBytes: number): TidemarkError {
    const limitBytes = this.#context.maxKeyBytes
    return new TidemarkError(
      'ERR_KEY_TOO_LARGE',
      `store ${this.#name}: a key takes ${sizeBytes} bytes, more than the limit of ${limitBytes}. Use a hash of it`,
      { details: { store: this.#name, sizeBytes, limitBytes } },
    )
  }

  #found(map: ByteMap, entry: number): boolean {
    this.#hitEntry = entry
    if ((map.flagsAt(entry) & DELETED) === 0) {
      this.#hitMap = map
      return true
    }
    this.#hitMap = null
    return false
  }

  #findBelow(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    const map = this.frozen
    if (map !== null) {
      const entry = map.find(bytes, start, end, hash)
      if (entry >= 0) return this.#found(map, entry)
    }
    return this.#findCommitted(bytes, start, end, hash)
  }

  #findCommitted(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    let map = this.merging
    let entry = map === null ? -1 : map.find(bytes, start, end, hash)
    if (entry < 0) {
      map = this.recent
      entry = map.find(bytes, start, end, hash)
      if (entry < 0) {
        map = this.flushing
        entry = map === null ? -1 : map.find(bytes, start, end, hash)
      }
    }
    if (entry >= 0) return this.#found(map as ByteMap, entry)
    return this.#findClean(bytes, start, end, hash)
  }

  #findClean(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    const young = this.#young
    const entry = young.find(bytes, start, end, hash)
    if (entry >= 0) return this.#found(young, entry)
    const old = this.#old
    if (old !== null) {
      const at = old.find(bytes, start, end, hash)
      if (at >= 0) {
        return this.#keepClean(bytes, start, end, hash, old.valueAt(at), old.flagsAt(at), old.valueBytesAt(at))
      }
    }
    const base = this.#base
    this.#hitMap = null
    if (base.get(this.#name, bytes, start, end, hash) !== 1) return false
    const policy = this.policy
    const kept = policy.load(base.valueBytes, base.valueStart, base.valueEnd)
    return this.#keepClean(bytes, start, end, hash, kept, policy.loadedFlags, policy.bytes)
  }

  #keepClean(
    bytes: Uint8Array,
    start: number,
    end: number,
    hash: number,
    value: unknown,
    flags: number,
    valueBytes: number,
  ): boolean {
    const young = this.#young
    const before = young.bytes
    const entry = young.insert(bytes, start, end, hash, value, flags, valueBytes)
    const cache = this.#context.cache
    cache.add(young.bytes - before)
    if (young.bytes * 2 > cache.roomFor(this)) this.#rotate()
    return this.#found(young, entry)
  }

  /** True if the key is visible below `active`; decodes nothing. */
  #existsBelow(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    for (const map of [this.frozen, this.merging, this.recent, this.flushing, this.#young, this.#old]) {
      const entry = map === null ? -1 : map.find(bytes, start, end, hash)
      if (entry >= 0) return ((map as ByteMap).flagsAt(entry) & DELETED) === 0
    }
    return this.#base.get(this.#name, bytes, start, end, hash) === 1
  }

  range(range: ByteRange): RawIterator {
    return this.#iterate([this.active, this.frozen, this.merging, this.recent, this.flushing], range)
  }

  rangeCommitted(range: ByteRange): RawIterator {
    return this.#iterate([this.merging, this.recent, this.flushing], range)
  }

  #iterate(layers: readonly (ByteMap | null)[], range: ByteRange): RawIterator {
    const filled = layers.filter((map): map is ByteMap => map !== null && map.size > 0)
    const iterator = new LayeredIterator(
      filled,
      this.#base.scan(this.#name, { ...range, limit: Number.POSITIVE_INFINITY }),
      this.policy,
      range,
    )
    this.#context.watch?.(iterator, this.#name)
    return iterator
  }

  approximateCount(): number {
    return estimateCount([this.active, this.frozen, this.merging, this.recent, this.flushing], this.#base, this.#name)
  }

  /** Puts an entry of a committed delta into recent; `valueStart` is -1 for a deletion. */
  restore(bytes: Uint8Array, start: number, end: number, valueStart: number, valueEnd: number): void {
    const policy = this.policy
    const deleted = valueStart < 0
    const kept = deleted ? 0 : policy.load(bytes, valueStart, valueEnd)
    const flags = deleted ? DELETED : policy.loadedFlags
    const valueBytes = deleted ? 0 : policy.bytes
    const hash = murmur2(bytes, start, end)
    const recent = this.recent
    const entry = recent.find(bytes, start, end, hash)
    if (entry >= 0) recent.setAt(entry, kept, flags, valueBytes)
    else recent.insert(bytes, start, end, hash, kept, flags, valueBytes)
  }

  /** The active map becomes the frozen one. */
  freeze(): void {
    this.#leave()
    const active = this.active
    if (active.size === 0) return
    this.frozen = active
    this.active = this.#spare ?? new ByteMap()
    this.#spare = null
    // Once somebody has asked for ranges, order is kept up from the first entry on.
    if (active.ordered) this.active.keepOrder()
  }

  /** Committed: the frozen map joins recent, at once where that is free. Returns true if a merge is left to do. */
  commit(): boolean {
    const frozen = this.frozen
    this.frozen = null
    if (frozen === null) return false
    if (this.recent.size === 0) {
      this.recent = frozen
      return false
    }
    this.merging = frozen
    return true
  }

  /** `merging` is in `result`, which is it or `recent`. */
  merged(result: ByteMap): void {
    const loser = result === this.recent ? this.merging : this.recent
    this.recent = result
    this.merging = null
    if (loser !== null) this.#recycle(loser)
  }

  #recycle(map: ByteMap): void {
    if (map.undo.views > 0 || map.room > MAX_SPARE_ENTRIES || map.size * 8 < map.room) return
    if (this.#spare !== null && this.#spare.room >= map.room) return
    map.clear()
    this.#spare = map
  }

  /** `recent` is about to be written to the base. */
  beginFlush(): void {
    this.flushing = this.recent
    this.recent = new ByteMap()
    if (this.flushing.ordered) this.recent.keepOrder()
  }

  /** The flush failed: `result` has all that was flushing and all that came to `recent` since. */
  tookBack(result: ByteMap): void {
    this.recent = result
    this.flushing = null
  }

  /** The clean map that what was flushed has to join, while `cleaning`. */
  beginCleaning(): ByteMap {
    this.#cleaning = true
    return this.#young
  }

  /** What was flushed is in the base, and, with all of `young`, in `result`. */
  cleaned(result: ByteMap): void {
    const before = this.cacheBytes
    this.#cleaning = false
    this.flushing = null
    this.#young = result
    const cache = this.#context.cache
    cache.add(this.cacheBytes - before)
    if (result.bytes * 2 > cache.roomFor(this)) this.#rotate()
  }

  get cacheBytes(): number {
    return this.#young.bytes + (this.#old === null ? 0 : this.#old.bytes)
  }

  shrink(): void {
    this.#rotate()
  }

  /** Drops the older half of the clean values. */
  #rotate(): void {
    const before = this.cacheBytes
    this.#old = null
    if (!this.#cleaning) {
      this.#old = this.#young
      this.#young = new ByteMap()
    }
    this.#context.cache.add(this.cacheBytes - before)
  }

  get activeBytes(): number {
    return this.active.bytes
  }

  get recentBytes(): number {
    return this.recent.bytes + (this.merging === null ? 0 : this.merging.bytes)
  }

  get flushingBytes(): number {
    return this.flushing === null ? 0 : this.flushing.bytes
  }
}
