import { isTidemarkError, type JobNeeds, lineageStream, systemClock, taskProducer } from 'tidemark/system'
import { readControl } from '../host/control-records.ts'
import { LINEAGES_KEY, lineagesIn } from '../host/kafka-lineages.ts'
import { controlTopic, positionsGroup, stateTopic, topicOf, transactionalId } from '../host/topic-names.ts'
import { configsFor, type TopicRole } from '../host/topics.ts'
import type { Cluster } from '../net/cluster.ts'
import { describeConfigs } from '../wire/describe.ts'
import { describeGroups, type DescribedGroup } from '../wire/group-admin.ts'
import { metadataWithRights } from '../wire/metadata.ts'
import { createTopics } from '../wire/topics.ts'
import { endTxn } from '../wire/transactions.ts'
import type { Configs, JobFacts, TopicFacts } from './facts.ts'
import { coordinated, deniedCode } from '../tools/coordinated.ts'

const UNKNOWN_TOPIC = 3
const TIMEOUT_MS = 10_000
/** No rights are told for a topic that is not there. */
const NOT_TOLD = -(2 ** 31)

type Wanted = Pick<TopicFacts, 'name' | 'role' | 'use' | 'wanted'>

/** What the brokers say to all that a job will ask of them. Nothing is changed by asking. */
export async function gatherJob(
  cluster: Cluster,
  needs: JobNeeds,
  options: { readonly principal: string | null; readonly replicas: number; readonly brokers: number },
): Promise<JobFacts> {
  const { job, commitTimeoutMs } = needs
  const lineage = await currentLineage(cluster, job)
  const topics = await Promise.all(
    wantedTopics(needs, lineage).map((wanted) => topicFacts(cluster, wanted, options.replicas)),
  )
  const groups = await Promise.all([positionsGroup(job), `${job}.cluster`].map((group) => groupFacts(cluster, group)))
  const id = transactionalId(job, taskProducer(job, lineage, 0))
  const error = await writingError(cluster, id)
  const { principal, brokers } = options
  return { job, principal, brokers, commitTimeoutMs, topics, groups, transactions: { id, error } }
}

/** What may not be read is a finding of its own. */
async function currentLineage(cluster: Cluster, job: string): Promise<number> {
  try {
    const record = (await readControl(cluster, systemClock, job)).get(LINEAGES_KEY)
    return lineagesIn(job, record)?.current?.number ?? 1
  } catch (error) {
    if (isTidemarkError(error, 'ERR_KAFKA_DENIED')) return 1
    throw error
  }
}

function wantedTopics({ job, tasks, streams }: JobNeeds, lineage: number): Wanted[] {
  return [
    ...streams.map(
      ({ name, kind, use, partitions }): Wanted => ({
        name: topicOf(job, { name: kind === 'user' ? name : lineageStream(name, lineage), kind }),
        role: kind === 'user' ? 'user' : 'intermediate',
        use: kind === 'user' ? use : 'both',
        wanted: partitions,
      }),
    ),
    { name: stateTopic({ job, lineage }), role: 'state', use: 'both', wanted: tasks },
    { name: controlTopic(job), role: 'control', use: 'both', wanted: null },
  ]
}

async function topicFacts(cluster: Cluster, wanted: Wanted, replicas: number): Promise<TopicFacts> {
  const [found] = await cluster.request('any', metadataWithRights, [wanted.name], 'control')
  const error = found?.error ?? UNKNOWN_TOPIC
  const rights = found === undefined || error !== 0 || found.rights === NOT_TOLD ? null : found.rights
  return {
    ...wanted,
    error,
    partitions: found?.partitions ?? [],
    rights,
    configs: error === 0 ? await configsOf(cluster, wanted.name) : null,
    making: error === UNKNOWN_TOPIC ? await tryMaking(cluster, wanted, replicas) : null,
  }
}

async function configsOf(cluster: Cluster, name: string): Promise<Configs | null> {
  const [answer] = await cluster.request('any', describeConfigs, [{ kind: 'topic', name, keys: null }], 'control')
  if (answer === undefined || answer.error !== 0) return null
  return Object.fromEntries(answer.configs.map((each) => [each.name, each.value]))
}

/** Asks the controller to make the topic, and only to check it. */
async function tryMaking(cluster: Cluster, wanted: Wanted, replicas: number): Promise<TopicFacts['making']> {
  const role: TopicRole = wanted.role === 'control' ? 'state' : wanted.role
  const topic = { name: wanted.name, partitions: wanted.wanted ?? 1, replicas, configs: configsFor(role, null) }
  const asked = { topics: [topic], timeoutMs: TIMEOUT_MS, validateOnly: true }
  const [answer] = await cluster.request('controller', createTopics, asked, 'control')
  return { error: answer?.error ?? -1, message: answer?.message ?? null }
}

async function groupFacts(cluster: Cluster, group: string): Promise<JobFacts['groups'][number]> {
  const ask = (): Promise<readonly DescribedGroup[]> => {
    return coordinated(cluster, 'group', group, describeGroups, [group], ([each]) => each?.error ?? -1)
  }
  try {
    const [found] = await ask()
    return { group, error: found?.error ?? -1, rights: found?.rights ?? 0 }
  } catch (error) {
    return { group, error: deniedCode(error), rights: 0 }
  }
}

/** A producer id that nobody has: the coordinator checks the right to write first, and then knows no such producer. */
async function writingError(cluster: Cluster, id: string): Promise<number> {
  const question = { transactionalId: id, producerId: -1, producerEpoch: -1, commit: false }
  try {
    return (await coordinated(cluster, 'transaction', id, endTxn, question, ({ error }) => error)).error
  } catch (error) {
    return deniedCode(error)
  }
}
