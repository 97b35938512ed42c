import { readTopics, writeTopics, type Api, type TopicPartitions } from './api.ts'

/** Exactly one record batch for a partition, perhaps in several ranges; they are sent without being copied. */
export interface ProducePartition {
  readonly partition: number
  readonly batch: readonly Uint8Array[]
}

export interface ProduceRequest {
  /** Null for a producer without transactions. With an id, the broker adds the partitions to its transaction (KIP-890). */
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly topics: readonly TopicPartitions<ProducePartition>[]
}

export interface ProducedPartition {
  readonly partition: number
  readonly error: number
  readonly baseOffset: number
  /** -1 unless the topic takes the time of appending. */
  readonly appendTimeMs: number
  readonly logStart: number
  /** Records of the batch that the broker found wrong, by their place in it. */
  readonly recordErrors: readonly { readonly index: number; readonly message: string | null }[]
  readonly message: string | null
}

/** Always acks -1: all in-sync replicas. Version 12 (Kafka 4.0) is that of transactions v2. */
export const produce: Api<ProduceRequest, readonly TopicPartitions<ProducedPartition>[]> = {
  name: 'Produce',
  key: 0,
  minVersion: 12,
  version: 12,
  write(writer, q) {
    writer.string(q.transactionalId).int16(-1).int32(q.timeoutMs)
    writeTopics(writer, q.topics, (w, p) => w.int32(p.partition).byteRanges(p.batch))
    writer.tags()
  },
  read(reader) {
    const topics = readTopics(reader, (r) => ({
      partition: r.int32(),
      error: r.int16(),
      baseOffset: r.int64(),
      appendTimeMs: r.int64(),
      logStart: r.int64(),
      recordErrors: r.array((e) => {
        const error = { index: e.int32(), message: e.nullableString() }
        e.tags()
        return error
      }),
      message: r.nullableString(),
    }))
    reader.int32()
    reader.tags()
    return topics
  },
}
