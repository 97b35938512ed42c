import { runWaiting } from '../lsm/open-files.ts'
import type { Base, SortedStore, StoreDescriptor } from '../store/types.ts'
import { ListedCursor } from '../lsm/listed-cursor.ts'

const ALL = { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY } as const
/** Of one write: an engine may hold all of it in memory until the end. */
const BATCH_BYTES = 8 * 1024 * 1024

export interface CopyStoresOptions {
  readonly source: Base
  /** At no checkpoint. What it has of an attempt before, from the same source, is written again. */
  readonly target: Base
  /** The stores to copy. */
  readonly descriptors: readonly StoreDescriptor[]
  /** What the target is the state of then. */
  readonly id: number
  readonly batchBytes?: number
  /** Called after each write but the last, and before that. */
  readonly onBatch: () => void
  readonly onEnding?: () => void
}

/** Writes stores from one base to another, some MiB at a time, as the state of no checkpoint until the end. */
export async function copyStores(options: CopyStoresOptions): Promise<void> {
  const { source, target, descriptors, id, batchBytes = BATCH_BYTES, onBatch, onEnding } = options
  for (const { name } of descriptors) {
    for (const batch of batchesOf(source, name, batchBytes)) {
      await runWaiting(target.write(target.id, descriptors, [batch]))
      onBatch()
    }
  }
  onEnding?.()
  await finish(source, target, id, descriptors)
}

async function finish(source: Base, target: Base, id: number, descriptors: readonly StoreDescriptor[]): Promise<void> {
  for (const { name } of descriptors) {
    const beforeEndMs = source.expiredBefore?.(name) ?? null
    if (beforeEndMs !== null) target.expire?.(name, beforeEndMs)
  }
  await runWaiting(target.write(id, descriptors, []))
}

function* batchesOf(source: Base, name: string, batchBytes: number): Generator<SortedStore, void> {
  const entries = source.scan(name, ALL)
  try {
    let batch = new ListedCursor()
    while (entries.next()) {
      batch.add(entries.key, entries.valueBytes, entries.valueStart, entries.valueEnd)
      if (batch.sizeBytes < batchBytes) continue
      yield { name, count: batch.count, cursor: batch }
      batch = new ListedCursor()
    }
    if (batch.count > 0) yield { name, count: batch.count, cursor: batch }
  } finally {
    entries.close()
  }
}
