import { clusterGroup, transactionalId } from '../host/topic-names.ts'
import type { Cluster } from '../net/cluster.ts'
import { describeGroups } from '../wire/group-admin.ts'
import { listTransactions } from '../wire/list-transactions.ts'
import { coordinated } from './coordinated.ts'

const UNDER_WAY = ['Ongoing', 'PrepareCommit', 'PrepareAbort']

/** Who runs the job, for people; null when nobody does. */
export async function whoRuns(cluster: Cluster, job: string): Promise<string | null> {
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
