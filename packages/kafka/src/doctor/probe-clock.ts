import { BatchEncoder, type Clock } from 'tidemark/system'
import { settledTopic } from '../host/topics.ts'
import type { Cluster } from '../net/cluster.ts'
import { refusal } from '../net/kafka-errors.ts'
import { produce } from '../wire/produce.ts'
import { createTopics, deleteTopics } from '../wire/topics.ts'
import type { ClockFacts } from './facts.ts'

const TIMEOUT_MS = 10_000
const VALUE = new TextEncoder().encode('tidemark doctor')

/**
 * Makes a topic whose brokers put their time on records, with a partition for each broker, writes to each and takes the time
 * from the answer; removes the topic. The difference is known up to half of the time that the answer took.
 */
export async function probeClock(cluster: Cluster, clock: Clock, name: string): Promise<ClockFacts[]> {
  const configs = { 'message.timestamp.type': 'LogAppendTime' }
  const topic = { name, partitions: cluster.nodes.length, replicas: 1, configs }
  const asked = { topics: [topic], timeoutMs: TIMEOUT_MS, validateOnly: false }
  const [made] = await cluster.request('controller', createTopics, asked, 'control')
  if (made?.error !== 0) throw refusal(`making the topic ${name}`, made?.error ?? -1, made?.message ?? null)
  try {
    const { partitions } = await settledTopic(cluster, name)
    const facts = new Map<number, ClockFacts>()
    for (const { partition, leader } of partitions) {
      if (!facts.has(leader)) facts.set(leader, await askTime(cluster, clock, name, partition, leader))
    }
    return [...facts.values()].sort((a, b) => a.broker - b.broker)
  } finally {
    await cluster.request('controller', deleteTopics, { topics: [name], timeoutMs: TIMEOUT_MS }, 'control')
  }
}

async function askTime(
  cluster: Cluster,
  clock: Clock,
  topic: string,
  partition: number,
  broker: number,
): Promise<ClockFacts> {
  const encoder = new BatchEncoder()
  encoder.append(clock.now(), null, 0, 0, VALUE, 0, VALUE.length, null)
  const topics = [{ topic, partitions: [{ partition, batch: [encoder.finish()] }] }]
  const sentMs = clock.now()
  const [answer] = await cluster.request(
    broker,
    produce,
    { transactionalId: null, timeoutMs: TIMEOUT_MS, topics },
    'produce',
  )
  const gotMs = clock.now()
  const done = answer?.partitions[0]
  if (done === undefined || done.error !== 0)
    throw refusal(`writing to ${topic}`, done?.error ?? -1, done?.message ?? null)
  return { broker, aheadMs: done.appendTimeMs - (sentMs + gotMs) / 2, withinMs: (gotMs - sentMs) / 2 + 1 }
}
