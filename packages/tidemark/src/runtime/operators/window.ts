import type { WindowSpec } from '../../dsl/topology.ts'
import type { RawStore } from '../../store/types.ts'
import { WindowExpiry } from '../../store/window-expiry.ts'
import { WindowKeys } from '../../store/window-key.ts'
import type { Origin } from '../message.ts'
import { Row } from '../row.ts'
import type { Fold } from './aggregate.ts'
import type { BatchKeys } from '../prefetch.ts'
import { murmur2 } from '../../hash/murmur2.ts'
import { readKeyTime, TIME_BYTES, writeKeyTime } from '../../serde/time-bytes.ts'
import { KeyList } from '../../store/key-list.ts'
import { Operator } from './operator.ts'

const EXPIRE_STEP = 1000
const ROWS_PER_SIGN_OF_LIFE = 1024
/** Behind all times: says that windows were emitted before they closed, so that any of them may be pending again. */
const FLUSHED = Uint8Array.of(0xff)

export interface WindowOperatorOptions {
  readonly store: RawStore
  readonly pending: RawStore
  readonly window: WindowSpec
  readonly fold: Fold
  readonly origin: Origin
  /** Something downstream wants the rows. */
  readonly emits: boolean
  readonly dropped: () => void
  readonly late: () => void
  /** Many windows may be emitted at once: said in between. */
  readonly alive: () => void
}

/**
 * Tumbling windows by event time. A row goes downstream when its window closes (watermark >= end + grace), in order of
 * window end, then of key bytes: so the order does not depend on how the watermark came. When the input ends, windows
 * that changed since their last row are emitted as they are, and stay open: more input goes on counting in them.
 * Messages for a closed window are late: counted, dropped.
 */
export class WindowOperator extends Operator {
  readonly #options: WindowOperatorOptions
  readonly #keys: WindowKeys
  readonly #expiry: WindowExpiry
  readonly #row: Row
  readonly #pendingKey: PendingKey = new PendingKey()
  readonly #ahead: KeyList = new KeyList()
  readonly #sizeMs: number
  readonly #graceMs: number
  #flushed: boolean
  #earliestEndMs: number = Number.NEGATIVE_INFINITY
  #passedMs: number = Number.NEGATIVE_INFINITY
  /** No window before this key is pending: what was deleted there need not be passed over again and again. */
  #from: Uint8Array | null = null

  constructor(options: WindowOperatorOptions) {
    super()
    this.#options = options
    this.#sizeMs = options.window.sizeMs
    this.#graceMs = options.window.graceMs
    this.#keys = new WindowKeys(options.store.spec.name, this.#sizeMs)
    this.#expiry = new WindowExpiry(options.store)
    this.#row = new Row(options.origin)
    this.#flushed = options.pending.get(FLUSHED, 0, FLUSHED.length) !== undefined
  }

