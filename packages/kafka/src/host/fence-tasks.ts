import { systemClock, taskProducer } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { TransactionalProducer } from '../txn/transactional-producer.ts'
import type { TopicPartition } from '../wire/api.ts'
import { type JobTopics, stateTopic, transactionalId } from './topic-names.ts'

const TIMEOUT_MS = 30_000

/**
 * Takes over the transactional ids of a lineage's tasks: a process that still runs them, seen or not, commits nothing more.
 * `outputs`: what they may have written to; transactions there whose markers were lost are ended. Null: not looked for.
 */
export async function fenceTasks(
  cluster: Cluster,
  topics: JobTopics,
  tasks: number,
  outputs: readonly TopicPartition[] | null,
): Promise<void> {
  const { job, lineage } = topics
  for (let task = 0; task < tasks; task++) {
    const id = transactionalId(job, taskProducer(job, lineage, task))
    const txn = new TransactionalProducer({ cluster, transactionalId: id, timeoutMs: TIMEOUT_MS, clock: systemClock })
    await txn.init(outputs === null ? null : { own: { topic: stateTopic(topics), partition: task }, outputs })
    txn.close()
  }
}
