import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { KeyEncoder } from './key-encoder.ts'
import type { RangeOptions } from './kv-store.ts'
import { prefixEnd } from './prefix.ts'
import { type EntryReader, StoreIterator } from './store-iterator.ts'
import type { RawStore } from './types.ts'
import { WindowExpiry } from './window-expiry.ts'
import { WindowKeys } from './window-key.ts'

/** A window as a key of an entry: `end` may be left out where the store's windows have one size. */
export interface WindowRef {
  /** Inclusive, ms since 1970. */
  readonly start: number
  /** Exclusive, ms since 1970. */
  readonly end?: number
}

/** One entry of a window store. */
export interface WindowEntry<K, V> {
  readonly key: K
  readonly window: { readonly start: number; readonly end: number }
  readonly value: DeepReadonly<V>
}

/** What can be read of a window store: as its task sees it, or as of the last commit. */
export class WindowReader<K, V> {
  protected readonly raw: RawStore
  protected readonly keys: KeyEncoder<K>
  protected readonly windows: WindowKeys
  protected readonly expiry: WindowExpiry
  readonly #committed: boolean

  constructor(raw: RawStore, keys: KeyEncoder<K>, expiry: WindowExpiry, committed: boolean) {
    this.raw = raw
    this.keys = keys
    this.windows = new WindowKeys(raw.spec.name, raw.spec.windowSizeMs)
    this.expiry = expiry
    this.#committed = committed
  }

  get name(): string {
    return this.raw.spec.name
  }

  /**
   * The value of a key in the window that starts at `start`, or undefined. In a store without a fixed window size give
   * the end too, or get the first window with that start. Errors: ERR_NULL_KEY, ERR_WINDOW_INVALID, ERR_SERDE.
   */
  get(key: K, window: WindowRef): DeepReadonly<V> | undefined {
    const end = this.windows.sizeMs === null ? window.end : window.start + this.windows.sizeMs
    if (end === undefined) {
      using found = this.fetch(key, window.start, window.start + 1)
      return found.next().value?.value
    }
    const keys = this.encode(key, window.start, end)
    if (this.expiry.isExpired(end)) return undefined
    const value = this.#committed
      ? this.raw.getCommitted(keys.bytes, 0, keys.end)
      : this.raw.get(keys.bytes, 0, keys.end)
    return value as DeepReadonly<V> | undefined
  }

  /** Windows of one key whose start is in [fromMs, toMs), by start. */
  fetch(key: K, fromMs: number, toMs: number, options: RangeOptions = {}): StoreIterator<WindowEntry<K, V>> {
    this.keys.encode(key, this.raw.spec.name)
    this.windows.encodeKey(this.keys.bytes, this.keys.start, this.keys.end)
    this.windows.seek(fromMs)
    const from = this.windows.bytes.slice(0, this.windows.end)
    this.windows.seek(toMs)
    return this.#scan(from, this.windows.bytes.slice(0, this.windows.end), options, this.windows.keyEnd)
  }

  /** All windows of one key, by start. */
  windowsOf(key: K, options: RangeOptions = {}): StoreIterator<WindowEntry<K, V>> {
    this.keys.encode(key, this.raw.spec.name)
    this.windows.encodeKey(this.keys.bytes, this.keys.start, this.keys.end)
    const from = this.windows.bytes.slice(0, this.windows.end)
    return this.#scan(from, prefixEnd(from), options, this.windows.keyEnd)
  }

  /** All entries, by the bytes of the key, then by start. */
  all(options: RangeOptions = {}): StoreIterator<WindowEntry<K, V>> {
    return this.#scan(null, null, options)
  }

  /** About how many entries there are, expired ones that are not removed yet included. */
  approximateCount(): number {
    return this.raw.approximateCount()
  }

  protected encode(key: K, windowStart: number, windowEnd: number): WindowKeys {
    this.keys.encode(key, this.raw.spec.name)
    if (!(windowEnd > windowStart)) {
      throw new TidemarkError(
        'ERR_WINDOW_INVALID',
        `store ${this.name}: the window [${String(windowStart)}, ${String(windowEnd)}) has no length`,
        { details: { store: this.name } },
      )
    }
    this.windows.encode(this.keys.bytes, this.keys.start, this.keys.end, windowStart, windowEnd)
    return this.windows
  }

  /** `prefixBytes`: of the key that all entries have; 0 for entries of several keys. */
  #scan(
    from: Uint8Array | null,
    to: Uint8Array | null,
    options: RangeOptions,
    prefixBytes = 0,
  ): StoreIterator<WindowEntry<K, V>> {
    const all = { from, to, reverse: options.reverse ?? false, limit: Number.POSITIVE_INFINITY }
    const range = prefixBytes === 0 ? all : { ...all, prefixBytes }
    const cursor = this.#committed ? this.raw.rangeCommitted(range) : this.raw.range(range)
    return new StoreIterator(cursor, this.#reader(), options.limit)
  }

  #reader(): EntryReader<WindowEntry<K, V>> {
    const { windows, expiry } = this
    const serde = this.keys.serde
    return (bytes, value) => {
      const end = windows.endOf(bytes)
      if (expiry.isExpired(end)) return undefined
      const user = windows.userKeyOf(bytes)
      const key = serde.read(user, 0, user.length)
      return { key, window: { start: windows.startOf(bytes), end }, value: value as DeepReadonly<V> }
    }
  }
}

/**
 * A window store as a task sees it: one value for each key and window. Windows expire when their end plus the store's
 * retention is behind the watermark: they are out of sight at once, and removed a few at a time by `expire`.
 */
export class WindowStore<K, V> extends WindowReader<K, V> {
  /** `own`: the store that `expire` works on, when it runs at times at which `raw` may not be used. */
  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never), own: RawStore = raw) {
    super(raw, keys, new WindowExpiry(own), false)
  }

  /** Sets the value of a key in a window; a number is the window's start, in a store of fixed window size. */
  put(key: K, window: WindowRef | number, value: V | DeepReadonly<V>): void {
    const keys = this.#encodeRef(key, window)
    this.expiry.added(keys.endOf(keys.bytes.subarray(0, keys.end)))
    this.raw.put(keys.bytes, 0, keys.end, value)
  }

  delete(key: K, window: WindowRef | number): void {
    const keys = this.#encodeRef(key, window)
    this.raw.delete(keys.bytes, 0, keys.end)
  }

  /**
   * Tells the store the watermark, ms, and removes expired windows, looking at no more than `most` entries. Returns
   * true if there may be more to remove now: call again.
   */
  expire(watermarkMs: number, most: number = 1000): boolean {
    return this.expiry.expire(watermarkMs, most)
  }

  /** The same store as of the last commit: what queries see. */
  committed(): WindowReader<K, V> {
    return new WindowReader(this.raw, new KeyEncoder(this.keys.serde), this.expiry, true)
  }

  #encodeRef(key: K, window: WindowRef | number): WindowKeys {
    const start = typeof window === 'number' ? window : window.start
    const size = this.windows.sizeMs
    const end = size === null ? (typeof window === 'number' ? undefined : window.end) : start + size
    const given = typeof window === 'number' ? undefined : window.end
    if (end === undefined || (given !== undefined && given !== end)) {
      throw new TidemarkError(
        'ERR_WINDOW_INVALID',
        `store ${this.name}: ${
          end === undefined
            ? 'its windows have no fixed size, so give start and end'
            : `the window [${start}, ${given}) is not of the store's size, ${size} ms`
        }`,
        { details: { store: this.name } },
      )
    }
    return this.encode(key, start, end)
  }
}
