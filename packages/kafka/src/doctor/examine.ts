import { type ExamineOptions, type Finding, isTidemarkError, systemClock, uniqueId, warning } from 'tidemark/system'
import { connectOptions } from '../host/connect-options.ts'
import type { Cluster } from '../net/cluster.ts'
import type { KafkaOptions } from '../options.ts'
import { brokerFindings, clockFinding } from './broker-findings.ts'
import { gatherCluster } from './gather-cluster.ts'
import { gatherJob } from './gather-job.ts'
import { jobFindings } from './job-findings.ts'
import { probeClock } from './probe-clock.ts'

const CONNECT_TIMEOUT_MS = 5000
const REQUEST_TIMEOUT_MS = 10_000

/** What `tidemark doctor` says of brokers, and of what a job needs of them. */
export async function examine(
  cluster: Cluster,
  options: KafkaOptions,
  { needs, probe }: ExamineOptions,
): Promise<readonly Finding[]> {
  const timeouts = { connectTimeoutMs: CONNECT_TIMEOUT_MS, requestTimeoutMs: REQUEST_TIMEOUT_MS }
  const facts = await gatherCluster(cluster, options.brokers, { ...connectOptions(options), ...timeouts })
  const findings = brokerFindings(facts)
  if (probe) findings.push(...(await clocks(cluster)))
  if (needs === null) return findings
  const username = options.sasl?.username
  const job = await gatherJob(cluster, needs, {
    principal: username === undefined ? null : `User:${username}`,
    replicas: options.replicationFactor ?? -1,
    brokers: facts.brokers.length,
  })
  const limits = facts.brokers.map(({ configs }) => Number(configs?.['transaction.max.timeout.ms'] ?? Number.NaN))
  const maxTransactionMs = Math.min(...limits)
  return [...findings, ...jobFindings(job, Number.isNaN(maxTransactionMs) ? null : maxTransactionMs)]
}

async function clocks(cluster: Cluster): Promise<Finding[]> {
  try {
    return (await probeClock(cluster, systemClock, `tidemark-doctor-${uniqueId()}`)).map(clockFinding)
  } catch (error) {
    if (!isTidemarkError(error)) throw error
    const advice =
      'Without --probe the clocks are not compared; with it the user needs the right to make and write a topic.'
    return [warning('broker.clock', 'brokers', `their clocks could not be read: ${error.message}`, advice)]
  }
}
