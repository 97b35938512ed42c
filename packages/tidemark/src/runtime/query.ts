import { KeyEncoder } from '../store/key-encoder.ts'
import { KeyValueStore } from '../store/kv-store.ts'
import type { TaskState } from '../store/types.ts'
import { WindowStore } from '../store/window-store.ts'
import type { QueryEntry, StoreQuery } from './thread-messages.ts'

const DEFAULT_LIMIT = 1000

/** Answers a query from the committed state of one task: active and frozen writes are not seen. */
export function answerQuery(state: TaskState, query: StoreQuery): QueryEntry[] {
  const raw = state.store(query.store)
  const limit = query.limit ?? DEFAULT_LIMIT
  const encoder = new KeyEncoder(raw.spec.key)
  if (raw.spec.kind === 'kv') {
    const store = new KeyValueStore(raw, encoder).committed()
    if (query.key === undefined) {
      using entries = store.entries({ limit })
      return [...entries]
    }
    const value = store.get(query.key)
    return value === undefined ? [] : [{ key: query.key, value }]
  }
  const store = new WindowStore(raw, encoder).committed()
  if (query.key === undefined) {
    using entries = store.all({ limit })
    return [...entries]
  }
  const start = query.windowStart
  using entries = start === undefined ? store.windowsOf(query.key, { limit }) : store.fetch(query.key, start, start + 1)
  return [...entries]
}