  override process(row: Row): void {
    if (!row.hasKey) {
      this.#options.dropped()
      return
    }
    const start = Math.floor(row.timestamp / this.#sizeMs) * this.#sizeMs
    const end = start + this.#sizeMs
    if (end + this.#graceMs <= row.watermarkMs) {
      this.#options.late()
      return
    }
    const { store, fold } = this.#options
    row.encodeKeyAs(store.spec.key)
    const keys = this.#keys
    keys.encode(row.keyBytes, row.keyStart, row.keyEnd, start, end)
    store.locate(keys.bytes, 0, keys.end)
    const before = store.current()
    store.replace(fold(before, row))
    if (before === undefined) this.#expiry.added(end)
    if (this.#options.emits && (before === undefined || this.#flushed)) this.#setPending(row, end)
  }

  override get wantsPrefetch(): boolean {
    return this.#options.store.wantsPrefetch
  }

  override prefetch({ keys, times, serde }: BatchKeys): Promise<void> | null {
    const { store } = this.#options
    if (times === null || serde.name !== store.spec.key.name) return null
    const ahead = this.#ahead
    const windows = this.#keys
    ahead.clear()
    for (let i = 0; i < keys.count; i++) {
      const start = Math.floor((times[i] as number) / this.#sizeMs) * this.#sizeMs
      windows.encode(keys.bytes, keys.starts[i] as number, keys.ends[i] as number, start, start + this.#sizeMs)
      ahead.add(windows.bytes, 0, windows.end, murmur2(windows.bytes, 0, windows.end))
    }
    return store.prefetch(ahead)
  }

  #setPending(row: Row, end: number): void {
    const key = this.#pendingKey
    key.encode(end, row.keyBytes, row.keyStart, row.keyEnd)
    this.#options.pending.put(key.bytes, 0, key.end, 1)
    if (end < this.#earliestEndMs) this.#earliestEndMs = end
  }

  override advance(watermarkMs: number): void {
    const closedMs = watermarkMs - this.#graceMs
    if (this.#options.emits && this.#earliestEndMs <= closedMs) {
      this.#emit(closedMs)
    }
    this.#expiry.expire(watermarkMs, EXPIRE_STEP)
    // Rows still to come carry times of windows that are not closed: at least the watermark less the grace.
    if (closedMs > this.#passedMs) {
      this.#passedMs = closedMs
      this.next.advance(closedMs)
    }
  }

  override end(): void {
    if (this.#options.emits) {
      const emitted = this.#emit(Number.POSITIVE_INFINITY)
      if (emitted > 0 && !this.#flushed) {
        this.#flushed = true
        this.#options.pending.put(FLUSHED, 0, FLUSHED.length, 1)
      }
    }
    this.next.end()
  }

  /** Emits the pending windows that end at or before `untilMs`; returns how many. */
  #emit(untilMs: number): number {
    const { pending, store, origin } = this.#options
    const key = this.#pendingKey
    const all = untilMs === Number.POSITIVE_INFINITY
    const to = all ? FLUSHED : key.bound(untilMs + 1)
    using cursor = pending.range({ from: this.#from, to, reverse: false, limit: Number.POSITIVE_INFINITY })
    let count = 0
    while (cursor.next()) {
      const bytes = cursor.key
      const end = key.endOf(bytes)
      const start = end - this.#sizeMs
      this.#keys.encode(bytes, TIME_BYTES, bytes.length, start, end)
      const value = store.get(this.#keys.bytes, 0, this.#keys.end)
      const userKey = store.spec.key.read(bytes, TIME_BYTES, bytes.length)
      pending.delete(bytes, 0, bytes.length)
      if (++count % ROWS_PER_SIGN_OF_LIFE === 0) this.#options.alive()
      const row = this.#row
      row.make(
        origin,
        store.spec.key,
        userKey,
        { key: userKey, window: { start, end }, value },
        end - 1,
        this.#passedMs,
      )
      this.next.process(row)
    }
    // Nothing pending is left at or before the border, and what comes for such a window is late. Those that were emitted since
    // the input has ended may become pending again.
    if (!all) this.#from = to
    this.#earliestEndMs = this.#nextPending()
    return count
  }

  #nextPending(): number {
    using cursor = this.#options.pending.range({ from: this.#from, to: FLUSHED, reverse: false, limit: 1 })
    return cursor.next() ? this.#pendingKey.endOf(cursor.key) : Number.POSITIVE_INFINITY
  }
}

/** Window end (8 bytes, big-endian, sign flipped) and the user's key: pending windows in order of their end. */
class PendingKey {
  bytes: Uint8Array = new Uint8Array(256)
  end = 0

  encode(endMs: number, key: Uint8Array, start: number, end: number): void {
    const length = TIME_BYTES + end - start
    if (length > this.bytes.length) this.bytes = new Uint8Array(length * 2)
    writeKeyTime(this.bytes, 0, endMs)
    for (let i = start, at = TIME_BYTES; i < end; i++, at++) this.bytes[at] = key[i] as number
    this.end = length
  }

  bound(endMs: number): Uint8Array {
    const bytes = new Uint8Array(TIME_BYTES)
    writeKeyTime(bytes, 0, Math.floor(endMs))
    return bytes
  }

  endOf(key: Uint8Array): number {
    return readKeyTime(key, 0)
  }
}

/** toTable of rows into a windows store: keeps each row's value under its key and window; a null value deletes. */
export class WindowTableOperator extends Operator {
  readonly #store: RawStore
  readonly #keys: WindowKeys
  readonly #expiry: WindowExpiry

  constructor(store: RawStore) {
    super()
    this.#store = store
    this.#keys = new WindowKeys(store.spec.name, store.spec.windowSizeMs)
    this.#expiry = new WindowExpiry(store)
  }

  override process(row: Row): void {
    const { window, value } = row.value as { readonly window: WindowRange; readonly value: unknown }
    row.encodeKeyAs(this.#store.spec.key)
    const keys = this.#keys
    keys.encode(row.keyBytes, row.keyStart, row.keyEnd, window.start, window.end)
    if (value === null || value === undefined) this.#store.delete(keys.bytes, 0, keys.end)
    else {
      this.#store.put(keys.bytes, 0, keys.end, value)
      this.#expiry.added(window.end)
    }
    this.next.process(row)
  }

  override advance(watermarkMs: number): void {
    this.#expiry.expire(watermarkMs, EXPIRE_STEP)
    this.next.advance(watermarkMs)
  }
}

interface WindowRange {
  readonly start: number
  readonly end: number
}
