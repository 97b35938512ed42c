import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { KeyEncoder } from './key-encoder.ts'
import { KeyedReader } from './keyed-reader.ts'
import type { RangeOptions } from './kv-store.ts'
import { StoreIterator } from './store-iterator.ts'
import type { RawIterator, RawStore } from './types.ts'
import { WindowExpiry } from './window-expiry.ts'
import type { WindowEntry } from './window-store.ts'

/** A session's time: from its first event to its last one plus the gap, ms since 1970, end exclusive. */
export interface SessionWindow {
  readonly start: number
  readonly end: number
}

/** What can be read of a session store: as its task sees it, or as of the last commit. */
export class SessionReader<K, V> extends KeyedReader<K> {
  protected readonly expiry: WindowExpiry

  constructor(raw: RawStore, keys: KeyEncoder<K>, expiry: WindowExpiry, committed: boolean) {
    super(raw, keys, 'two', committed)
    this.expiry = expiry
  }

  /** The value of the session with this start and end, or undefined. Errors: ERR_NULL_KEY, ERR_WINDOW_INVALID. */
  get(key: K, window: SessionWindow): DeepReadonly<V> | undefined {
    this.encodeSession(key, window)
    if (this.expiry.isExpired(window.end)) return undefined
    return this.read() as DeepReadonly<V> | undefined
  }

  /** Sessions of a key that have a moment of [fromMs, toMs), by start. */
  findSessions(key: K, fromMs: number, toMs: number, options: RangeOptions = {}): StoreIterator<WindowEntry<K, V>> {
    this.encodeKey(key)
    // Sessions of a key never overlap, so only the last one that starts before `fromMs` can reach into the time.
    const before = this.rangeOfKey(null, fromMs, true)
    const reaches = before.next() && this.suffixes.endOf(before.key) > fromMs
    const from = reaches ? this.suffixes.startOf(before.key) : fromMs
    before.close()
    return this.#iterate(this.rangeOfKey(from, toMs, options.reverse), options)
  }

  /** All sessions of a key, by start. */
  fetch(key: K, options: RangeOptions = {}): StoreIterator<WindowEntry<K, V>> {
    this.encodeKey(key)
    return this.#iterate(this.rangeOfKey(null, null, options.reverse), options)
  }

  /** All sessions, by the bytes of the key, then by start. */
  all(options: RangeOptions = {}): StoreIterator<WindowEntry<K, V>> {
    return this.#iterate(this.rangeOfAll(options.reverse), options)
  }

  protected encodeSession(key: K, { start, end }: SessionWindow): void {
    this.encodeKey(key)
    if (!(end > start)) throw this.#invalid(start, end)
    this.suffixes.encode(this.keys.bytes, this.keys.start, this.keys.end, start, end)
  }

  #invalid(start: number, end: number): TidemarkError {
    return new TidemarkError(
      'ERR_WINDOW_INVALID',
      `store ${this.name}: the session [${String(start)}, ${String(end)}) has no length`,
      { details: { store: this.name } },
    )
  }

  #iterate(cursor: RawIterator, options: RangeOptions): StoreIterator<WindowEntry<K, V>> {
    return new StoreIterator(cursor, (bytes, value) => this.#entry(bytes, value), options.limit)
  }

  #entry(bytes: Uint8Array, value: unknown): WindowEntry<K, V> | undefined {
    const window = this.windowOf(bytes)
    if (this.expiry.isExpired(window.end)) return undefined
    return { key: this.userKey(bytes), window, value: value as DeepReadonly<V> }
  }

  protected windowOf(bytes: Uint8Array): SessionWindow {
    return { start: this.suffixes.startOf(bytes), end: this.suffixes.endOf(bytes) }
  }
}

/**
 * A session store as a task sees it. The sessions of a key never overlap. They expire when their end plus the store's
 * retention is behind the watermark: out of sight at once, removed a few at a time by `expire`.
 */
export class SessionStore<K, V> extends SessionReader<K, V> {
  readonly #gapMs: number

  /** `own`: the store that `expire` works on, when it runs at times at which `raw` may not be used. */
  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never), own: RawStore = raw) {
    super(raw, keys, new WindowExpiry(own), false)
    this.#gapMs = raw.spec.gapMs ?? 0
  }

  /**
   * Sets the value of a session. ERR_SESSION_OVERLAP if it overlaps another session of the key: remove that first, or use
   * `merge`. (Sessions may touch.)
   */
  put(key: K, window: SessionWindow, value: V | DeepReadonly<V>): void {
    this.refuseNull(value)
    this.encodeSession(key, window)
    for (const other of this.findSessions(key, window.start, window.end)) {
      const { start, end } = other.window
      if (start === window.start && end === window.end) continue
      throw new TidemarkError(
        'ERR_SESSION_OVERLAP',
        `store ${this.name}: the session [${window.start}, ${window.end}) overlaps [${start}, ${end}) of the same key. ` +
          'Remove that one first, or let merge join them',
        { details: { store: this.name, start, end } },
      )
    }
    this.#put(key, window, value)
  }

  #put(key: K, window: SessionWindow, value: V | DeepReadonly<V>): void {
    this.encodeSession(key, window)
    this.raw.put(this.suffixes.bytes, 0, this.suffixes.end, value)
    this.expiry.added(window.end)
  }

  /**
   * Takes in an event: all sessions of the key that are no further than the gap from `atMs`, and the event, become one.
   * `combine` gets these sessions, by start (none, if the event begins a new one), and returns the new one's value.
   */
  merge(
    key: K,
    atMs: number,
    combine: (sessions: readonly WindowEntry<K, V>[]) => V | DeepReadonly<V>,
  ): WindowEntry<K, V> {
    const parts = this.#near(key, atMs)
    const value = combine(parts)
    this.refuseNull(value)
    let start = atMs
    let end = atMs + this.#gapMs
    for (const { window } of parts) {
      start = Math.min(start, window.start)
      end = Math.max(end, window.end)
    }
    const window = { start, end }
    const same = parts.length === 1 && parts[0]?.window.start === start && parts[0].window.end === end
    // The new one first: what is refused (too large, say) leaves the old ones as they are.
    this.#put(key, window, value)
    if (!same) for (const part of parts) this.remove(key, part.window)
    return { key, window, value: value as DeepReadonly<V> }
  }

  /** Sessions that an event at `atMs` belongs to, by start. */
  #near(key: K, atMs: number): WindowEntry<K, V>[] {
    this.encodeKey(key)
    const cursor = this.rangeOfKey(null, atMs + this.#gapMs + 1, true)
    const near: WindowEntry<K, V>[] = []
    while (cursor.next()) {
      const window = this.windowOf(cursor.key)
      if (window.end < atMs) break
      if (!this.expiry.isExpired(window.end)) near.push({ key, window, value: cursor.value as DeepReadonly<V> })
    }
    cursor.close()
    return near.reverse()
  }

  /** Removes one session, if it is there. */
  remove(key: K, window: SessionWindow): void {
    this.encodeSession(key, window)
    this.raw.delete(this.suffixes.bytes, 0, this.suffixes.end)
  }

  /** As WindowStore.expire. */
  expire(watermarkMs: number, most: number = 1000): boolean {
    return this.expiry.expire(watermarkMs, most)
  }

  /** The same store as of the last commit: what queries see. */
  committed(): SessionReader<K, V> {
    return new SessionReader(this.raw, new KeyEncoder(this.keys.serde), this.expiry, true)
  }
}
