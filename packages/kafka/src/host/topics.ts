import { type StreamLimits, type StreamSpec, TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { describeConfigs } from '../wire/describe.ts'
import type { TopicMetadata } from '../wire/metadata.ts'
import { createTopics } from '../wire/topics.ts'

const TOPIC_ALREADY_EXISTS = 36
const INVALID_REPLICATION_FACTOR = 38
const LEADER_NOT_AVAILABLE = 5
const TIMEOUT_MS = 30_000
const SETTLE_ATTEMPTS = 100
const SETTLE_PAUSE_MS = 100
/** Deletions stay this long in the state topic, so that local state files that are younger can be caught up. */
const DELETE_RETENTION_MS = 7 * 86_400_000
/** Of own topics: a commit may have a large value, and what it has is not refused by the topic. */
const OWN_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
/** Of a batch in the state topic, beside the value that closes it: half a MiB of other entries, the key, the frames. */
const BESIDE_VALUE_BYTES = 1024 * 1024
/** The largest value of a store: a broker takes requests of 100 MiB (socket.request.max.bytes). */
export const MOST_VALUE_BYTES: number = OWN_MAX_MESSAGE_BYTES - BESIDE_VALUE_BYTES
const NO_BOUND = '9223372036854775807'
/** What brokers of Kafka 4 have by default. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
const DEFAULT_AFTER_MS = 3_600_000

/** What a topic is for, which decides how it has to be configured. */
export type TopicRole = 'user' | 'intermediate' | 'state'

type Configs = Readonly<Record<string, string>>

/** The configuration that a new topic gets. */
export function configsFor(role: TopicRole, retentionMs: number | null): Configs {
  // Records carry the time of events: no broker may refuse them for being old or early.
  const anyTime = { 'message.timestamp.before.max.ms': NO_BOUND, 'message.timestamp.after.max.ms': NO_BOUND }
  if (role === 'user') return retentionMs === null ? anyTime : { ...anyTime, 'retention.ms': String(retentionMs) }
  const own = { ...anyTime, 'message.timestamp.type': 'CreateTime', 'max.message.bytes': String(OWN_MAX_MESSAGE_BYTES) }
  if (role === 'intermediate')
    return { ...own, 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' }
  return { ...own, 'cleanup.policy': 'compact', 'delete.retention.ms': String(DELETE_RETENTION_MS) }
}

/**
 * What is wrong with the configuration of a topic that was there before, as sentences that say what to change; none: all
 * is well. Pure.
 */
export function configFaults(role: TopicRole, topic: string, configs: Configs, maxValueBytes = 0): string[] {
  const faults: string[] = []
  const must = (name: string, value: string, why: string): void => {
    const has = configs[name]
    if (has !== undefined && has !== value) faults.push(`${name} of ${topic} is ${has}: set it to ${value}, ${why}`)
  }
  if (role !== 'user') {
    const why = 'since records carry the time of events'
    must('message.timestamp.type', 'CreateTime', why)
    must('message.timestamp.before.max.ms', NO_BOUND, why)
    must('message.timestamp.after.max.ms', NO_BOUND, why)
  }
  if (role === 'state') {
    const takes = Number(configs['max.message.bytes'] ?? OWN_MAX_MESSAGE_BYTES)
    if (takes < maxValueBytes + BESIDE_VALUE_BYTES) {
      faults.push(
        `max.message.bytes of ${topic} is ${takes}: set it to ${maxValueBytes + BESIDE_VALUE_BYTES} or more, or lower the ` +
          'option maxValueBytes, or a large value of a store stops the job',
      )
    }
    must('cleanup.policy', 'compact', 'or the state is deleted')
    const kept = Number(configs['delete.retention.ms'] ?? DELETE_RETENTION_MS)
    if (kept < 3_600_000) {
      faults.push(
        `delete.retention.ms of ${topic} is ${kept}: set it to ${DELETE_RETENTION_MS}, or deleted keys come back`,
      )
    }
  }
  if (role === 'intermediate') {
    must('cleanup.policy', 'delete', 'since records without a newer one of their key are needed too')
    must('retention.ms', '-1', 'or records go that a stopped job has not read')
    must('retention.bytes', '-1', 'or records go that a stopped job has not read')
  }
  return faults
}

/** What a topic takes; `configs` null: they may not be read, and brokers' defaults are assumed. Pure. */
export function limitsOf(role: TopicRole, configs: Configs | null): StreamLimits {
  const bytes = configs?.['max.message.bytes']
  // Own topics take any time, or are not accepted.
  const isFree = role !== 'user' || configs?.['message.timestamp.type'] === 'LogAppendTime'
  const before = configs?.['message.timestamp.before.max.ms'] ?? NO_BOUND
  const after = configs?.['message.timestamp.after.max.ms'] ?? String(DEFAULT_AFTER_MS)
  return {
    maxBatchBytes: Number(bytes ?? (role === 'user' ? DEFAULT_MAX_MESSAGE_BYTES : OWN_MAX_MESSAGE_BYTES)),
    beforeMs: isFree || before === NO_BOUND ? Number.POSITIVE_INFINITY : Number(before),
    afterMs: isFree || after === NO_BOUND ? Number.POSITIVE_INFINITY : Number(after),
    setBy: 'max.message.bytes, message.timestamp.before.max.ms and message.timestamp.after.max.ms of its topic',
  }
}

/**
 * Makes a topic; nothing happens if it is there. ERR_KAFKA_TOPIC; ERR_KAFKA_DENIED: it may neither be seen nor made;
 * ERR_KAFKA_NOT_READY.
 */
export async function makeTopic(
  cluster: Cluster,
  topic: string,
  partitions: number,
  role: TopicRole,
  options: { readonly retentionMs: StreamSpec['retentionMs']; readonly replicas: number },
): Promise<void> {
  const configs = configsFor(role, options.retentionMs)
  const topics = [{ name: topic, partitions, replicas: options.replicas, configs }]
  const asked = { topics, timeoutMs: TIMEOUT_MS, validateOnly: false }
  let [answer] = await cluster.request('controller', createTopics, asked, 'control')
  // Brokers that have just started, or were too busy to say that they live, count as none for a moment.
  for (let attempt = 1; answer?.error === INVALID_REPLICATION_FACTOR && attempt < SETTLE_ATTEMPTS; attempt++) {
    await cluster.clock.sleep(SETTLE_PAUSE_MS)
    answer = (await cluster.request('controller', createTopics, asked, 'control'))[0]
  }
  if (answer === undefined || answer.error === 0 || answer.error === TOPIC_ALREADY_EXISTS) return
  const { remedy } = kafkaError(answer.error)
  if (remedy === 'retry' || remedy === 'metadata') {
    throw refusal(`CreateTopics of topic "${topic}"`, answer.error, answer.message, { topic, partitions })
  }
  if (remedy === 'denied') {
    // Whoever may not make topics is not told that there is one.
    const [found] = await cluster.metadata([topic], true)
    if (found?.error === 0) return
    throw new TidemarkError(
      'ERR_KAFKA_DENIED',
      `topic ${topic} may neither be seen nor made by this user (${nameOf(answer.error)}). Give it the right: Read of an input, ` +
        'Write of an output, both of a topic of the job itself, or Create if it is not there (kafka-acls.sh)',
      { details: { topic, partitions } },
    )
  }
  throw new TidemarkError(
    'ERR_KAFKA_TOPIC',
    `topic ${topic} could not be made with ${partitions} partitions: ${nameOf(answer.error)}` +
      `${answer.message === null ? '' : ` (${answer.message})`}. Make it yourself, or give the job the right to`,
    { details: { topic, partitions } },
  )
}

/**
 * A topic once all of its partitions have leaders: one that was just made is known to all brokers a moment later.
 * ERR_KAFKA_NOT_READY after ten seconds; then there may be none of that name.
 */
export async function settledTopic(cluster: Cluster, topic: string): Promise<TopicMetadata> {
  for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
    const [found] = await cluster.metadata([topic], true)
    if (found?.error === 0 && found.partitions.every(({ leader }) => leader >= 0)) return found
    await cluster.clock.sleep(SETTLE_PAUSE_MS)
  }
  throw refusal(`finding the leaders of topic "${topic}"`, LEADER_NOT_AVAILABLE, null, { topic })
}

/**
 * The configuration of a topic that is there; null: this client may not read it. ERR_KAFKA_TOPIC when the topic cannot serve,
 * ERR_KAFKA_NOT_READY.
 * `maxValueBytes`: what a state topic must take.
 */
export async function checkTopic(
  cluster: Cluster,
  topic: string,
  role: TopicRole,
  maxValueBytes = 0,
): Promise<Configs | null> {
  const [answer] = await cluster.request(
    'any',
    describeConfigs,
    [{ kind: 'topic', name: topic, keys: null }],
    'control',
  )
  const { remedy } = kafkaError(answer?.error ?? 0)
  if (answer !== undefined && (remedy === 'retry' || remedy === 'metadata')) {
    throw refusal(`DescribeConfigs of topic "${topic}"`, answer.error, answer.message, { topic })
  }
  if (answer === undefined || answer.error !== 0) return null
  const configs = Object.fromEntries(answer.configs.map(({ name, value }) => [name, value ?? '']))
  const faults = configFaults(role, topic, configs, maxValueBytes)
  if (faults.length === 0) return configs
  throw new TidemarkError('ERR_KAFKA_TOPIC', faults.join('; '), { details: { topic } })
}

function nameOf(error: number): string {
  return kafkaError(error).name
}
