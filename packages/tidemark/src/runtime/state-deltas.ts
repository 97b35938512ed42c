import type { Disk } from '../disk/disk.ts'
import type { StoredDelta } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { openLsmBase } from '../lsm/lsm-base.ts'
import { DeltaWriter } from '../store/delta-writer.ts'
import { storeOf } from '../store/generations.ts'
import type { StoreDescriptor } from '../store/types.ts'

/** Of one delta: a commit takes little time, and many of them little memory. */
const BATCH_BYTES = 4 * 1024 * 1024
const CACHE_BYTES = 1024 * 1024
const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const

export interface StateDeltasOptions {
  readonly disk: Disk
  /** With sorted files and their manifest. */
  readonly directory: string
  /** Of the first delta; the others follow it. */
  readonly firstId: number
  readonly batchBytes?: number
}

/**
 * The state in sorted files as deltas, some MiB each: whoever replays all of them has it. Older generations of a store
 * come before newer ones. None for an empty state. ERR_STATE_CORRUPT for a damaged file.
 */
export function* deltasOf(options: StateDeltasOptions): Generator<StoredDelta, void> {
  const { disk, directory, firstId, batchBytes = BATCH_BYTES } = options
  const base = openLsmBase({ disk, directory, cache: new BlockCache({ capacityBytes: CACHE_BYTES }), readOnly: true })
  const stores = base.descriptors.map(asDeclared)
  const writer = new DeltaWriter()
  let id = firstId
  const next = (): StoredDelta => {
    const delta = { id, bytes: writer.finish(id, id === firstId ? 0 : id - 1, stores) }
    id++
    return delta
  }
  try {
    for (const [place, { name }] of base.descriptors.entries()) {
      const entries = base.scan(name, ALL)
      try {
        while (entries.next()) {
          const { key, valueBytes, valueStart, valueEnd } = entries
          writer.add(place + 1, key, 0, key.length, valueBytes, valueStart, valueEnd)
          if (writer.sizeBytes >= batchBytes) yield next()
        }
      } finally {
        entries.close()
      }
    }
    if (writer.entries > 0) yield next()
  } finally {
    base.close()
  }
}

/** As a delta names a store: whatever its generation is called here. */
function asDeclared(descriptor: StoreDescriptor): StoreDescriptor {
  const { of: _, ...declared } = descriptor
  return { ...declared, name: storeOf(descriptor) }
}
