import type { PartitionBatches, StreamPosition, StreamRange } from 'tidemark/system'
import { Fetcher } from '../fetch/fetcher.ts'
import { findOffset, findRange } from '../fetch/out-of-range.ts'
import { PartitionWatch } from '../host/partition-watch.ts'
import type { PartitionSource } from '../host/state-partition.ts'
import { type Cluster, topicMissing } from '../net/cluster.ts'
import { refusal } from '../net/kafka-errors.ts'

const READ_BYTES = 1024 * 1024
/** The brokers hold a request for data no longer: the next partition waits for its answer. */
const PASSING_WAIT_MS = 20

interface Part extends PartitionSource {
  readonly partition: number
  readonly from: number
  readonly to: number
  /** What the next read begins with. */
  at: number
}

/**
 * Reads a topic: one partition after the other up to its end of now, or all of them as records come. ERR_KAFKA_TOPIC_MISSING,
 * ERR_KAFKA_DENIED, ERR_BATCH_CORRUPT, and what connections reject with.
 */
export async function* readTopic(
  cluster: Cluster,
  topic: string,
  range: StreamRange,
): AsyncGenerator<PartitionBatches, void, void> {
  const follow = range.follow === true
  const readCommitted = range.committed !== false
  const watch = new PartitionWatch()
  const waiting = follow ? {} : { maxWaitMs: PASSING_WAIT_MS }
  const fetcher = new Fetcher({ cluster, readCommitted, outOfRange: 'fail', ...watch.events, ...waiting })
  try {
    const parts: Part[] = []
    for (const partition of await partitionsOf(cluster, topic, range.partition)) {
      const { from, to } = await boundsOf(cluster, topic, partition, range, readCommitted)
      parts.push({ ...watch.source(fetcher.reader(topic, partition)), partition, from, to, at: from })
    }
    if (follow) yield* followed(parts)
    else for (const part of parts) yield* toItsEnd(part)
  } finally {
    fetcher.close()
  }
}

async function* toItsEnd(part: Part): AsyncGenerator<PartitionBatches, void, void> {
  if (part.at >= part.to) return
  part.reader.seek(part.from)
  while (part.at < part.to) {
    const wake = part.more()
    // A failure comes from the reader too, behind what it had.
    wake.catch(() => {})
    if (yield* atHand(part)) continue
    await wake
  }
  part.reader.close()
}

async function* followed(parts: readonly Part[]): AsyncGenerator<PartitionBatches, void, void> {
  for (const { reader, from } of parts) reader.seek(from)
  for (;;) {
    const wake = parts[0]?.more()
    wake?.catch(() => {})
    let some = false
    for (const part of parts) some = (yield* atHand(part)) || some
    if (parts.every(({ at, to }) => at >= to)) return
    if (!some) await wake
  }
}

/** What has come of a partition; true if there was anything. */
function* atHand(part: Part): Generator<PartitionBatches, boolean, void> {
  let some = false
  const { partition, from, to } = part
  while (part.at < to) {
    const read = part.reader.read(READ_BYTES)
    if (read === null) break
    some = true
    part.at = read.end
    yield { partition, bytes: read.bytes, from, to }
  }
  return some
}

async function partitionsOf(cluster: Cluster, topic: string, wanted: number | undefined): Promise<readonly number[]> {
  const [found] = await cluster.metadata([topic], true)
  if (found === undefined || found.error === 3) throw topicMissing(topic, null)
  if (found.error !== 0) throw refusal(`Metadata of stream "${topic}"`, found.error, null, { stream: topic })
  const all = found.partitions.map(({ partition }) => partition).sort((a, b) => a - b)
  if (wanted === undefined) return all
  if (!all.includes(wanted)) throw topicMissing(topic, wanted)
  return [wanted]
}

async function boundsOf(
  cluster: Cluster,
  topic: string,
  partition: number,
  range: StreamRange,
  readCommitted: boolean,
): Promise<{ readonly from: number; readonly to: number }> {
  const { node } = await cluster.leader(topic, partition)
  const place = { topic, partition, leaderEpoch: -1 }
  const { start, end } = await findRange(cluster, node, place, readCommitted)
  const at = async (position: StreamPosition): Promise<number> => {
    if ('offset' in position) return position.offset
    const found = await findOffset(cluster, node, place, readCommitted, position.timestampMs)
    return found < 0 ? end : found
  }
  const first = range.from === undefined ? start : range.from === 'end' ? end : await at(range.from)
  const last = range.to === undefined ? Number.POSITIVE_INFINITY : await at(range.to)
  return {
    from: Math.max(start, Math.min(first, end)),
    to: range.follow === true ? last : Math.min(last, end),
  }
}
