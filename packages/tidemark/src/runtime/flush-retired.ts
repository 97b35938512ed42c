import type { SystemHost } from '../log/types.ts'
import { readLineage } from '../checkpoint/lineage.ts'
import type { Disk } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import { messageOf } from './handler-error.ts'
import { taskMeta } from './task-meta.ts'

export interface RetiredOptions {
  readonly host: SystemHost
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
  const file = readLineage(options.disk, host.directory)
  const known = new Set([file?.current, file?.pending, ...(file?.older ?? [])].map((each) => each?.number))
  for (const producer of await host.producers()) {
    const meta = taskMeta(producer)
    if (meta === null || (meta.task < tasks && meta.lineage === lineage)) continue
    // Its state was dropped on request.
    if (file !== null && !known.has(meta.lineage)) {
      await host.flushed(producer.producer, producer.id)
      continue
    }
    try {
      const deltas = await host.deltas(producer.producer, producer.flushedId)
      if (deltas.length === 0) continue
      const { flushTask } = await import('./flush-retired-task.ts')
      await flushTask(options, producer, meta, deltas)
    } catch (error) {
      if (!isTidemarkError(error) || error.domain === 'internal') throw error
      options.onWarning(
        `the state of ${producer.producer}, which the job no longer has, stays in the journal, because it cannot be written to files: ${messageOf(error)}`,
      )
    }
  }
}
