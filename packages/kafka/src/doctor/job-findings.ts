import { type Finding, ok, problem, warning } from 'tidemark/system'
import { configFaults } from '../host/topics.ts'
import { kafkaError } from '../net/kafka-errors.ts'
import { lackingOf, type Operation } from './acl-operations.ts'
import type { JobFacts, TopicFacts } from './facts.ts'

const UNKNOWN_TOPIC = 3
const DAY_MS = 86_400_000

/** What is to be said of a job's topics, groups and rights. `maxTransactionMs`: of the brokers, null if unknown. Pure. */
export function jobFindings(facts: JobFacts, maxTransactionMs: number | null): Finding[] {
  return [
    ...facts.topics.flatMap((topic) => topicFindings(topic, facts)),
    ...groupFindings(facts),
    ...transactionFindings(facts, maxTransactionMs),
  ]
}

function topicFindings(topic: TopicFacts, facts: JobFacts): Finding[] {
  const { name, error } = topic
  const subject = `topic ${name}`
  if (error === UNKNOWN_TOPIC) return [missingFinding(topic, subject, facts)]
  if (error !== 0) {
    const denied = kafkaError(error).remedy === 'denied'
    const advice = denied ? grant(facts, 'topic', name, ['Describe']) : "Look at the brokers' logs."
    return [problem('topic.there', subject, `is not shown: ${kafkaError(error).name}`, advice)]
  }
  const found = [
    ...rightFindings(topic, subject, facts),
    ...partitionFindings(topic, subject),
    ...copyFindings(topic, subject, facts.brokers),
    ...configFindings(topic, subject),
  ]
  return found.length > 0
    ? found
    : [ok('topic', subject, `is as the job needs it, with ${counted(topic.partitions.length)}`)]
}

function missingFinding({ making, role, wanted, name }: TopicFacts, subject: string, facts: JobFacts): Finding {
  if (making !== null && making.error !== 0) {
    const { remedy, name: code } = kafkaError(making.error)
    const text = `is not there, and may not be made: ${making.message ?? code}`
    const advice = remedy === 'denied' ? `${grant(facts, 'topic', name, ['Create'])} Or make it` : 'Make it'
    return problem('topic.missing', subject, text, `${advice} yourself, with ${counted(wanted)}.`)
  }
  if (role !== 'user') return ok('topic.missing', subject, 'is not there; the first run makes it')
  return warning(
    'topic.missing',
    subject,
    `is not there; a run makes it with ${counted(wanted)}`,
    'Make it first if it is to have other partitions or settings: their number stays.',
  )
}

function rightFindings(topic: TopicFacts, subject: string, facts: JobFacts): Finding[] {
  if (topic.rights === null) return []
  const wanted: Operation[] = ['Describe']
  if (topic.use !== 'write') wanted.push('Read')
  if (topic.use !== 'read') wanted.push('Write')
  // Records behind the checkpoint are purged.
  if (topic.role === 'intermediate') wanted.push('Delete')
  const found: Finding[] = []
  const lacking = lackingOf(topic.rights, wanted)
  if (lacking.length > 0) {
    const text = `this user may not ${lacking.join(', ')}`
    found.push(problem('topic.rights', subject, text, grant(facts, 'topic', topic.name, lacking)))
  }
  if (topic.configs === null) {
    const advice = grant(facts, 'topic', topic.name, ['DescribeConfigs'])
    found.push(warning('topic.rights', subject, 'its configuration may not be read, and was not checked', advice))
  }
  return found
}

function partitionFindings({ partitions, wanted, role }: TopicFacts, subject: string): Finding[] {
  const found: Finding[] = []
  const leaderless = partitions.filter(({ leader }) => leader < 0).map(({ partition }) => partition)
  if (leaderless.length > 0) {
    const text = `partitions ${leaderless.join(', ')} have no leader: nothing can be read or written there`
    found.push(problem('topic.leader', subject, text, 'Start the brokers that have them.'))
  }
  if (wanted !== null && wanted !== partitions.length) {
    const text = `has ${counted(partitions.length)}, and the job needs ${wanted}`
    const advice =
      role === 'state'
        ? 'The number of tasks is fixed at the first start: go back to it, or start anew (tidemark reset).'
        : 'Change the job (partitions of the stream) or the topic.'
    found.push(problem('topic.partitions', subject, text, advice))
  }
  return found
}

