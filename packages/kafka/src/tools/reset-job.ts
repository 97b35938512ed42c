import {
  invariant,
  type ListedStream,
  type ResetItem,
  type ResetOptions,
  type ResetPlan,
  systemClock,
  taskProducer,
  TidemarkError,
} from 'tidemark/system'
import { positionsGroup, transactionalId } from '../host/topic-names.ts'
import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { retrying } from '../net/retry.ts'
import { TransactionalProducer } from '../txn/transactional-producer.ts'
import { deleteGroups, describeGroups } from '../wire/group-admin.ts'
import { offsetFetch } from '../wire/group-offsets.ts'
import { listTransactions } from '../wire/list-transactions.ts'
import { deleteTopics } from '../wire/topics.ts'
import { coordinated } from './coordinated.ts'
import { listTopics } from './list-topics.ts'

const UNKNOWN_TOPIC = 3
const NON_EMPTY_GROUP = 68
const GROUP_ID_NOT_FOUND = 69
const TIMEOUT_MS = 30_000
const UNDER_WAY = ['Ongoing', 'PrepareCommit', 'PrepareAbort']

/** The group of the processes that run a job. */
const clusterGroup = (job: string): string => `${job}.cluster`

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
  if (topics.length > 0) {
    const asked = { topics, timeoutMs: TIMEOUT_MS }
    for (const { name, error, message } of await cluster.request('controller', deleteTopics, asked, 'control')) {
      if (error !== 0 && error !== UNKNOWN_TOPIC) throw refusal(`removing topic ${name}`, error, message)
    }
    await untilGone(cluster, topics)
  }
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

/** Who runs the job, for people; null when nobody does. */
async function whoRuns(cluster: Cluster, job: string): Promise<string | null> {
  const group = clusterGroup(job)
  const first = ([each]: readonly { readonly error: number }[]): number => each?.error ?? -1
  const [found] = await coordinated(cluster, 'group', group, describeGroups, [group], first)
  const [member] = found?.members ?? []
  if (member !== undefined) return `${member.member} on ${member.host} is a member of group ${group}`
  const prefix = transactionalId(job, `task:${job}`)
  for (const node of cluster.nodes) {
    const { transactions } = await cluster.request(node, listTransactions, UNDER_WAY, 'control')
    const open = transactions.find(({ transactionalId: id }) => id.startsWith(prefix))
    if (open !== undefined) {
      return `a transaction of ${open.transactionalId} is under way (one of a process that was killed ends by itself, after the commit timeout)`
    }
  }
  return null
}

/** Takes over the transactional ids of all tasks: a process that nobody saw can commit nothing more. */
async function fenceAll(cluster: Cluster, job: string, topics: readonly string[]): Promise<void> {
  const known = await cluster.metadata(topics, true)
  for (const { name, partitions } of known) {
    const lineage = Number(/\.(\d+)\.state$/.exec(name)?.[1])
    if (!Number.isSafeInteger(lineage)) continue
    for (const { partition } of partitions) {
      const id = transactionalId(job, taskProducer(job, lineage, partition))
      const txn = new TransactionalProducer({ cluster, transactionalId: id, timeoutMs: TIMEOUT_MS, clock: systemClock })
      await txn.init()
      txn.close()
    }
  }
}

/** Topics are gone for a new run once every broker says so. */
async function untilGone(cluster: Cluster, topics: readonly string[]): Promise<void> {
  await retrying({ clock: cluster.clock, random: cluster.random, withinMs: TIMEOUT_MS }, async () => {
    const found = await cluster.metadata(topics, true)
    const left = found.find(({ error }) => error !== UNKNOWN_TOPIC)
    if (left === undefined) return
    throw new TidemarkError('ERR_KAFKA_NOT_READY', `topic ${left.name} is not gone yet. Look at the controller's log.`)
  })
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
