import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { zeroOf } from '../store/counter-store.ts'
import { decodedEntries } from '../store/entry-decoder.ts'
import { KeyEncoder } from '../store/key-encoder.ts'
import { type AnyReader, makeStore } from '../store/make-store.ts'
import { StoreIterator } from '../store/store-iterator.ts'
import type { RawStore } from '../store/types.ts'
import type { WindowStore } from '../store/window-store.ts'

/** The committed sessions of a store, of all tasks. */
export interface TestSessions<K, V> {
  get(key: K, window: { readonly start: number; readonly end: number }): DeepReadonly<V> | undefined
  /** Sessions of a key, by start. */
  fetch(key: K): { key: K; window: { start: number; end: number }; value: DeepReadonly<V> }[]
  entries(): { key: K; window: { start: number; end: number }; value: DeepReadonly<V> }[]
}

/** The committed versions of a store, of all tasks. */
export interface TestVersions<K, V> {
  get(key: K): DeepReadonly<V> | undefined
  getAsOf(key: K, atMs: number): DeepReadonly<V> | undefined
  /** All versions; a value of null: no value from then on. */
  entries(): { key: K; atMs: number; value: DeepReadonly<V> | null }[]
}

/** The committed counters of a store, of all tasks. */
export interface TestCounters<K, N extends number | bigint> {
  get(key: K): N
  entries(): { key: K; value: N }[]
}

/** The committed lists of a store, of all tasks. */
export interface TestLists<K, V> {
  /** All elements of a list. */
  get(key: K): DeepReadonly<V>[]
  length(key: K): number
  entries(): { key: K; index: number; value: DeepReadonly<V> }[]
}

/** The committed sets of a store, of all tasks. */
export interface TestSets<K, V> {
  /** All members of a set. */
  get(key: K): V[]
  has(key: K, member: V): boolean
  size(key: K): number
  entries(): { key: K; value: V }[]
}

type Method = (...args: unknown[]) => unknown

/** The committed store of all tasks as one: a question goes to each task until one has an answer. */
export function testStore(stores: readonly RawStore[]): unknown {
  const readers = stores.map(readerOf)
  const first =
    (name: string, nothing?: unknown): Method =>
    (...args) => {
      for (const reader of readers) {
        const method = Reflect.get(reader, name) as Method
        const found = method.apply(reader, args)
        const value = found instanceof StoreIterator ? [...found] : found
        if (value !== undefined && value !== nothing && !(Array.isArray(value) && value.length === 0)) return value
      }
      return nothing
    }
  const entries = (): unknown[] => stores.flatMap((raw, i) => entriesOf(raw, readers[i] as AnyReader))
  switch (stores[0]?.spec.kind) {
    case 'session':
      return { get: first('get'), fetch: first('fetch', []), entries }
    case 'versioned':
      return { get: first('get'), getAsOf: first('getAsOf'), entries }
    case 'counter':
      return { get: first('get', zeroOf(stores[0].spec)), entries }
    case 'list':
      return { get: first('slice', []), length: first('length', 0), entries }
    case 'set':
      return { get: first('values', []), has: first('has', false), size: first('size', 0), entries }
    default:
      return { get: first('get'), has: (key: unknown) => first('get')(key) !== undefined, entries }
  }
}

function readerOf(raw: RawStore): AnyReader {
  return makeStore(raw, new KeyEncoder(raw.spec.key)).committed()
}

function entriesOf(raw: RawStore, reader: AnyReader): unknown[] {
  // Expired windows are out of sight: only the store knows which.
  if (raw.spec.kind === 'windows' || raw.spec.kind === 'session') {
    return [...(reader as ReturnType<WindowStore<unknown, unknown>['committed']>).all()]
  }
  return [...decodedEntries(raw)]
}
