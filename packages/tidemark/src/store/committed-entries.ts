import { KeyEncoder } from './key-encoder.ts'
import { KeyValueReader, type RangeOptions } from './kv-store.ts'
import type { StoreIterator } from './store-iterator.ts'
import type { StoreSpec, TaskState } from './types.ts'
import { WindowStore } from './window-store.ts'

/** One committed entry of a store, decoded; `window` only for window stores. */
export interface StateEntry {
  readonly key: unknown
  readonly value: unknown
  readonly window?: { readonly start: number; readonly end: number }
}

/**
 * All committed entries of a store, in order of the encoded keys (window stores: by key, then start), for tools and
 * queries. The view is that of the call; close it if it is not read to its end. ERR_UNKNOWN_STORE.
 */
export function committedEntries(
  state: TaskState,
  spec: StoreSpec,
  options: RangeOptions = {},
): StoreIterator<StateEntry> {
  const raw = state.store(spec.name)
  const keys = new KeyEncoder<unknown>(spec.key)
  return spec.kind === 'windows'
    ? new WindowStore<unknown, unknown>(raw, keys).committed().all(options)
    : new KeyValueReader<unknown, unknown>(raw, keys, true).entries(options)
}
