import { invariant } from '../errors/error.ts'
import { murmur2 } from '../hash/murmur2.ts'
import { ByteMap, type MapLayout } from './byte-map.ts'
import { DELETED, ENCODED, FRESH, TIMED } from './entry-flags.ts'
import { ChangeCursor } from './change-cursor.ts'
import { CleanLayer } from './clean-layer.ts'
import { type CountOptions, estimateCount } from './estimate-count.ts'
import { checkKeySize } from './key-limit.ts'
import { KeyList } from './key-list.ts'
import { openCursors } from './layer-cursor.ts'
import { LayeredIterator } from './layered-iterator.ts'
import type { StoreContext } from './store-context.ts'
import { TtlQueue } from './ttl-queue.ts'
import { touchLayers, worthTouching } from './touch-layers.ts'
import type { Base, ByteRange, KeyBatch, RawIterator, RawStore, Steps, StoreSpec } from './types.ts'
import { ValuePolicy } from './value-policy.ts'
import { suffixBytesOf } from './stored-serde.ts'

const NO_BYTES = new Uint8Array(0)
/** So many reads of the base make it worth to look at the keys of the next batch before. */
const PREFETCH_READS = 16
const MOST_PREFETCH_READS = 262_144

/**
 * One store of a task over its layers, newest first: active, frozen (uncommitted); merging, recent, flushing (committed,
 * not in the base yet); young, old (clean copies of what the base has); base. A key's hash is computed once per
 * operation and serves all of them.
 */
export class LayeredStore implements RawStore {
  readonly spec: StoreSpec
  readonly policy: ValuePolicy
  stamp = 0
  active: ByteMap
  frozen: ByteMap | null = null
  /** Committed, and on its way into `recent`, which it hides until it is there. */
  merging: ByteMap | null = null
  recent: ByteMap
  /** On its way into the base. */
  flushing: ByteMap | null = null
  /** Copies of what the base has. */
  readonly clean: CleanLayer
  /** Knows when entries end; null in a store without a TTL. */
  readonly ttl: TtlQueue | null
  /** Windows that end up to this have expired; the base drops them. */
  windowsExpiredMs: number
  #spare: ByteMap | null = null
  readonly #layout: MapLayout
  /** Reads that the base has answered since the last prefetch, and how many make the next one worth its cost. */
  #baseReads = 0
  #prefetchAt: number = PREFETCH_READS

  readonly #context: StoreContext
  readonly #base: Base
  readonly #name: string

