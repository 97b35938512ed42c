import { TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { refusal } from '../net/kafka-errors.ts'
import { retrying } from '../net/retry.ts'
import { deleteTopics } from '../wire/topics.ts'

const UNKNOWN_TOPIC = 3
const TIMEOUT_MS = 30_000

/** Removes topics, if they are there; settles when every broker says that they are gone. ERR_KAFKA_DENIED, ERR_KAFKA_REFUSED. */
export async function removeTopics(cluster: Cluster, topics: readonly string[]): Promise<void> {
  if (topics.length === 0) return
  const asked = { topics, timeoutMs: TIMEOUT_MS }
  for (const { name, error, message } of await cluster.request('controller', deleteTopics, asked, 'control')) {
    if (error !== 0 && error !== UNKNOWN_TOPIC) throw refusal(`removing topic ${name}`, error, message)
  }
  await untilGone(cluster, topics)
}

/** Topics are gone for a new run once every broker says so. */
async function untilGone(cluster: Cluster, topics: readonly string[]): Promise<void> {
  await retrying({ clock: cluster.clock, random: cluster.random, withinMs: TIMEOUT_MS }, async () => {
    const found = await cluster.metadata(topics, true)
    const left = found.find(({ error }) => error !== UNKNOWN_TOPIC)
    if (left === undefined) return
    throw new TidemarkError('ERR_KAFKA_NOT_READY', `topic ${left.name} is not gone yet. Look at the controller's log.`)
  })
}
