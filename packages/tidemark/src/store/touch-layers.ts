import type { ByteMap } from './byte-map.ts'
import { MOST_TOUCHED } from './types.ts'

/** As many entries fit into the caches of a processor, beside what else is done. */
const NEAR_ENTRIES = 8192
const missing = new Int32Array(MOST_TOUCHED)
const scratch = new Int32Array(MOST_TOUCHED)

/** The layers have so much that `touchLayers` costs less than it saves. */
export function worthTouching(active: ByteMap, recent: ByteMap): boolean {
  return active.size + recent.size > NEAR_ENTRIES
}

/** Brings near what `locate` will look at for keys of these hashes, MOST_TOUCHED at most. */
export function touchLayers(active: ByteMap, recent: ByteMap, hashes: Int32Array, count: number): void {
  const lacking = active.touch(hashes, count, missing, scratch)
  // What it puts into `missing` has been read there before.
  if (lacking > 0) recent.touch(missing, lacking, missing, scratch)
}