  // Where the last search below `active` ended; null if nothing is visible.
  #hitMap: ByteMap | null = null
  #hitEntry = -1
  /** Has the entry that `#findKept` gave. */
  #keptMap: ByteMap
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
    const timed = this.policy.timed
    const ranged = spec.ranged !== false
    const suffixBytes = ranged && spec.fetched !== false ? suffixBytesOf(spec) : 0
    this.#layout = { ordered: ranged, suffixBytes, deadlines: timed }
    this.windowsExpiredMs = context.base.expiredBefore?.(spec.name) ?? Number.NEGATIVE_INFINITY
    this.active = new ByteMap(this.#layout)
    this.recent = new ByteMap(this.#layout)
    this.#keptMap = this.recent
    this.clean = new CleanLayer(context.cache, timed)
    this.ttl = spec.ttl === undefined || spec.ttl === null ? null : new TtlQueue(this, spec.ttl, context)
  }

  get(bytes: Uint8Array, start: number, end: number): unknown {
    const hash = murmur2(bytes, start, end)
    const active = this.active
    const entry = active.find(bytes, start, end, hash)
    if (entry >= 0) return this.#read(active, entry)
    const frozen = this.frozen
    const below = frozen === null ? -1 : frozen.find(bytes, start, end, hash)
    return below >= 0 ? this.#read(frozen as ByteMap, below) : this.#readCommitted(bytes, start, end, hash)
  }

  getCommitted(bytes: Uint8Array, start: number, end: number): unknown {
    return this.#readCommitted(bytes, start, end, murmur2(bytes, start, end))
  }

  #readCommitted(bytes: Uint8Array, start: number, end: number, hash: number): unknown {
    const kept = this.#findKept(bytes, start, end, hash)
    if (kept >= 0) return this.#read(this.#keptMap, kept)
    const base = this.#base
    if (base.get(this.#name, bytes, start, end, hash) !== 1) return undefined
    this.#baseReads++
    const { policy, clean, ttl } = this
    if (!policy.readsDirectly || clean.admits(hash)) {
      const added = this.#keepClean(bytes, start, end, hash)
      return this.#read(clean.map, added)
    }
    if (ttl !== null && policy.deadlineOf(base.valueBytes, base.valueStart) <= ttl.nowMs) return undefined
    return policy.decodeStored(base.valueBytes, base.valueStart, base.valueEnd)
  }

  #read(map: ByteMap, entry: number): unknown {
    const flags = map.flagsAt(entry)
    if (flags === 0) return map.valueAt(entry)
    if ((flags & DELETED) !== 0 || ((flags & TIMED) !== 0 && this.#ended(map, entry))) return undefined
    if ((flags & ENCODED) === 0) return map.valueAt(entry)
    const value = this.policy.expose(map.valueAt(entry), flags)
    if (this.policy.keepsDecoded) map.decodedAt(entry, value)
    return value
  }

  /** In a store with a TTL: the entry's time has come. */
  #ended(map: ByteMap, entry: number): boolean {
    return map.deadlineAt(entry) <= (this.ttl as TtlQueue).nowMs
  }

  /** False for a deletion, and for what has ended. */
  #visible(map: ByteMap, entry: number): boolean {
    const flags = map.flagsAt(entry)
    return (flags & DELETED) === 0 && ((flags & TIMED) === 0 || !this.#ended(map, entry))
  }

  locate(bytes: Uint8Array, start: number, end: number, hash: number = murmur2(bytes, start, end)): boolean {
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
    const there = this.#visible(active, entry)
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
    const isNew = entry < 0
    if (!isNew) {
      active.setAt(entry, kept, policy.flags | (active.flagsAt(entry) & FRESH), policy.bytes)
    } else {
      checkKeySize(this.#name, this.#end - this.#start, this.#context.maxKeyBytes)
      // With a TTL, something may be below although nothing is visible.
      const flags = this.#foundMap === null && !policy.timed ? policy.flags | FRESH : policy.flags
      entry = active.insert(this.#bytes, this.#start, this.#end, this.#hash, kept, flags, policy.bytes)
      this.#activeEntry = entry
    }
    if (this.ttl !== null) this.ttl.put(active, entry, isNew)
    this.#foundMap = active
    this.#foundEntry = entry
  }

  remove(): void {
    this.#assertLocated()
    const active = this.active
    if (this.#activeEntry >= 0) {
      this.#deleteAt(this.#activeEntry, this.#bytes, this.#start, this.#end, this.#hash)
    } else if (this.#foundMap !== null) {
      this.#activeEntry = active.insert(this.#bytes, this.#start, this.#end, this.#hash, 0, DELETED, 0)
    }
    this.#foundMap = null
  }

  #assertLocated(): void {
    // No text is made for each record.
    if (this.#located) return
    invariant(false, `store ${this.#name}: current, replace and remove need a location that still holds`)
  }

  put(bytes: Uint8Array, start: number, end: number, value: unknown): void {
    const policy = this.policy
    const kept = policy.admit(value)
    this.#leave()
    const hash = murmur2(bytes, start, end)
    const active = this.active
    let entry = active.find(bytes, start, end, hash)
    const isNew = entry < 0
    if (!isNew) {
      active.setAt(entry, kept, policy.flags | (active.flagsAt(entry) & FRESH), policy.bytes)
    } else {
      checkKeySize(this.#name, end - start, this.#context.maxKeyBytes)
      entry = active.insert(bytes, start, end, hash, kept, policy.flags, policy.bytes)
    }
    if (this.ttl !== null) this.ttl.put(active, entry, isNew)
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    this.#leave()
    const hash = murmur2(bytes, start, end)
    const active = this.active
    const entry = active.find(bytes, start, end, hash)
    if (entry >= 0) {
      this.#deleteAt(entry, bytes, start, end, hash)
    } else if (this.#existsBelow(bytes, start, end, hash)) {
      active.insert(bytes, start, end, hash, 0, DELETED, 0)
    }
  }

  /** Makes an entry of `active` a deletion: one that a commit leaves out, if there is nothing below that it hides. */
  #deleteAt(entry: number, bytes: Uint8Array, start: number, end: number, hash: number): void {
    const { active } = this
    const flags = active.flagsAt(entry)
    if ((flags & DELETED) !== 0) return
    const fresh = (flags & FRESH) !== 0 || !this.#existsBelow(bytes, start, end, hash)
    active.setAt(entry, 0, fresh ? DELETED | FRESH : DELETED, 0)
  }

  /** Deletes the key if its newest entry has ended; returns whether it had. */
  removeEnded(bytes: Uint8Array, start: number, end: number): boolean {
    const ttl = this.ttl as TtlQueue
    const hash = murmur2(bytes, start, end)
    for (const map of this.#layers) {
      const entry = map === null ? -1 : map.find(bytes, start, end, hash)
      if (entry < 0) continue
      const found = map as ByteMap
      if ((found.flagsAt(entry) & DELETED) !== 0 || !this.#ended(found, entry)) return false
      this.delete(bytes, start, end)
      return true
    }
    const base = this.#base
    if (base.get(this.#name, bytes, start, end, hash) !== 1) return false
    if (this.policy.deadlineOf(base.valueBytes, base.valueStart) > ttl.nowMs) return false
    this.#leave()
    this.active.insert(bytes, start, end, hash, 0, DELETED, 0)
    return true
  }

  /** Ends a location. */
  #leave(): void {
    this.stamp++
    this.#located = false
  }

  #found(map: ByteMap, entry: number): boolean {
    this.#hitEntry = entry
    if (this.#visible(map, entry)) {
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
    const kept = this.#findKept(bytes, start, end, hash)
    if (kept >= 0) return this.#found(this.#keptMap, kept)
    this.#hitMap = null
    if (this.#base.get(this.#name, bytes, start, end, hash) !== 1) return false
    this.#baseReads++
    const added = this.#keepClean(bytes, start, end, hash)
    return this.#found(this.clean.map, added)
  }

  /** The committed entry in memory, in `#keptMap`, or -1. */
  #findKept(bytes: Uint8Array, start: number, end: number, hash: number): number {
    let map = this.merging
    let entry = map === null ? -1 : map.find(bytes, start, end, hash)
    if (entry < 0) {
      map = this.recent
      entry = map.find(bytes, start, end, hash)
      if (entry < 0) {
        map = this.flushing
        entry = map === null ? -1 : map.find(bytes, start, end, hash)
        if (entry < 0) {
          const { clean } = this
          entry = clean.find(bytes, start, end, hash)
          map = clean.map
        }
      }
    }
    this.#keptMap = map as ByteMap
    return entry
  }

  /** Copies what the base has found into the clean layer; the entry there. */
  #keepClean(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const { policy, clean } = this
    const base = this.#base
    const kept = policy.load(base.valueBytes, base.valueStart, base.valueEnd)
    return clean.add(bytes, start, end, hash, kept, policy.loadedFlags, policy.bytes, policy.deadlineMs)
  }

  get #layers(): readonly (ByteMap | null)[] {
    return [this.active, this.frozen, this.merging, this.recent, this.flushing]
  }

  /** True if there is an entry below `active`, be it one that has ended; decodes nothing. */
  #existsBelow(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    for (const map of [this.frozen, this.merging, this.recent, this.flushing]) {
      const entry = map === null ? -1 : map.find(bytes, start, end, hash)
      if (entry >= 0) return ((map as ByteMap).flagsAt(entry) & DELETED) === 0
    }
    return this.clean.has(bytes, start, end, hash) || this.#base.get(this.#name, bytes, start, end, hash) === 1
  }

  prefetch(keys: KeyBatch): Promise<void> | null {
    const base = this.#base
    this.#baseReads = 0
    if (base.prefetch === undefined) return null
    const missing = new KeyList()
    for (let i = 0; i < keys.count; i++) {
      const start = keys.starts[i] as number
      const end = keys.ends[i] as number
      const hash = keys.hashes[i] as number
      if (!this.#inMemory(keys.bytes, start, end, hash)) missing.add(keys.bytes, start, end, hash)
    }
    const promise = missing.count === 0 ? null : base.prefetch(this.#name, missing)
    // Where all is in memory, ask less and less often.
    this.#prefetchAt = promise === null ? Math.min(this.#prefetchAt * 2, MOST_PREFETCH_READS) : PREFETCH_READS
    return promise
  }

  #inMemory(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    for (const map of this.#layers) {
      if (map !== null && map.find(bytes, start, end, hash) >= 0) return true
    }
    return this.clean.has(bytes, start, end, hash)
  }

  expireWindows(beforeEndMs: number): boolean {
    const drops = this.#base.dropsWindows?.(this.#name) === true
    const hears = drops || this.#base.hearsOfWindows?.(this.#name) === true
    if (hears && beforeEndMs > this.windowsExpiredMs) this.windowsExpiredMs = beforeEndMs
    return drops
  }

  get wantsTouch(): boolean {
    return worthTouching(this.active, this.recent)
  }

  touch(hashes: Int32Array, count: number): void {
    touchLayers(this.active, this.recent, hashes, count)
  }

  get wantsPrefetch(): boolean {
    return this.#baseReads >= this.#prefetchAt && this.#base.prefetch !== undefined
  }

  range(range: ByteRange): RawIterator {
    return this.#iterate(this.#layers, range)
  }

  rangeCommitted(range: ByteRange): RawIterator {
    return this.#iterate([this.merging, this.recent, this.flushing], range)
  }

  #iterate(layers: readonly (ByteMap | null)[], range: ByteRange): RawIterator {
    const { iterators, watch } = this.#context
    iterators.admit(this.#name)
    const iterator = new LayeredIterator({
      cursors: openCursors(layers, range),
      base: this.#base.scan(this.#name, { ...range, limit: Number.POSITIVE_INFINITY }),
      policy: this.policy,
      range,
      nowMs: this.ttl === null ? Number.NEGATIVE_INFINITY : this.ttl.nowMs,
      store: this.#name,
    })
    iterators.add(iterator.sources)
    watch?.(iterator, this.#name)
    return iterator
  }

  /** Sorts what is not in order yet, in steps, so that the next range need not. */
  *prepareRange(): Steps {
    for (const map of [this.merging, this.recent, this.flushing]) {
      if (map !== null) yield* map.prepareOrder()
    }
  }

  approximateCount(options?: CountOptions): number {
    const nowMs = this.ttl === null ? null : this.ttl.nowMs
    return estimateCount(this.#layers, this.#base, this.#name, this.policy, nowMs, options)
  }

  changes(): ChangeCursor {
    return new ChangeCursor(this.active, this.policy)
  }

  /** The active map becomes the frozen one. */
  freeze(): void {
    this.#leave()
    const active = this.active
    if (active.size === 0) return
    this.frozen = active
    this.active = this.#spare ?? new ByteMap(this.#layout)
    this.#spare = null
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
    if (!map.reusable) return
    if (this.#spare !== null && this.#spare.room >= map.room) return
    map.clear()
    this.#spare = map
  }

  /** `recent` is about to be written to the base. */
  beginFlush(): void {
    this.flushing = this.recent
    this.recent = new ByteMap(this.#layout)
  }

  /** The flush failed: `result` has all that was flushing and all that came to `recent` since. */
  tookBack(result: ByteMap): void {
    this.recent = result
    this.flushing = null
  }

  /** What was flushed is in the base, and, with all of the young clean map, in `result`. */
  cleaned(result: ByteMap): void {
    this.flushing = null
    this.clean.joined(result)
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
