import { decodedEntries } from '../store/entry-decoder.ts'
import { KeyEncoder } from '../store/key-encoder.ts'
import { type AnyStore, makeStore } from '../store/make-store.ts'
import { KeyValueStore } from '../store/kv-store.ts'
import { CounterStore } from '../store/counter-store.ts'
import { ListStore } from '../store/list-store.ts'
import { SessionStore } from '../store/session-store.ts'
import { SetStore } from '../store/set-store.ts'
import type { RawStore, TaskState } from '../store/types.ts'
import { WindowStore } from '../store/window-store.ts'
import type { QueryEntry, StoreQuery } from './thread-messages.ts'

const DEFAULT_LIMIT = 1000

/** Answers a query from the committed state of one task: active and frozen writes are not seen. */
export function answerQuery(state: TaskState, query: StoreQuery): QueryEntry[] {
  const raw = state.store(query.store)
  return query.key === undefined ? scan(raw, query.limit ?? DEFAULT_LIMIT) : ofKey(raw, query)
}

function scan(raw: RawStore, limit: number): QueryEntry[] {
  const store = makeStore(raw, new KeyEncoder(raw.spec.key))
  if (store instanceof WindowStore || store instanceof SessionStore) {
    using entries = store.committed().all({ limit })
    return [...entries]
  }
  using entries = decodedEntries(raw, { limit })
  return [...entries]
}

function ofKey(raw: RawStore, query: StoreQuery): QueryEntry[] {
  const { key } = query
  const store = makeStore(raw, new KeyEncoder(raw.spec.key))
  if (store instanceof WindowStore || store instanceof SessionStore) return windowsOf(store, query)
  const value = valueOf(store, query)
  return value === undefined ? [] : [{ key, value }]
}

function windowsOf(
  store: WindowStore<unknown, unknown> | SessionStore<unknown, unknown>,
  { key, windowStart: start, limit = DEFAULT_LIMIT }: StoreQuery,
): QueryEntry[] {
  if (store instanceof WindowStore) {
    const reader = store.committed()
    using entries = start === undefined ? reader.windowsOf(key, { limit }) : reader.fetch(key, start, start + 1)
    return [...entries]
  }
  using entries = store.committed().fetch(key)
  const sessions = [...entries].filter(({ window }) => start === undefined || window.start === start)
  return sessions.slice(0, limit)
}

/** Of a list: all its elements, of a set: its members; undefined when the key has nothing. */
function valueOf(
  store: Exclude<AnyStore, WindowStore<unknown, unknown> | SessionStore<unknown, unknown>>,
  { key, asOfMs }: StoreQuery,
): unknown {
  if (store instanceof KeyValueStore || store instanceof CounterStore) return store.committed().get(key)
  if (store instanceof ListStore) return some(store.committed().slice(key))
  if (store instanceof SetStore) return some([...store.committed().values(key)])
  const reader = store.committed()
  return asOfMs === undefined ? reader.get(key) : reader.getAsOf(key, asOfMs)
}

function some(values: unknown[]): unknown[] | undefined {
  return values.length === 0 ? undefined : values
}
