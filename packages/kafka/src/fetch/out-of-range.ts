import { TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { refusal } from '../net/kafka-errors.ts'
import { EARLIEST, LATEST, listOffsets } from '../wire/list-offsets.ts'

interface Place {
  readonly topic: string
  readonly partition: number
  readonly leaderEpoch: number
}

export interface OffsetRange {
  readonly start: number
  readonly end: number
}

/**
 * The offset of a partition's first record of a time or later, EARLIEST or LATEST, from its leader; -1: there is none. Rejects
 * with ERR_KAFKA_NOT_READY and others.
 */
export async function findOffset(
  cluster: Cluster,
  node: number,
  { topic, partition, leaderEpoch }: Place,
  readCommitted: boolean,
  timestamp: number,
): Promise<number> {
  const topics = [{ topic, partitions: [{ partition, leaderEpoch, timestamp }] }]
  const answer = await cluster.request(node, listOffsets, { readCommitted, topics }, 'control')
  const found = answer[0]?.partitions[0]
  if (found !== undefined && found.error === 0) return found.offset
  const what = `ListOffsets of stream "${topic}", partition ${partition},`
  throw refusal(what, found?.error ?? -1, null, { stream: topic, partition })
}

/** Start and end (by isolation) of a partition, from its leader. Rejects as `findOffset`. */
export async function findRange(
  cluster: Cluster,
  node: number,
  place: Place,
  readCommitted: boolean,
): Promise<OffsetRange> {
  const [start, end] = await Promise.all([
    findOffset(cluster, node, place, readCommitted, EARLIEST),
    findOffset(cluster, node, place, readCommitted, LATEST),
  ])
  return { start, end }
}

export function outOfRange({ topic, partition }: Place, offset: number, { start, end }: OffsetRange): TidemarkError {
  return new TidemarkError(
    'ERR_OFFSET_OUT_OF_RANGE',
    `offset ${offset} of stream "${topic}", partition ${partition}, is not there: available are ${start} up to, not ` +
      `including, ${end}. Lengthen the retention of the topic, or start the job anew.`,
    { details: { stream: topic, partition, offset, start, end } },
  )
}

export function truncated(
  { topic, partition, position }: Place & { readonly position: number },
  endOffset: number,
): TidemarkError {
  return new TidemarkError(
    'ERR_KAFKA_TRUNCATED',
    `records of stream "${topic}", partition ${partition}, from offset ${endOffset} up to ${position} were read, and are ` +
      'gone since: a broker that lacked them became leader. Start from a savepoint of before, or anew.',
    { details: { stream: topic, partition, offset: endOffset, end: position } },
  )
}
