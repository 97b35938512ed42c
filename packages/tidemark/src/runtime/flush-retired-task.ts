import { decodeCheckpoint } from '../checkpoint/record.ts'
import { openTaskBase } from '../engines/open-task-base.ts'
import type { ProducerState, StoredDelta } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { runWaiting } from '../lsm/open-files.ts'
import { openTaskState } from '../store/open.ts'
import type { RetiredOptions } from './flush-retired.ts'
import { stateDirectory } from './state-directory.ts'
import type { TaskMeta } from './task-meta.ts'

const CACHE_BYTES = 1024 * 1024

/** Writes what the journal keeps of a retired task into its state files. Errors as `openTaskBase` and `openTaskState`. */
export async function flushTask(
  { host, disk }: RetiredOptions,
  producer: ProducerState,
  meta: TaskMeta,
  deltas: readonly StoredDelta[],
): Promise<void> {
  const record = decodeCheckpoint(producer.checkpoint, producer.producer)
  const base = await openTaskBase({
    disk,
    directory: stateDirectory(host.directory, meta.task, meta.lineage),
    cache: new BlockCache({ capacityBytes: CACHE_BYTES }),
    choice: { engine: meta.engine, stores: {} },
    stores: [],
    shadow: 'as-it-is',
  })
  let state: ReturnType<typeof openTaskState>
  try {
    state = openTaskState({
      task: producer.producer,
      // Stores that nobody declares pass through, as bytes with the description they were written with.
      specs: [],
      base,
      deltas,
      id: producer.id,
      lastDeltaId: record.lastDeltaId,
    })
  } catch (error) {
    base.close()
    throw error
  }
  try {
    await runWaiting(state.flush())
    await host.flushed(producer.producer, state.flushedId)
  } finally {
    state.close()
  }
}
