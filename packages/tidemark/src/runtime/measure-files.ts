import type { Disk } from '../disk/disk.ts'
import { directoryOf, FILES_PLACE } from '../engines/placement.ts'
import { FILE_ENGINES } from '../engines/registry.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { addShares, type LiveShare } from '../lsm/live-share.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import { Generations } from '../store/generations.ts'
import type { StoreDescriptor, Steps } from '../store/types.ts'

const CACHE_BYTES = 8 * 1024 * 1024

export interface MeasureOptions {
  readonly disk: Disk
  /** The task's state directory, and its name for messages. */
  readonly directory: string
  readonly task: string
  /** The stores that the task declares. */
  readonly stores: readonly StoreDescriptor[]
  /** Counts rather than estimates, and tells of entries as they are looked at. */
  readonly onEntries?: (entries: number) => void
}

/**
 * How much of a task's sorted files is live, by store: read beside its owner, by a base and a cache of its own, in steps of
 * some look-ups each. Stores that are in no sorted file are left out, those that are declared no more are there by the
 * names they had. ERR_FILE_NOT_FOUND when the owner replaces the files faster than they can be opened; ERR_STATE_CORRUPT.
 */
export function* measureFiles(options: MeasureOptions): Steps<Map<string, LiveShare>> {
  const { disk, directory, task, stores, onEntries = null } = options
  const shares = new Map<string, LiveShare>()
  for (const place of [FILES_PLACE, ...FILE_ENGINES]) {
    const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
    const base = openLsmBase({ disk, directory: directoryOf(directory, place), cache, readOnly: true })
    try {
      for (const { name, store } of namesIn(base.descriptors, stores, task)) {
        const share = yield* base.live(name, onEntries)
        if (share.entries === 0) continue
        const known = shares.get(store)
        shares.set(store, known === undefined ? share : addShares(known, share))
      }
    } finally {
      base.close()
    }
  }
  return shares
}

/** What a base has entries under, with the store that they are of (see generations.ts). */
function namesIn(
  written: readonly StoreDescriptor[],
  declared: readonly StoreDescriptor[],
  task: string,
): { readonly name: string; readonly store: string }[] {
  const generations = new Generations(written, task)
  for (const store of declared) if (generations.stores().includes(store.renamedFrom ?? '')) generations.add(store)
  return generations.stores().flatMap((store) => generations.of(store).map(({ name }) => ({ name, store })))
}
