import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { KeyEncoder } from './key-encoder.ts'
import { KeyedReader } from './keyed-reader.ts'
import type { RangeOptions } from './kv-store.ts'
import { StoreIterator } from './store-iterator.ts'
import { NO_VALUE } from '../serde/stored.ts'
import type { RawIterator, RawStore } from './types.ts'

/** One version of a key: it has this value from `atMs` on, until its next version. */
export interface VersionEntry<K, V> {
  readonly key: K
  readonly atMs: number
  /** Undefined: the key has no value from here on. */
  readonly value: DeepReadonly<V> | undefined
}

/** What can be read of a versioned store: as its task sees it, or as of the last commit. */
export class VersionedReader<K, V> extends KeyedReader<K> {
  constructor(raw: RawStore, keys: KeyEncoder<K>, committed: boolean) {
    super(raw, keys, 'one', committed)
  }

  /** The value of the newest version, or undefined. Errors: ERR_NULL_KEY, ERR_SERDE. */
  get(key: K): DeepReadonly<V> | undefined {
    return this.#newest(key, null)
  }

  /** The value that the key had at a time, ms since 1970; undefined if it had none, or if its history starts later. */
  getAsOf(key: K, atMs: number): DeepReadonly<V> | undefined {
    return this.#newest(key, atMs + 1)
  }

  #newest(key: K, beforeMs: number | null): DeepReadonly<V> | undefined {
    this.encodeKey(key)
    const cursor = this.rangeOfKey(null, beforeMs, true)
    const value = cursor.next() ? valueOf<V>(cursor.value) : undefined
    cursor.close()
    return value
  }

  /** Versions of a key that begin in [fromMs, toMs), oldest first; without times all that are kept. */
  history(
    key: K,
    fromMs: number | null = null,
    toMs: number | null = null,
    options: RangeOptions = {},
  ): StoreIterator<VersionEntry<K, V>> {
    this.encodeKey(key)
    return this.#iterate(this.rangeOfKey(fromMs, toMs, options.reverse), options)
  }

  /** All versions, by the bytes of the key, then by time. */
  all(options: RangeOptions = {}): StoreIterator<VersionEntry<K, V>> {
    return this.#iterate(this.rangeOfAll(options.reverse), options)
  }

  #iterate(cursor: RawIterator, options: RangeOptions): StoreIterator<VersionEntry<K, V>> {
    return new StoreIterator(
      cursor,
      (bytes, value) => ({
        key: this.userKey(bytes),
        atMs: this.suffixes.startOf(bytes),
        value: valueOf<V>(value),
      }),
      options.limit,
    )
  }
}

function valueOf<V>(stored: unknown): DeepReadonly<V> | undefined {
  return stored === NO_VALUE ? undefined : (stored as DeepReadonly<V>)
}

/**
 * A versioned store as a task sees it. Versions may come in any order of time. A key's history goes back from its newest
 * version by the store's `history`, and includes the version that held at its beginning; what is older is removed by
 * `put` and `delete`.
 */
export class VersionedStore<K, V> extends VersionedReader<K, V> {
  readonly #historyMs: number | null

  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never)) {
    super(raw, keys, false)
    this.#historyMs = raw.spec.retentionMs
  }

  /**
   * Says that the key has this value from `atMs` on (whole ms since 1970); a version of the same time is replaced. False,
   * and nothing is done, if that is before the key's history. Errors: ERR_NULL_KEY, ERR_NULL_VALUE, ERR_WINDOW_INVALID,
   * ERR_KEY_TOO_LARGE, ERR_VALUE_TOO_LARGE, ERR_SERDE.
   */
  put(key: K, value: V | DeepReadonly<V>, atMs: number): boolean {
    this.refuseNull(value)
    return this.#add(key, value, atMs)
  }

  /** Says that the key has no value from `atMs` on. False as in `put`. */
  delete(key: K, atMs: number): boolean {
    return this.#add(key, NO_VALUE, atMs)
  }

  #add(key: K, value: unknown, atMs: number): boolean {
    const { suffixes } = this
    this.encodeKey(key)
    suffixes.seek(atMs)
    const newest = Math.max(this.#newestMs(), atMs)
    const oldest = this.#historyMs === null ? null : this.#trim(newest - this.#historyMs, atMs)
    if (oldest !== null && atMs < oldest) return false
    suffixes.seek(atMs)
    this.raw.put(suffixes.bytes, 0, suffixes.end, value)
    return true
  }

  #newestMs(): number {
    const cursor = this.rangeOfKey(null, null, true)
    const newest = cursor.next() ? this.suffixes.startOf(cursor.key) : Number.NEGATIVE_INFINITY
    cursor.close()
    return newest
  }

  /**
   * Removes versions that no time from `fromMs` on needs, when there is one at `withMs` too. Returns the time of the
   * version that holds at `fromMs`; null if none does.
   */
  #trim(fromMs: number, withMs: number): number | null {
    const { suffixes } = this
    const cursor = this.rangeOfKey(null, fromMs + 1, true)
    let holds = withMs <= fromMs ? withMs : null
    while (cursor.next()) {
      const { key } = cursor
      const atMs = suffixes.startOf(key)
      if (holds === null || atMs > holds) holds = atMs
      else if (atMs < holds) this.raw.delete(key, 0, key.length)
    }
    cursor.close()
    return holds
  }

  /** The same store as of the last commit: what queries see. */
  committed(): VersionedReader<K, V> {
    return new VersionedReader(this.raw, new KeyEncoder(this.keys.serde), true)
  }
}
