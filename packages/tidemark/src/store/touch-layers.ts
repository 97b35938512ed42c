import type { ByteMap } from './byte-map.ts'
import { MOST_TOUCHED } from './types.ts'

/** As many entries fit into the caches of a processor, beside what else is done. */
const NEAR_ENTRIES = 8192
const scratch = new Int32Array(MOST_TOUCHED)

/** The layers have so much that `touchLayers` costs less than it saves. */
export function worthTouching(active: ByteMap, recent: ByteMap): boolean {
  return active.size + recent.size > NEAR_ENTRIES
}

/** Brings near what `locate` will look at for keys of these hashes, MOST_TOUCHED at most; changes their order. */
export function touchLayers(active: ByteMap, recent: ByteMap, hashes: Int32Array, count: number): void {
  const missing = active.touch(hashes, count, scratch)
  if (missing > 0) recent.touch(hashes, missing, scratch)
}
