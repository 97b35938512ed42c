import { TidemarkError } from '../errors/error.ts'
import type { PulsePlace } from './pulse.ts'

/** What is known of a container that does not come back. `stream`: of the records it was at, null if it was at none. */
export interface Stuck {
  readonly job: string
  readonly container: number
  readonly tasks: readonly number[]
  readonly place: PulsePlace
  readonly stream: string | null
  readonly silentMs: number
}

/** ERR_CONTAINER_STUCK, which names container, tasks, and the step or the records that it was at. */
export function stuckError({ job, container, tasks, place, stream, silentMs }: Stuck): TidemarkError {
  const seconds = Math.round(silentMs / 100) / 10
  const of = tasks.length === 1 ? `task ${tasks[0]}` : `tasks ${tasks.join(', ')}`
  const { task, offset, count } = place
  const details = { container, task, silentMs, ...(stream === null ? {} : { stream, partition: task, offset }) }
  return new TidemarkError(
    'ERR_CONTAINER_STUCK',
    `container ${container} (${of} of job ${job}) has not come back for ${seconds} s from ${where(place, stream)}, so it was ended. ` +
      `What runs there must return in less than commit.timeoutMs; raise that if it needs so long`,
    { details: stream === null || count === 1 ? details : { ...details, lastOffset: offset + count - 1 } },
  )
}

function where({ stage, task, offset, count }: PulsePlace, stream: string | null): string {
  if (stream !== null) {
    const records = count === 1 ? `offset ${offset}` : `one of the ${count} records from offset ${offset} on`
    return `the handling of stream ${stream}, partition ${task}, ${records}`
  }
  switch (stage) {
    case 'timer':
      return `a timer or period of task ${task}`
    case 'init':
    case 'close':
      return `the ${stage} hook of task ${task}`
    case 'commit':
      return `the commit of task ${task}`
    case 'message':
    case 'start':
      return `task ${task}`
  }
}
