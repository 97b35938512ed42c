import type { PipelineFunction } from '../api/flow.ts'
import type { TaskJob } from '../api/handlers.ts'
import { type Job, makeJob } from '../api/job.ts'
import { assertName } from '../api/name.ts'
import type { AnyRemoteTable } from '../api/remote-table.ts'
import type { StoreDef } from '../api/store-def.ts'
import type { AnyStream } from '../api/stream.ts'
import type { AnyTimer } from '../api/timer.ts'
import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import { buildPipeline } from './build-pipeline.ts'
import { buildTask } from './build-task.ts'

// oxlint-disable-next-line typescript/no-generated-empty-object-type -- what a job does not declare has no members
type None = Record<never, never>

/**
 * Makes a job: of a pipeline (`job => job.from(visits)...to(hourly)`), or of a low-level task with its inputs, outputs
 * and stores. Nothing runs: the job is immutable data. Errors: ERR_NAME, ERR_KEY_SERDE and ERR_JOB_* codes.
 */
export function defineJob<
  I extends Readonly<Record<string, AnyStream>> = None,
  O extends Readonly<Record<string, AnyStream>> = None,
  S extends Readonly<Record<string, StoreDef>> = None,
  T extends Readonly<Record<string, AnyTimer>> = None,
  R extends Readonly<Record<string, AnyRemoteTable>> = None,
>(name: string, definition: PipelineFunction | TaskJob<I, O, S, T, R>): Job {
  assertName('a job', name)
  const given: unknown = definition
  if (typeof definition === 'function') return makeJob(name, buildPipeline(name, definition))
  if (typeof given === 'object' && given !== null) return makeJob(name, buildTask(name, given))
  throw new TidemarkError(
    'ERR_JOB_DEFINITION',
    `job ${name}: the definition is ${showValue(given)}. Pass job => job.from(...)... or { inputs, outputs, stores, task }`,
  )
}
