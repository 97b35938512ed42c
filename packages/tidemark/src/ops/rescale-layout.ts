import type { Job } from '../api/job.ts'
import type { RescaledInput } from '../checkpoint/rescale-record.ts'
import { plainRule } from '../checkpoint/rescale-owner.ts'
import type { RescaleLayout } from '../checkpoint/rescale-savepoint.ts'
import type { Savepoint, SavepointStream } from '../checkpoint/savepoint-format.ts'
import { mismatch } from '../checkpoint/savepoint-restore.ts'
import type { Plan } from '../dsl/plan.ts'
import { type Keyed, keyedWidth } from '../dsl/repartition-sources.ts'
import { TidemarkError } from '../errors/error.ts'
import { MAX_SLOTS } from '../log/embedded/shared-offsets.ts'
import type { StreamInfo } from '../log/types.ts'
import { jobPlan, producersOf } from '../runtime/job-plan.ts'
import { assertKeysTell, jobRules } from './rescale-rules.ts'

/**
 * What another number of tasks means for the job of a savepoint: how many partitions each of its inputs has then, and where
 * the keys of its stores belong. Inputs as wide as the job get the new number of partitions; narrower ones keep theirs, if
 * that is not more. Without the job it must be plain: ERR_SAVEPOINT_MISMATCH, also for another job, and for one whose plan
 * would not have so many tasks. ERR_OPTION.
 */
export function rescaleLayout(savepoint: Savepoint, tasks: number, job: Job | null): RescaleLayout {
  if (!Number.isInteger(tasks) || tasks < 1) {
    throw new TidemarkError('ERR_OPTION', `a savepoint is rescaled to a whole number of tasks from 1, not ${tasks}`)
  }
  const layout = job === null ? plainLayout(savepoint, tasks) : layoutOfJob(savepoint, tasks, job)
  const changed = new Map(layout.inputs.map(({ name, partitions }) => [name, partitions.after]))
  const slots = savepoint.streams.reduce((sum, { name, partitions }) => sum + (changed.get(name) ?? partitions), 0)
  if (slots <= MAX_SLOTS) return layout
  throw new TidemarkError(
    'ERR_OPTION',
    `with ${tasks} tasks the job's streams would have ${slots} partitions; a log has at most ${MAX_SLOTS}`,
  )
}

function plainLayout(savepoint: Savepoint, after: number): RescaleLayout {
  const before = savepoint.tasks.length
  const names = new Set(savepoint.tasks.flatMap(({ record }) => Object.keys(record.inputs)))
  const read = savepoint.streams.filter(({ name }) => names.has(name))
  if (names.size === 0) throw onlyTheJob(savepoint, 'no task has committed anything yet')
  const other = read.find(({ partitions }) => partitions !== before)
  if (other !== undefined) {
    throw onlyTheJob(savepoint, `stream ${other.name} has ${other.partitions} partitions, and not one for each task`)
  }
  const keySerdes = read.map((stream) => keySerdeOf(stream))
  return {
    tasks: after,
    inputs: read.map(({ name, kind }): RescaledInput => {
      const partitions = { before, after }
      return { name, partitions, producers: kind === 'intermediate' ? partitions : null }
    }),
    ruleOf: (store) => {
      const rule = plainRule(store, before, after)
      if (before === 1) assertKeysTell(store, keySerdes)
      return rule
    },
  }
}

function onlyTheJob(savepoint: Savepoint, why: string): TidemarkError {
  return mismatch(savepoint, `${why}, so that only the job says which tasks have which keys. Name its module: --job`)
}

function keySerdeOf({ meta }: SavepointStream): string {
  const { key, keyVersion } = JSON.parse(meta) as { readonly key?: string; readonly keyVersion?: number }
  return `${key} v${keyVersion}`
}

function layoutOfJob(savepoint: Savepoint, tasks: number, job: Job): RescaleLayout {
  if (job.name !== savepoint.job) {
    throw mismatch(savepoint, `this is job ${job.name}. Name the module of the job that the savepoint is of`)
  }
  const before = planWith(job, savepoint.streams, savepoint.tasks.length, savepoint.lineage.keyed)
  assertPlan(savepoint, before)
  const inputs = new Set(before.inputs.map(({ name }) => name))
  const widest = Math.max(...before.inputs.map(({ partitions }) => partitions))
  const streams = savepoint.streams
    .filter(({ kind }) => kind === 'user')
    .map((stream) => (inputs.has(stream.name) ? { ...stream, partitions: widened(stream, widest, tasks) } : stream))
  const after = planWith(job, streams, tasks)
  if (after.tasks !== tasks) {
    const wide = after.inputs.find(({ partitions }) => partitions === after.tasks)
    const because = wide === undefined ? '' : `, because of stream ${wide.name}`
    throw mismatch(savepoint, `the job would have ${after.tasks} tasks with it, not ${tasks}${because}`)
  }
  const layout = rescaledInputs(savepoint, before, after)
  return { tasks, inputs: layout, ruleOf: jobRules(before, after, savepoint.tasks.length, tasks) }
}

function widened({ partitions }: SavepointStream, widest: number, after: number): number {
  return keyedWidth(partitions, { before: widest, after })
}

function planWith(job: Job, streams: readonly SavepointStream[], defaultPartitions: number, keyed?: Keyed): Plan {
  const existing = streams.map((stream): StreamInfo => ({ ...stream, id: -1, slot: -1 }))
  return jobPlan(job, { existing, defaultPartitions, keyed })
}

/** The job as it is now would go on with the savepoint as it is. */
function assertPlan(savepoint: Savepoint, { tasks }: Plan): void {
  if (tasks === savepoint.tasks.length) return
  throw mismatch(savepoint, `it has ${savepoint.tasks.length} tasks, and the job would have ${tasks} now`)
}

/** Of the streams that the savepoint knows, and that are there then: those that are new have nothing in it. */
function rescaledInputs(savepoint: Savepoint, before: Plan, after: Plan): RescaledInput[] {
  const known = new Set(savepoint.streams.map(({ name }) => name))
  const partitionsOf = (plan: Plan): Map<string, { readonly partitions: number }> =>
    new Map([...plan.inputs, ...plan.intermediates].map((stream) => [stream.name, stream]))
  const [old, now] = [partitionsOf(before), partitionsOf(after)]
  const intermediates = new Set(before.intermediates.map(({ name }) => name))
  return [...old].flatMap(([name, { partitions }]): RescaledInput[] => {
    const to = now.get(name)?.partitions
    if (!known.has(name) || to === undefined) return []
    const producers = intermediates.has(name)
      ? { before: producersOf(before, name, old), after: producersOf(after, name, now) }
      : null
    return [{ name, partitions: { before: partitions, after: to }, producers }]
  })
}
