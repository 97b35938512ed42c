import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { Window } from './message.ts'

/** Which way and how far a range goes. */
export interface RangeOptions {
  /** From the end to the start. */
  readonly reverse?: boolean
  /** At most this many entries. */
  readonly limit?: number
}

/** Entries in order, from a view that later writes do not change. Close it (`using`) if it is not read to its end. */
export interface Entries<out T> extends IterableIterator<T>, Disposable {
  close(): void
}

/** One entry of a key-value store. */
export interface KeyValueEntry<out K, V> {
  readonly key: K
  readonly value: DeepReadonly<V>
}

/**
 * A key-value store as its task sees it: reads and writes are synchronous, writes are durable with the task's next commit
 * and visible to the task at once. Objects come back frozen: change them with `update`, or put new ones. Errors:
 * ERR_NULL_KEY, ERR_NULL_VALUE, ERR_KEY_TOO_LARGE, ERR_VALUE_TOO_LARGE, ERR_SERDE.
 */
export interface KeyValueStore<K, V> {
  readonly name: string
  /** The value, or undefined. */
  get(key: K): DeepReadonly<V> | undefined
  /** The values of several keys, in their order; undefined where there is none. */
  getAll(keys: Iterable<K>): (DeepReadonly<V> | undefined)[]
  has(key: K): boolean
  put(key: K, value: V | DeepReadonly<V>): void
  putAll(entries: Iterable<readonly [K, V | DeepReadonly<V>]>): void
  /** Puts the value if the key has none, and returns the one that was there, or undefined. */
  putIfAbsent(key: K, value: V | DeepReadonly<V>): DeepReadonly<V> | undefined
  /** Changes a value by a draft (undefined if there is none), in place or by what the function returns. */
  // oxlint-disable-next-line typescript/no-invalid-void-type -- a function that changes its draft returns nothing
  update(key: K, change: (draft: V | undefined) => V | DeepReadonly<V> | void): DeepReadonly<V>
  delete(key: K): void
  deleteAll(keys: Iterable<K>): void
  /** Entries with from <= key < to, in byte order of the encoded keys; null is open. */
  range(from: K | null, to: K | null, options?: RangeOptions): Entries<KeyValueEntry<K, V>>
  /** Entries whose encoded key starts with the encoding of `start`. */
  prefix(start: K, options?: RangeOptions): Entries<KeyValueEntry<K, V>>
  entries(options?: RangeOptions): Entries<KeyValueEntry<K, V>>
  snapshot(): Entries<KeyValueEntry<K, V>>
  /** About how many entries there are. */
  approximateCount(): number
}

/** One entry of a windows store. */
export interface WindowEntry<out K, V> {
  readonly key: K
  readonly window: Window
  readonly value: DeepReadonly<V>
}

/** A windows store as its task sees it: one value for each key and window. Expired windows are out of sight. */
export interface WindowStore<K, V> {
  readonly name: string
  /** The value of a key in the window that starts there, or undefined. */
  get(key: K, window: { readonly start: number; readonly end?: number }): DeepReadonly<V> | undefined
  put(key: K, window: { readonly start: number; readonly end?: number } | number, value: V | DeepReadonly<V>): void
  delete(key: K, window: { readonly start: number; readonly end?: number } | number): void
  /** Windows of one key whose start is in [fromMs, toMs), by start. */
  fetch(key: K, fromMs: number, toMs: number, options?: RangeOptions): Entries<WindowEntry<K, V>>
  /** All windows of one key, by start. */
  windowsOf(key: K, options?: RangeOptions): Entries<WindowEntry<K, V>>
  /** All entries, by the bytes of the key, then by start. */
  all(options?: RangeOptions): Entries<WindowEntry<K, V>>
  /** About how many entries there are. */
  approximateCount(): number
}
