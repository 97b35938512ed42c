import type { StreamAppender } from 'tidemark/system'
import { type Cluster, topicMissing } from '../net/cluster.ts'
import { refusal } from '../net/kafka-errors.ts'
import { IdempotentProducer } from '../produce/idempotent-producer.ts'
import { describeConfigs } from '../wire/describe.ts'

const TIMEOUT_MS = 60_000
/** The brokers' default of max.message.bytes. */
const DEFAULT_MAX_BYTES = 1_048_588

/**
 * Appends to a topic, idempotently, acknowledged by all in-sync replicas. ERR_KAFKA_TOPIC_MISSING; `append` rejects with
 * ERR_KAFKA_RECORD_REFUSED, ERR_KAFKA_DENIED, or why it could not be sent in time.
 */
export async function openAppender(cluster: Cluster, topic: string): Promise<StreamAppender> {
  const [found] = await cluster.metadata([topic], true)
  if (found === undefined || found.error === 3) throw topicMissing(topic, null)
  if (found.error !== 0) throw refusal(`Metadata of stream "${topic}"`, found.error, null, { stream: topic })
  const maxBatchBytes = await maxBytesOf(cluster, topic)
  const { clock, random } = cluster
  const producer = new IdempotentProducer({ cluster, clock, random, timeoutMs: TIMEOUT_MS })
  await producer.init()
  return {
    partitions: found.partitions.length,
    partitioner: 'murmur2',
    maxBatchBytes,
    async append(batches) {
      // All are sent before any is waited for; those of a partition keep their order.
      await Promise.all(batches.map(({ partition, bytes }) => producer.send(topic, partition, bytes, maxBatchBytes)))
    },
    close: () => Promise.resolve(),
  }
}

async function maxBytesOf(cluster: Cluster, topic: string): Promise<number> {
  const asked = [{ kind: 'topic' as const, name: topic, keys: ['max.message.bytes'] }]
  const [answer] = await cluster.request('any', describeConfigs, asked, 'control')
  // Who may write may not always read configurations.
  return Number(answer?.configs[0]?.value ?? DEFAULT_MAX_BYTES)
}
