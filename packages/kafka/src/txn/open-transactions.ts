import type { ClusterPort } from '../cluster-port.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import type { TopicPartition } from '../wire/api.ts'
import { describeProducers, type TransactionState } from '../wire/open-transactions.ts'
import type { Identity } from '../produce/stamp.ts'
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

const DECIDED: Readonly<Record<string, Decision>> = {
  PrepareCommit: 'commit',
  CompleteCommit: 'commit',
  PrepareAbort: 'abort',
  CompleteAbort: 'abort',
}

/**
 * How a transaction that has lost its markers was decided, by what its coordinator had of it just before it gave the id to
 * a new owner (`now`): null if that cannot be known any more. Each end of a transaction raises the epoch by one. Pure.
 */
export function decisionOf(
  before: TransactionState | null,
  now: Identity,
  open: readonly OpenTransaction[],
): Decision | null {
  if (before === null || before.producerId !== now.producerId) return null
  const decision = DECIDED[before.state]
  if (decision === undefined || open.some(({ epoch }) => epoch !== before.producerEpoch - 1)) return null
  return decision
}
