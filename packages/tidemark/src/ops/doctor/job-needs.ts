import type { JobNeeds, NeededStream } from '../../api/finding.ts'
import type { Job } from '../../api/job.ts'
import type { ListedStream } from '../../api/system-tools.ts'
import type { StreamInfo } from '../../log/types.ts'
import { jobPlan } from '../../runtime/job-plan.ts'

/** What a job needs of a system that has these streams: as its plan is with them. */
export function jobNeeds(
  job: Job,
  listed: readonly ListedStream[],
  options: { readonly defaultPartitions: number; readonly commitTimeoutMs: number },
): JobNeeds {
  const existing = listed
    .filter(({ kind }) => kind === 'user')
    .map(({ name, partitions }): StreamInfo => {
      const bounds = { retentionMs: null, retentionBytes: null }
      return { name, kind: 'user', partitions: partitions.length, ...bounds, meta: '{}', id: 0, slot: 0 }
    })
  const planned = jobPlan(job, { existing, defaultPartitions: options.defaultPartitions })
  const streams = new Map<string, NeededStream>()
  const add = (stream: NeededStream): void => {
    const known = streams.get(stream.name)
    streams.set(stream.name, known === undefined || known.use === stream.use ? stream : { ...known, use: 'both' })
  }
  for (const { name, partitions } of planned.inputs) add({ name, kind: 'user', use: 'read', partitions })
  for (const { stream, partitions } of planned.outputs) {
    if (stream !== null && partitions !== null) add({ name: stream.name, kind: 'user', use: 'write', partitions })
  }
  for (const { name, partitions } of planned.intermediates) {
    add({ name, kind: 'intermediate', use: 'both', partitions })
  }
  return {
    job: job.name,
    tasks: planned.tasks,
    commitTimeoutMs: options.commitTimeoutMs,
    streams: [...streams.values()],
  }
}
