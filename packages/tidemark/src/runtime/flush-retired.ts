import type { Disk } from '../disk/disk.ts'
import { openTaskBase } from '../engines/open-task-base.ts'
import { decodeCheckpoint } from '../checkpoint/record.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { LogHost } from '../log/embedded/log-host.ts'
import type { ProducerState, StoredDelta } from '../log/types.ts'
import { BlockCache } from '../lsm/block-cache.ts'
import { runWaiting } from '../lsm/open-files.ts'
import { openTaskState } from '../store/open.ts'
import { messageOf } from './handler-error.ts'
import { stateDirectory } from './open-task.ts'
import { type TaskMeta, taskMeta } from './task-meta.ts'

const CACHE_BYTES = 1024 * 1024

export interface RetiredOptions {
  readonly host: LogHost
  readonly disk: Disk
  /** How many tasks the job has now: those from this number on are retired. */
  readonly tasks: number
  /** The current lineage: tasks of another one are retired too (default 1). */
  readonly lineage?: number
  readonly onWarning: (line: string) => void
}

/**
 * Writes the state of tasks that an older plan of the job had, and the present one has not, from the journal into their
 * state files: nobody else would ever flush them, and their deltas would keep the journal from shrinking. Nothing is
 * lost: tools read the files, and the tasks go on from them if the plan has them again.
 *
 * A task whose state cannot be opened or written is left as it is, with a warning: the run does not need it. Only
 * defects and errors of the log reject.
 */
export async function flushRetired(options: RetiredOptions): Promise<void> {
  const { host, tasks, lineage = 1 } = options
  for (const producer of await host.producers()) {
    const meta = taskMeta(producer)
    if (meta === null || (meta.task < tasks && meta.lineage === lineage)) continue
    try {
      const deltas = await host.deltas(producer.producer, producer.flushedId)
      if (deltas.length > 0) await flushTask(options, producer, meta, deltas)
    } catch (error) {
      if (!isTidemarkError(error) || error.domain === 'internal') throw error
      options.onWarning(
        `the state of ${producer.producer}, which the job no longer has, stays in the journal, because it cannot be written to files: ${messageOf(error)}`,
      )
    }
  }
}

async function flushTask(
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
