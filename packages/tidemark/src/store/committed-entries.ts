import { decodedEntries, type StateEntry } from './entry-decoder.ts'
import type { RangeOptions } from './kv-store.ts'
import type { StoreIterator } from './store-iterator.ts'
import type { StoreSpec, TaskState } from './types.ts'

/**
 * All committed entries of a store, in order of the encoded keys (then by start of the window, by time, by index), for
 * tools and queries. The view is that of the call; close it if it is not read to its end. ERR_UNKNOWN_STORE.
 */
export function committedEntries(
  state: TaskState,
  spec: StoreSpec,
  options: RangeOptions = {},
): StoreIterator<StateEntry> {
  return decodedEntries(state.store(spec.name), options)
}
