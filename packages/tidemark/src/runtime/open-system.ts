import type { RunOptions } from '../api/app.ts'
import type { Job } from '../api/job.ts'
import type { System } from '../api/system.ts'
import type { SystemHost } from '../log/types.ts'
import { jobPlan } from './job-plan.ts'
import { deadLettersOf } from './run-streams.ts'
import type { RunSettings } from './settings.ts'

/** Opens the system that a run was given, for the streams of its job. */
export function openSystem(system: System, job: Job, run: RunOptions, settings: RunSettings): Promise<SystemHost> {
  const { inputs, outputs } = jobPlan(job, {
    existing: [],
    defaultPartitions: settings.partitions,
    ...(run.outputs === undefined ? {} : { outputs: run.outputs }),
  })
  const written = outputs.filter(({ stream }) => stream !== null).map(({ name }) => name)
  const all = [...written, ...deadLettersOf(run)]
  return system.open({
    job: job.name,
    directory: settings.directory,
    streams: [...new Set([...inputs.map(({ name }) => name), ...all])],
    outputs: [...new Set(all)],
    partitions: settings.partitions,
    delivery: settings.delivery,
    maxValueBytes: settings.container.maxValueBytes,
    commitTimeoutMs: settings.container.timing.timeoutMs,
    onWarning: (text) => run.onWarning?.(text),
    signal: run.signal ?? null,
  })
}
