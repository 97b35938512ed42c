import {
  invariant,
  type ListedStream,
  type ResetItem,
  type ResetOptions,
  type ResetPlan,
  TidemarkError,
} from 'tidemark/system'
import { fenceTasks } from '../host/fence-tasks.ts'
import { clusterGroup, controlTopic, positionsGroup } from '../host/topic-names.ts'
import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { deleteGroups } from '../wire/group-admin.ts'
import { offsetFetch } from '../wire/group-offsets.ts'
import { coordinated } from './coordinated.ts'
import { forgetLineages } from './job-lineages.ts'
import { listTopics } from './list-topics.ts'
import { removeTopics } from './remove-topics.ts'
import { whoRuns } from './who-runs.ts'

const NON_EMPTY_GROUP = 68
const GROUP_ID_NOT_FOUND = 69

/** What a job has on the brokers, and whether it runs. ERR_USAGE, which names the jobs there are, when it has nothing. */
export async function planReset(cluster: Cluster, { job, sources }: ResetOptions): Promise<ResetPlan> {
  const topics = await listTopics(cluster)
  const own = topics.filter((topic) => topic.job === job)
  const removed = own.filter(({ kind }) => kind !== 'control' || sources)
  const offsets = await offsetsOf(cluster, positionsGroup(job))
  if (own.length === 0 && offsets === 0) throw unknownJob(job, topics)
  const positions: ResetItem = {
    kind: 'offsets',
    name: positionsGroup(job),
    about: 'positions of the group, as lag monitors see them',
    count: offsets,
    sizeBytes: null,
  }
  return {
    job,
    runs: await whoRuns(cluster, job),
    removes: [...removed.map(itemOf), ...(offsets === 0 ? [] : [positions])],
    keeps: own.filter((topic) => !removed.includes(topic)).map(itemOf),
  }
}

/**
 * Removes what a plan names. Who still commits for the job is fenced first. ERR_KAFKA_DENIED, ERR_KAFKA_REFUSED; cut off, it can
 * be done again.
 */
export async function resetJob(cluster: Cluster, { job, removes }: ResetPlan): Promise<void> {
  const topics = removes.filter(({ kind }) => kind === 'topic').map(({ name }) => name)
  await fenceAll(cluster, job, topics)
  await removeTopics(cluster, topics)
  if (!topics.includes(controlTopic(job))) await forgetLineages(cluster, job)
  for (const group of [positionsGroup(job), clusterGroup(job)]) await removeGroup(cluster, group)
}

const ABOUT: Readonly<Partial<Record<ListedStream['kind'], string>>> = {
  state: 'state and checkpoints of all tasks',
  control: 'where files and standard input stand',
  intermediate: 'records between steps',
}

function itemOf({ name, kind, partitions }: ListedStream): ResetItem {
  const count = partitions.reduce((sum, { start, end }) => sum + (end ?? 0) - (start ?? 0), 0)
  const sizeBytes = partitions.reduce((sum, each) => sum + (each.sizeBytes ?? 0), 0)
  return { kind: 'topic', name, about: ABOUT[kind] ?? 'records', count, sizeBytes }
}

function unknownJob(job: string, topics: readonly ListedStream[]): TidemarkError {
  const jobs = [...new Set(topics.flatMap((topic) => topic.job ?? []))]
  const there = jobs.length === 0 ? 'There are none' : `There are: ${jobs.join(', ')}`
  return new TidemarkError('ERR_USAGE', `these brokers have nothing of a job "${job}". ${there}`, { details: { job } })
}

/** How many positions a group has. */
async function offsetsOf(cluster: Cluster, group: string): Promise<number> {
  const asked = { group, topics: null, requireStable: false }
  const { error, topics } = await coordinated(cluster, 'group', group, offsetFetch, asked, (answer) => answer.error)
  if (error === GROUP_ID_NOT_FOUND) return 0
  if (error !== 0) throw refusal(`reading the positions of group ${group}`, error, null)
  return topics.reduce((sum, { partitions }) => sum + partitions.length, 0)
}

/** A process that nobody saw can commit nothing more. */
async function fenceAll(cluster: Cluster, job: string, topics: readonly string[]): Promise<void> {
  const known = await cluster.metadata(topics, true)
  for (const { name, partitions } of known) {
    const lineage = Number(/\.(\d+)\.state$/.exec(name)?.[1])
    if (Number.isSafeInteger(lineage)) await fenceTasks(cluster, { job, lineage }, partitions.length, null)
  }
}

async function removeGroup(cluster: Cluster, group: string): Promise<void> {
  const first = ([each]: readonly { readonly error: number }[]): number => each?.error ?? -1
  const [answer] = await coordinated(cluster, 'group', group, deleteGroups, [group], first)
  invariant(answer !== undefined, 'a coordinator answers for the group it is asked about')
  if (answer.error === 0 || answer.error === GROUP_ID_NOT_FOUND) return
  if (answer.error === NON_EMPTY_GROUP) {
    throw new TidemarkError(
      'ERR_JOB_RUNNING',
      `group ${group} has members, so its offsets stay: end the job, or whatever else uses the group, and reset again`,
      { details: { group } },
    )
  }
  throw refusal(`removing group ${group}`, answer.error, kafkaError(answer.error).name)
}
