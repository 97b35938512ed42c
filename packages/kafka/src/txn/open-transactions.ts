import type { ClusterPort } from '../cluster-port.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import type { TopicPartition } from '../wire/api.ts'
import { describeProducers } from '../wire/open-transactions.ts'
import { byTopic } from './by-topic.ts'

export type Decision = 'commit' | 'abort'

/** A transaction that has no marker in a partition yet. */
export interface OpenTransaction extends TopicPartition {
  /** Of its batches. */
  readonly epoch: number
  /** The offset of its first. */
  readonly start: number
}

export interface OpenTransactions {
  readonly open: readonly OpenTransaction[]
  /** Of the partitions that were asked for, those of topics that this client may not read, so that it is not told. */
  readonly untold: readonly TopicPartition[]
}

/**
 * In which partitions a producer's transaction has no marker, as their leaders know it. Rejects as Cluster.request, and with
 * ERR_KAFKA_NOT_READY when a partition has no leader now, ERR_KAFKA_REFUSED.
 */
export async function openTransactions(
  cluster: ClusterPort,
  producerId: number,
  partitions: readonly TopicPartition[],
): Promise<OpenTransactions> {
  const byNode = new Map<number, TopicPartition[]>()
  for (const each of partitions) {
    const { node } = await cluster.leader(each.topic, each.partition)
    const mine = byNode.get(node)
    if (mine === undefined) byNode.set(node, [each])
    else mine.push(each)
  }
  const open: OpenTransaction[] = []
  const untold: TopicPartition[] = []
  for (const [node, mine] of byNode) {
    for (const { topic, partitions: answers } of await cluster.request(
      node,
      describeProducers,
      byTopic(mine),
      'control',
    )) {
      for (const { partition, error, message, producers } of answers) {
        const { remedy } = kafkaError(error)
        if (error !== 0 && remedy === 'denied') untold.push({ topic, partition })
        else if (error !== 0) {
          if (remedy === 'metadata') cluster.forgetTopic(topic)
          const what = `DescribeProducers of stream "${topic}", partition ${partition}`
          throw refusal(what, error, message, { stream: topic, partition })
        }
        const found = producers.find((each) => each.producerId === producerId && each.transactionStart >= 0)
        if (found === undefined) continue
        open.push({ topic, partition, epoch: found.producerEpoch, start: found.transactionStart })
      }
    }
  }
  return { open, untold }
}
