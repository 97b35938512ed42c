import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { heartbeat } from '../wire/group-membership.ts'
import { positionsGroup } from './topic-names.ts'

/**
 * ERR_KAFKA_DENIED unless positions of the job may be committed to its group, which else only the first commit would show.
 * A heartbeat needs the same right as they do (Read, Kafka's authorization table), and without a member it changes nothing.
 */
export async function assertMayCommitPositions(cluster: Cluster, job: string): Promise<void> {
  const group = positionsGroup(job)
  const node = await cluster.coordinator('group', group)
  const { error } = await cluster.request(node, heartbeat, { group, generation: -1, member: '' }, 'control')
  const { remedy } = kafkaError(error)
  if (remedy === 'coordinator') cluster.forgetCoordinator('group', group)
  if (remedy === 'fatal' || remedy === 'fenced') return
  throw refusal(`Committing positions to group "${group}"`, error, null, { group })
}
