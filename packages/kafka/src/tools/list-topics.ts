import { isTidemarkError, type ListedPartition, type ListedStream } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import type { TopicPartition } from '../wire/api.ts'
import { describeConfigs } from '../wire/describe.ts'
import { EARLIEST, LATEST, listOffsets } from '../wire/list-offsets.ts'
import { describeLogDirs } from '../wire/log-dirs.ts'
import type { TopicMetadata } from '../wire/metadata.ts'
import { topicOwners } from './topic-owners.ts'

const KEYS = ['cleanup.policy', 'retention.ms', 'retention.bytes'] as const
type Configs = ReadonlyMap<string, string | null>

const keyOf = ({ topic, partition }: TopicPartition): string => `${partition} ${topic}`

/** Every topic of the cluster that this user may see. What the brokers do not tell is null, and no error. */
export async function listTopics(cluster: Cluster): Promise<ListedStream[]> {
  const topics = (await cluster.metadata(null)).filter(({ error }) => error === 0)
  const [starts, ends, sizes, configs] = await Promise.all([
    offsetsOf(cluster, topics, EARLIEST),
    offsetsOf(cluster, topics, LATEST),
    sizesOf(cluster, topics),
    configsOf(cluster, topics),
  ])
  const owners = topicOwners(topics.map(({ name }) => name))
  const listed = topics.map(({ name, internal, partitions }): ListedStream => {
    const policy = configs.get(name)
    const owner = internal || name.startsWith('__') ? ({ kind: 'system', job: null } as const) : owners.get(name)
    return {
      name,
      ...(owner ?? { kind: 'user', job: null }),
      key: null,
      value: null,
      replicas: partitions[0]?.replicas.length ?? null,
      cleanupPolicy: policy?.get('cleanup.policy') ?? null,
      retentionMs: boundOf(policy?.get('retention.ms')),
      retentionBytes: boundOf(policy?.get('retention.bytes')),
      partitions: partitions
        .map(({ partition }): ListedPartition => {
          const key = keyOf({ topic: name, partition })
          const [start, end] = [starts.get(key) ?? null, ends.get(key) ?? null]
          return { partition, start, end, sizeBytes: sizes.get(key) ?? null }
        })
        .sort((a, b) => a.partition - b.partition),
    }
  })
  return listed.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** -1 is none. */
function boundOf(text: string | null | undefined): number | null {
  return text === undefined || text === null || Number(text) < 0 ? null : Number(text)
}

/** Asks each broker about the partitions that it leads, and passes over a broker that does not answer. */
async function byLeader(
  topics: readonly TopicMetadata[],
  ask: (node: number, partitions: ReadonlyMap<string, number[]>) => Promise<void>,
): Promise<void> {
  const leaders = new Map<number, Map<string, number[]>>()
  for (const { name, partitions } of topics) {
    for (const { leader, partition } of partitions) {
      if (leader < 0) continue
      const mine = leaders.get(leader) ?? new Map<string, number[]>()
      mine.set(name, [...(mine.get(name) ?? []), partition])
      leaders.set(leader, mine)
    }
  }
  await Promise.all([...leaders].map(([node, partitions]) => quietly(ask(node, partitions))))
}

/** A broker that is away or denies it leaves gaps in the list. Anything else is an error. */
async function quietly(call: Promise<void>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isTidemarkError(error)) throw error
  }
}

/** Offsets by partition: LATEST is the last stable one. */
async function offsetsOf(
  cluster: Cluster,
  topics: readonly TopicMetadata[],
  timestamp: number,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  await byLeader(topics, async (node, mine) => {
    const asked = [...mine].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map((partition) => ({ partition, leaderEpoch: -1, timestamp })),
    }))
    const answer = await cluster.request(node, listOffsets, { readCommitted: true, topics: asked }, 'control')
    for (const { topic, partitions } of answer) {
      for (const { partition, error, offset } of partitions) {
        if (error === 0) found.set(keyOf({ topic, partition }), offset)
      }
    }
  })
  return found
}

/** What each partition takes where its leader is. */
async function sizesOf(cluster: Cluster, topics: readonly TopicMetadata[]): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  await byLeader(topics, async (node, mine) => {
    const { directories } = await cluster.request(node, describeLogDirs, null, 'control')
    for (const each of directories.flatMap(({ partitions }) => partitions)) {
      if (!each.isFuture && mine.get(each.topic)?.includes(each.partition) === true) {
        found.set(keyOf(each), each.sizeBytes)
      }
    }
  })
  return found
}

async function configsOf(cluster: Cluster, topics: readonly TopicMetadata[]): Promise<ReadonlyMap<string, Configs>> {
  const found = new Map<string, Configs>()
  await quietly(
    (async () => {
      const asked = topics.map(({ name }) => ({ kind: 'topic' as const, name, keys: KEYS }))
      for (const { error, name, configs } of await cluster.request('any', describeConfigs, asked, 'control')) {
        if (error === 0) found.set(name, new Map(configs.map((each) => [each.name, each.value])))
      }
    })(),
  )
  return found
}
