import type { ByteMap } from './byte-map.ts'
import { KeyLog } from './key-log.ts'
import { keyAfter } from './prefix.ts'
import type { StoreTime, TaskClock } from './task-clock.ts'
import type { Base, StoreTtl } from './types.ts'
import type { ValuePolicy } from './value-policy.ts'

/** Buckets of keys that one duration is cut into. */
const BUCKETS = 64
/** Walks over the base per duration, at most, while the queue does not know all keys. */
const WALKS = 8
const MAX_QUEUE_BYTES: number = 16 * 1024 * 1024
/** Keys that a call may look at for each that it may remove. */
const LOOKS = 4

/** What the queue needs of its store. */
export interface TimedStore {
  readonly spec: { readonly name: string }
  readonly policy: ValuePolicy
  /** Deletes the key if its newest entry has ended; returns whether it had. */
  removeEnded(bytes: Uint8Array, start: number, end: number): boolean
}

export interface TtlContext {
  readonly base: Base
  readonly clock: TaskClock
  /** Bytes of keys the queue may hold; default 16 MiB. */
  readonly ttlQueueBytes?: number
}

/**
 * When the entries of one store end: gives each put its deadline, and removes what has ended, a few at a time. What has
 * ended is out of sight before that: see `nowMs`.
 *
 * Keys stand in buckets by their deadline, so that those that have ended come first, without a look at the others. What
 * the queue does not know, because it was in the base when the task was opened or because its memory was full, is found
 * by walks over the base, at most eight per duration, and none any more once a walk has put all that is left into the
 * queue. A key that was put again stands in two buckets: it is looked at twice.
 */
export class TtlQueue {
  /** What comes of it is a deadline of its own on each entry, kept in the map. */
  readonly #store: TimedStore
  readonly #ttl: StoreTtl
  readonly #base: Base
  readonly #clock: TaskClock
  /** Null: by processing time. */
  readonly #time: StoreTime | null
  readonly #bucketMs: number
  readonly #walkEveryMs: number
  readonly #maxBytes: number
  readonly #buckets = new Map<number, KeyLog>()
  #first: number = Number.POSITIVE_INFINITY
  #bytes = 0
  /** Every entry is in the queue. */
  #complete: boolean
  #walkFrom: Uint8Array | null = null
  #walking = false
  /** Something was left out since the walk at hand began. */
  #leftOut = false
  /** Not known before the time is: a restart does not begin with a walk. */
  #nextWalkMs = Number.POSITIVE_INFINITY

  constructor(store: TimedStore, ttl: StoreTtl, context: TtlContext) {
    this.#store = store
    this.#ttl = ttl
    this.#base = context.base
    this.#clock = context.clock
    this.#time = ttl.time === 'event' ? context.clock.timeOf(store.spec.name) : null
    this.#bucketMs = Math.max(1, Math.ceil(ttl.durationMs / BUCKETS))
    this.#walkEveryMs = Math.ceil(ttl.durationMs / WALKS)
    this.#maxBytes = context.ttlQueueBytes ?? MAX_QUEUE_BYTES
    this.#complete = context.base.approximateCount(store.spec.name) === 0
  }

  /** The store's time: entries with a deadline at or before it have ended. Minus infinity: not known yet. */
  get nowMs(): number {
    return this.#time === null ? this.#clock.processingMs : this.#time.ms
  }

  /**
   * An entry of `map` was put: gives it its deadline. Before the time is known, entries are given none. `isNew`: the map
   * did not have the key.
   */
  put(map: ByteMap, entry: number, isNew: boolean): void {
    const { nowMs } = this
    const deadlineMs = Number.isFinite(nowMs) ? nowMs + this.#ttl.durationMs : Number.POSITIVE_INFINITY
    const before = isNew ? Number.POSITIVE_INFINITY : map.deadlineAt(entry)
    map.setDeadlineAt(entry, deadlineMs)
    // A key that is put again and again is in the bucket already.
    if (before <= deadlineMs && this.#bucketOf(before) === this.#bucketOf(deadlineMs)) return
    const start = map.keyStartAt(entry)
    this.expect(map.keyChunkAt(entry), start, start + map.keyLengthAt(entry), deadlineMs)
  }

  /** There is an entry with this deadline. */
  expect(bytes: Uint8Array, start: number, end: number, deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    if (this.#bytes >= this.#maxBytes) {
      this.#complete = false
      this.#leftOut = true
      return
    }
    const number = this.#bucketOf(deadlineMs)
    let bucket = this.#buckets.get(number)
    if (bucket === undefined) {
      bucket = new KeyLog()
      this.#buckets.set(number, bucket)
      if (number < this.#first) this.#first = number
    }
    this.#bytes += bucket.add(bytes, start, end)
  }

  #bucketOf(deadlineMs: number): number {
    return Math.floor(deadlineMs / this.#bucketMs)
  }

  /** There is something to do for `expire`. */
  get due(): boolean {
    const { nowMs } = this
    return this.#firstDue(nowMs) || this.#walking || (!this.#complete && nowMs >= this.#nextWalkMs)
  }

  /** All of the first bucket has ended. */
  #firstDue(nowMs: number): boolean {
    return (this.#first + 1) * this.#bucketMs <= nowMs
  }

  /** Removes up to `most` entries that have ended, and looks at no more than four times as many; returns how many. */
  expire(most: number): number {
    const { nowMs } = this
    if (!Number.isFinite(nowMs)) return 0
    if (this.#nextWalkMs === Number.POSITIVE_INFINITY) this.#nextWalkMs = nowMs + this.#walkEveryMs
    let removed = 0
    let looks = most * LOOKS
    while (removed < most && looks > 0 && this.#firstDue(nowMs)) {
      const bucket = this.#buckets.get(this.#first) as KeyLog
      if (!bucket.next()) {
        this.#drop(this.#first, bucket)
        continue
      }
      looks--
      if (this.#store.removeEnded(bucket.bytes, bucket.start, bucket.end)) removed++
    }
    if (removed < most && looks > 0) removed += this.#walk(nowMs, most - removed, looks)
    return removed
  }

  #drop(number: number, bucket: KeyLog): void {
    this.#bytes -= bucket.sizeBytes
    this.#buckets.delete(number)
    this.#first = Number.POSITIVE_INFINITY
    for (const other of this.#buckets.keys()) if (other < this.#first) this.#first = other
  }

  #walk(nowMs: number, most: number, looks: number): number {
    if (!this.#walking) {
      if (this.#complete || nowMs < this.#nextWalkMs) return 0
      this.#walking = true
      this.#leftOut = false
      this.#walkFrom = null
      this.#nextWalkMs = nowMs + this.#walkEveryMs
    }
    const base = this.#base
    const { name } = this.#store.spec
    const cursor = base.scan(name, { from: this.#walkFrom, to: null, reverse: false, limit: looks })
    const ended: Uint8Array[] = []
    let seen = 0
    while (ended.length < most && cursor.next()) {
      seen++
      const { key } = cursor
      const deadlineMs = this.#store.policy.deadlineOf(cursor.valueBytes, cursor.valueStart)
      if (deadlineMs <= nowMs) ended.push(key.slice())
      else this.expect(key, 0, key.length, deadlineMs)
      this.#walkFrom = keyAfter(key)
    }
    cursor.close()
    if (seen < looks && ended.length < most) this.#endWalk()
    let removed = 0
    for (const key of ended) if (this.#store.removeEnded(key, 0, key.length)) removed++
    return removed
  }

  #endWalk(): void {
    this.#walking = false
    this.#complete = !this.#leftOut
  }
}
