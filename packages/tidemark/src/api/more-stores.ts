import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { Entries, KeyValueEntry, RangeOptions, WindowEntry } from './stores.ts'

/**
 * A session store as its task sees it: one value for each key and session. The sessions of a key never overlap. Expired
 * sessions are out of sight. Errors: as of KeyValueStore, and ERR_WINDOW_INVALID, ERR_SESSION_OVERLAP.
 */
export interface SessionStore<K, V> {
  readonly name: string
  /** The value of the session with this start and end, or undefined. */
  get(key: K, window: { readonly start: number; readonly end: number }): DeepReadonly<V> | undefined
  /** Sessions of a key that have a moment of [fromMs, toMs), by start. */
  findSessions(key: K, fromMs: number, toMs: number, options?: RangeOptions): Entries<WindowEntry<K, V>>
  /** All sessions of a key, by start. */
  fetch(key: K, options?: RangeOptions): Entries<WindowEntry<K, V>>
  /** All sessions, by the bytes of the key, then by start. */
  all(options?: RangeOptions): Entries<WindowEntry<K, V>>
  /**
   * Takes in an event: all sessions of the key that are no further than the gap from `atMs`, and the event, become one.
   * `combine` gets these sessions, by start (none, if the event begins a new one), and returns the new one's value.
   */
  merge(
    key: K,
    atMs: number,
    combine: (sessions: readonly WindowEntry<K, V>[]) => V | DeepReadonly<V>,
  ): WindowEntry<K, V>
  /** Sets the value of a session. ERR_SESSION_OVERLAP when it overlaps another one of the key. */
  put(key: K, window: { readonly start: number; readonly end: number }, value: V | DeepReadonly<V>): void
  remove(key: K, window: { readonly start: number; readonly end: number }): void
  /** About how many entries there are. */
  approximateCount(): number
}

/** One version of a key: it has this value from `atMs` on, until its next version. */
export interface VersionEntry<out K, V> {
  readonly key: K
  readonly atMs: number
  /** Undefined: the key has no value from here on. */
  readonly value: DeepReadonly<V> | undefined
}

/**
 * A versioned store as its task sees it: the values of each key over time. A key's history goes back from its newest
 * version by the store's `history`. Errors: as of KeyValueStore, and ERR_WINDOW_INVALID for a time that is not whole ms.
 */
export interface VersionedStore<K, V> {
  readonly name: string
  /** The value of the newest version, or undefined. */
  get(key: K): DeepReadonly<V> | undefined
  /** The value that the key had at a time, ms since 1970; undefined if it had none, or if its history starts later. */
  getAsOf(key: K, atMs: number): DeepReadonly<V> | undefined
  /** Versions of a key that begin in [fromMs, toMs), oldest first; without times all that are kept. */
  history(key: K, fromMs?: number | null, toMs?: number | null, options?: RangeOptions): Entries<VersionEntry<K, V>>
  /** All versions, by the bytes of the key, then by time. */
  all(options?: RangeOptions): Entries<VersionEntry<K, V>>
  /** The key has this value from `atMs` on. Returns false, and does nothing, if that is before the key's history. */
  put(key: K, value: V | DeepReadonly<V>, atMs: number): boolean
  /** The key has no value from `atMs` on. Returns false as `put` does. */
  delete(key: K, atMs: number): boolean
  /** About how many versions there are. */
  approximateCount(): number
}

/** A store of counters as its task sees it. A key that was never added to is 0. */
export interface CounterStore<K, N extends number | bigint> {
  readonly name: string
  get(key: K): N
  /** Adds (1 by default) and returns the new count. ERR_SERDE when the serde cannot hold it: nothing changes. */
  add(key: K, by?: N): N
  /** Back to 0. */
  reset(key: K): void
  /** Counters that were added to, in byte order of the encoded keys. */
  entries(options?: RangeOptions): Entries<KeyValueEntry<K, N>>
  approximateCount(): number
}

/** One element of a list. */
export interface ListEntry<out K, V> {
  readonly key: K
  /** From 0, the oldest. */
  readonly index: number
  readonly value: DeepReadonly<V>
}

/** A store of lists as its task sees it. `append` writes the new element, not the list. */
export interface ListStore<K, V> {
  readonly name: string
  /** Adds elements behind the last one; returns the new length. */
  append(key: K, ...values: readonly (V | DeepReadonly<V>)[]): number
  /** One element, from 0, the oldest; from -1, the newest. Undefined when there is none there. */
  get(key: K, index: number): DeepReadonly<V> | undefined
  /** Elements from index `from` to below `to`, as Array.slice takes them. */
  slice(key: K, from?: number, to?: number): DeepReadonly<V>[]
  length(key: K): number
  /** Removes the oldest elements until at most `most` are left; returns how many went. */
  trim(key: K, most: number): number
  /** Removes a whole list. */
  delete(key: K): void
  /** All elements, by the bytes of the key, then by index. */
  all(options?: RangeOptions): Entries<ListEntry<K, V>>
  /** About how many elements and lists there are. */
  approximateCount(): number
}

/** One member of a set. */
export interface SetEntry<out K, out V> {
  readonly key: K
  readonly value: V
}

/** A store of sets as its task sees it. Members are the same if their encoded bytes are. */
export interface SetStore<K, V> {
  readonly name: string
  /** Returns false if it was there already. */
  add(key: K, member: V): boolean
  has(key: K, member: V): boolean
  /** Returns false if it was not there. */
  delete(key: K, member: V): boolean
  /** The members of a set, in byte order of the encoded members. */
  values(key: K, options?: RangeOptions): Entries<V>
  size(key: K): number
  /** Removes all members of a set. */
  clear(key: K): void
  /** All members of all sets, by the bytes of the key, then of the member. */
  all(options?: RangeOptions): Entries<SetEntry<K, V>>
  /** About how many members and sets there are. */
  approximateCount(): number
}
