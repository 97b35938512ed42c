import { type Finding, ok, problem, warning } from 'tidemark/system'
import type { BrokerFacts, ClockFacts, ClusterFacts } from './facts.ts'
import { NEEDED_APIS } from './needed-apis.ts'

/** Members of a job's group ask for this session timeout. */
const LEASE_MS = 6000
/** EndTxn answers with the epoch of the next transaction from this level on (KIP-890). */
const TRANSACTIONS_V2 = 2
const CLOCK_WARNING_MS = 1000
/** Brokers refuse timestamps that are an hour ahead. */
const CLOCK_PROBLEM_MS = 300_000
const LITTLE_DISK = 0.1
const NO_DISK = 0.02

/** What is to be said of the brokers. Pure. */
export function brokerFindings({ addresses, brokers }: ClusterFacts): Finding[] {
  return [
    ...addresses.map(({ address, failure }) =>
      failure === null
        ? ok('brokers.address', `address ${address}`, 'answers')
        : warning(
            'brokers.address',
            `address ${address}`,
            failure,
            'Take it out of --brokers, or start the broker: when the others are away too, nothing is found.',
          ),
    ),
    ...brokers.flatMap((broker) => ofBroker(broker, brokers.length)),
  ]
}

function ofBroker(broker: BrokerFacts, brokers: number): Finding[] {
  const subject = `broker ${broker.id} (${broker.address})`
  if (broker.failure !== null) {
    return [
      problem(
        'broker.reach',
        subject,
        broker.failure,
        'Clients must reach every broker by the address that it tells: mend advertised.listeners, or the network and its names here.',
      ),
    ]
  }
  return [
    ok('broker.reach', subject, 'is reached by the address that it tells'),
    ...versionFindings(broker, subject),
    ...featureFindings(broker, subject),
    ...configFindings(broker, subject, brokers),
    ...diskFindings(broker, subject),
  ]
}

function versionFindings({ apis }: BrokerFacts, subject: string): Finding[] {
  const lacking = NEEDED_APIS.filter(({ key, minVersion, version }) => {
    const range = apis?.find((each) => each.key === key)
    return range === undefined || range.max < minVersion || range.min > version
  })
  if (lacking.length === 0) return [ok('broker.versions', subject, 'speaks every request that is needed')]
  const names = lacking.map(({ name, minVersion }) => `${name} ${minVersion}`).join(', ')
  return [problem('broker.versions', subject, `does not speak ${names}`, 'Use brokers of Kafka 4.0 or newer.')]
}

function featureFindings({ features }: BrokerFacts, subject: string): Finding[] {
  const level = features?.find(({ name }) => name === 'transaction.version')?.level ?? 0
  if (level >= TRANSACTIONS_V2) return [ok('broker.transactions', subject, 'transactions v2 are on')]
  return [
    problem(
      'broker.transactions',
      subject,
      `transactions v2 are off (transaction.version is at level ${level})`,
      `Switch them on: kafka-features.sh --bootstrap-server ... upgrade --feature transaction.version=${TRANSACTIONS_V2}`,
    ),
  ]
}

function configFindings({ configs }: BrokerFacts, subject: string, brokers: number): Finding[] {
  if (configs === null) {
    const text = 'its configuration may not be read: session timeouts, transaction timeouts and copies were not checked'
    return [
      warning(
        'broker.config',
        subject,
        text,
        'Give this user DescribeConfigs on the cluster (kafka-acls.sh), if you want it checked.',
      ),
    ]
  }
  const found: Finding[] = []
  const number = (name: string): number => Number(configs[name] ?? Number.NaN)
  const session = number('group.min.session.timeout.ms')
  if (session > LEASE_MS) {
    const text = `group.min.session.timeout.ms is ${session}: a lease of ${LEASE_MS} ms is refused`
    found.push(problem('broker.session', subject, text, `Set it to ${LEASE_MS} or less.`))
  }
  for (const name of ['transaction.state.log.replication.factor', 'offsets.topic.replication.factor']) {
    if (brokers >= 3 && number(name) < 3) {
      const text = `${name} is ${number(name)}: one broker that is lost may take committed transactions or offsets with it`
      found.push(
        warning(
          'broker.copies',
          subject,
          text,
          'Use 3, and add copies of the topic that is there (kafka-reassign-partitions.sh).',
        ),
      )
    }
  }
  if (configs['unclean.leader.election.enable'] === 'true') {
    const text = 'unclean.leader.election.enable is true: a broker that lacks committed records may become leader'
    found.push(warning('broker.unclean', subject, text, 'Set it to false: exactly-once does not hold otherwise.'))
  }
  return found.length > 0 ? found : [ok('broker.config', subject, 'its configuration fits')]
}

function diskFindings({ disks }: BrokerFacts, subject: string): Finding[] {
  return (disks ?? [])
    .filter(({ totalBytes }) => totalBytes > 0)
    .map(({ path, totalBytes, usableBytes }) => {
      const free = usableBytes / totalBytes
      const text = `${Math.round(free * 100)}% of the disk of ${path} is free`
      const advice = 'Free space, or shorten retention: a broker whose disk is full stops.'
      if (free < NO_DISK) return problem('broker.disk', subject, text, advice)
      return free < LITTLE_DISK ? warning('broker.disk', subject, text, advice) : ok('broker.disk', subject, text)
    })
}

/** What a difference of clocks means. Pure. */
export function clockFinding({ broker, aheadMs, withinMs }: ClockFacts): Finding {
  const subject = `broker ${broker}`
  const off = Math.max(0, Math.abs(aheadMs) - withinMs)
  const side = aheadMs > 0 ? 'ahead of' : 'behind'
  if (off < CLOCK_WARNING_MS) return ok('broker.clock', subject, 'its clock and that of this machine agree')
  const text = `its clock is ${(off / 1000).toFixed(1)} s ${side} that of this machine`
  const advice = 'Set both by NTP: times of records and retention go by them, and brokers refuse times an hour ahead.'
  return off < CLOCK_PROBLEM_MS
    ? warning('broker.clock', subject, text, advice)
    : problem('broker.clock', subject, text, advice)
}