function copyFindings({ partitions, configs, use }: TopicFacts, subject: string, brokers: number): Finding[] {
  const found: Finding[] = []
  const copies = Math.min(...partitions.map(({ replicas }) => replicas.length))
  const behind = partitions.filter(({ replicas, inSync }) => inSync.length < replicas.length)
  if (behind.length > 0) {
    const text = `${behind.length} of its partitions have copies that are not in sync`
    found.push(warning('topic.in-sync', subject, text, 'Look at the brokers that have them: they are down or slow.'))
  }
  if (copies === 1 && brokers >= 3) {
    const text = 'has one copy: what is committed is gone with its broker'
    found.push(warning('topic.copies', subject, text, 'Give it three copies (kafka-reassign-partitions.sh).'))
  }
  if (use === 'read' || configs === null || partitions.length === 0) return found
  const minimum = Number(configs['min.insync.replicas'] ?? 1)
  if (minimum > copies) {
    const text = `min.insync.replicas is ${minimum}, and it has ${copies} copies: nothing can be written`
    found.push(problem('topic.min-in-sync', subject, text, 'Lower it, or add copies.'))
  } else if (copies > 1 && minimum === copies) {
    const text = `min.insync.replicas is ${minimum}, as many as it has copies: one broker that is down stops the job`
    found.push(warning('topic.min-in-sync', subject, text, `Set it to ${copies - 1}, or add a copy.`))
  } else if (copies >= 3 && minimum === 1) {
    const text = 'min.insync.replicas is 1: what one broker acknowledged may be lost with it'
    found.push(warning('topic.min-in-sync', subject, text, 'Set it to 2.'))
  }
  return found
}

function configFindings({ name, role, use, configs }: TopicFacts, subject: string): Finding[] {
  if (configs === null || role === 'control') return []
  const known = Object.fromEntries(Object.entries(configs).map(([key, value]) => [key, value ?? '']))
  const found = configFaults(role, name, known).map((fault) => {
    return problem(
      'topic.config',
      subject,
      fault,
      `kafka-configs.sh --alter --entity-type topics --entity-name ${name} --add-config ...`,
    )
  })
  const retentionMs = Number(configs['retention.ms'] ?? -1)
  if (role === 'user' && use !== 'write' && retentionMs >= 0 && retentionMs < DAY_MS) {
    const hours = (retentionMs / 3_600_000).toFixed(1)
    const text = `its records go after ${hours} h: a job that stands still for longer has lost them`
    found.push(
      warning(
        'topic.retention',
        subject,
        text,
        'Lengthen retention.ms beyond the longest outage that you want to survive.',
      ),
    )
  }
  return found
}

function groupFindings(facts: JobFacts): Finding[] {
  return facts.groups.map(({ group, error, rights }) => {
    const subject = `group ${group}`
    if (error !== 0) {
      const denied = kafkaError(error).remedy === 'denied'
      const advice = denied ? grant(facts, 'group', group, ['Read', 'Describe']) : "Look at the coordinator's log."
      return problem('group.rights', subject, `cannot be used: ${kafkaError(error).name}`, advice)
    }
    const lacking = lackingOf(rights, ['Read'])
    if (lacking.length === 0) return ok('group.rights', subject, 'may be used')
    return problem('group.rights', subject, 'this user may not Read it', grant(facts, 'group', group, lacking))
  })
}

function transactionFindings(facts: JobFacts, maxTransactionMs: number | null): Finding[] {
  const { transactions, commitTimeoutMs, job } = facts
  const subject = `transactional ids tidemark.${job}.*`
  const denied = kafkaError(transactions.error).remedy === 'denied'
  const first = denied
    ? problem(
        'transactions.rights',
        subject,
        `this user may not write by them (${kafkaError(transactions.error).name})`,
        grant(facts, 'transactional-id', `tidemark.${job}.`, ['Write', 'Describe'], true),
      )
    : ok('transactions.rights', subject, 'may be used')
  if (maxTransactionMs === null || commitTimeoutMs <= maxTransactionMs) return [first]
  const text = `commit.timeout is ${commitTimeoutMs} ms, and the brokers allow transactions of ${maxTransactionMs} ms`
  return [
    first,
    problem('transactions.timeout', subject, text, 'Lower --commit-timeout, or raise transaction.max.timeout.ms.'),
  ]
}

function grant(
  { principal }: JobFacts,
  kind: 'topic' | 'group' | 'transactional-id',
  name: string,
  operations: readonly Operation[],
  prefixed = false,
): string {
  const flags = operations.map((each) => `--operation ${each}`).join(' ')
  const pattern = prefixed ? ' --resource-pattern-type prefixed' : ''
  return `Allow it: kafka-acls.sh --bootstrap-server ... --add --allow-principal ${principal ?? 'User:...'} ${flags} --${kind} ${name}${pattern}.`
}

/** Null: of the control topic, which has one. */
function counted(partitions: number | null): string {
  return partitions === null || partitions === 1 ? 'one partition' : `${partitions} partitions`
}
