import { type Clock, type RecordCursor, TidemarkError } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import { kafkaError, refusal } from '../net/kafka-errors.ts'
import { type CommitRecord, decodeCommit } from '../state/commit-record.ts'
import { partitionOffsets } from './partition-offsets.ts'
import { readingPartition } from './partition-watch.ts'
import { eachRecord } from './state-partition.ts'
import { controlTopic } from './topic-names.ts'

const UNKNOWN_TOPIC = 3

/**
 * The newest record of each producer in the control topic of a job, by the producer's name; none when there is no such
 * topic. ERR_KAFKA_DENIED, ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
 */
export async function readControl(cluster: Cluster, clock: Clock, job: string): Promise<Map<string, CommitRecord>> {
  const topic = controlTopic(job)
  const found = new Map<string, CommitRecord>()
  const [there] = await cluster.metadata([topic], true)
  const error = there?.error ?? UNKNOWN_TOPIC
  if (error === UNKNOWN_TOPIC) return found
  if (error !== 0) {
    if (kafkaError(error).remedy !== 'denied') throw refusal(`looking for topic ${topic}`, error, null)
    throw new TidemarkError(
      'ERR_KAFKA_DENIED',
      `topic ${topic}, which says with which state the job goes on, may not be read by this user. Give it the right Read on ` +
        'it, also if there is no such topic yet (kafka-acls.sh)',
      { details: { topic } },
    )
  }
  const place = { topic, partition: 0 }
  const [bounds] = await partitionOffsets(cluster, [place], (ms) => clock.sleep(ms))
  const { start = 0, end = 0 } = bounds ?? {}
  const text = new TextDecoder()
  await readingPartition(cluster, place, (source) =>
    eachRecord(source, { from: start, end }, (cursor: RecordCursor) => {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd, offset } = cursor
      if (keyEnd < 0) return
      const producer = text.decode(bytes.subarray(keyStart, keyEnd))
      if (valueEnd < 0) found.delete(producer)
      else found.set(producer, decodeCommit(bytes, valueStart, valueEnd, `${topic}, offset ${offset}`))
    }),
  )
  return found
}
