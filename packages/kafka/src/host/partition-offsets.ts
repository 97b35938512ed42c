import type { Cluster } from '../net/cluster.ts'
import { EARLIEST, LATEST, listOffsets } from '../wire/list-offsets.ts'
import type { TopicPartition } from '../wire/api.ts'
import { refusal } from '../net/kafka-errors.ts'

/** Where a partition begins and ends for a reader of committed records. */
export interface PartitionOffsets extends TopicPartition {
  readonly start: number
  readonly end: number
}

const UNKNOWN_TOPIC = 3
const ATTEMPTS = 20
const PAUSE_MS = 100

/** Start and last stable offset of partitions, each asked of its leader. ERR_KAFKA_NOT_READY when one has none for long. */
export async function partitionOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  sleep: (ms: number) => Promise<void>,
): Promise<PartitionOffsets[]> {
  const found: PartitionOffsets[] = []
  let left = partitions
  for (let attempt = 0; left.length > 0; attempt++) {
    const failed: TopicPartition[] = []
    let why = 0
    const leaders = await Promise.all(left.map(({ topic, partition }) => cluster.leader(topic, partition)))
    for (const node of new Set(leaders.map((leader) => leader.node))) {
      const mine = left.filter((_, i) => leaders[i]?.node === node)
      const starts = await ask(cluster, node, mine, EARLIEST)
      const ends = await ask(cluster, node, mine, LATEST)
      for (const [i, each] of mine.entries()) {
        const [start, end] = [starts[i], ends[i]]
        if (start?.error === 0 && end?.error === 0) found.push({ ...each, start: start.offset, end: end.offset })
        else {
          why = (start?.error ?? 0) === 0 ? (end?.error ?? UNKNOWN_TOPIC) : (start?.error ?? UNKNOWN_TOPIC)
          cluster.forgetTopic(each.topic)
          failed.push(each)
        }
      }
    }
    left = failed
    if (left.length === 0) break
    if (attempt >= ATTEMPTS) {
      const [{ topic, partition }] = left as [TopicPartition]
      throw refusal(`ListOffsets of stream "${topic}", partition ${partition},`, why, null, {
        stream: topic,
        partition,
      })
    }
    await sleep(PAUSE_MS)
  }
  return found
}

async function ask(
  cluster: Cluster,
  node: number,
  partitions: readonly TopicPartition[],
  timestamp: number,
): Promise<({ readonly error: number; readonly offset: number } | undefined)[]> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))].map((topic) => ({
    topic,
    partitions: partitions
      .filter((each) => each.topic === topic)
      .map(({ partition }) => ({ partition, leaderEpoch: -1, timestamp })),
  }))
  const answers = await cluster.request(node, listOffsets, { readCommitted: true, topics }, 'control')
  return partitions.map(({ topic, partition }) =>
    answers.find((each) => each.topic === topic)?.partitions.find((each) => each.partition === partition),
  )
}
