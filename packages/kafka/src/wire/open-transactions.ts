import { readPartitionError, readTopics, type Api, type PartitionError, type TopicPartitions } from './api.ts'
import type { ProducerIdentity } from './transactions.ts'

/** What the coordinator has of a transactional id. */
export interface TransactionState extends ProducerIdentity {
  readonly error: number
  readonly transactionalId: string
  /** As Kafka names it: Empty, Ongoing, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort, Dead. */
  readonly state: string
}

/** Transactional ids, each asked of its coordinator (KIP-664). Needs the right to describe them, which writing implies. */
export const describeTransactions: Api<readonly string[], readonly TransactionState[]> = {
  name: 'DescribeTransactions',
  key: 65,
  minVersion: 0,
  version: 0,
  write(writer, ids) {
    writer.array(ids, (w, id) => w.string(id)).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const error = r.int16()
      const transactionalId = r.string()
      const state = r.string()
      r.int32()
      r.int64()
      const producer = { producerId: r.int64(), producerEpoch: r.int16() }
      r.array((t) => {
        t.string()
        t.int32s()
        t.tags()
      })
      r.tags()
      return { error, transactionalId, state, ...producer }
    })
  },
}

/** A producer as the leader of a partition knows it. */
export interface ActiveProducer extends ProducerIdentity {
  /** Where its open transaction begins in the partition; -1: it has none there. */
  readonly transactionStart: number
}

export interface PartitionProducers extends PartitionError {
  readonly message: string | null
  readonly producers: readonly ActiveProducer[]
}

/** Producers that have lately written to partitions, each asked of its leader (KIP-664). Needs the right to read the topic. */
export const describeProducers: Api<
  readonly TopicPartitions<number>[],
  readonly TopicPartitions<PartitionProducers>[]
> = {
  name: 'DescribeProducers',
  key: 61,
  minVersion: 0,
  version: 0,
  write(writer, topics) {
    writer.array(topics, (w, { topic, partitions }) => w.string(topic).int32s(partitions).tags()).tags()
  },
  read(reader) {
    reader.int32()
    return readTopics(reader, (r) => ({
      partition: r.int32(),
      error: r.int16(),
      message: r.nullableString(),
      producers: r.array((p) => {
        const producer = { producerId: p.int64(), producerEpoch: p.int32() }
        p.int32()
        p.int64()
        p.int32()
        const transactionStart = p.int64()
        p.tags()
        return { ...producer, transactionStart }
      }),
    }))
  },
}

export interface AddPartitionsRequest extends ProducerIdentity {
  readonly transactionalId: string
  readonly topics: readonly TopicPartitions<number>[]
}

/**
 * Makes partitions part of the open transaction, or opens one, without writing to them: they get its marker. Version 3 is
 * the last for clients; with transactions v2 the leaders do it by themselves for what is written.
 */
export const addPartitionsToTxn: Api<AddPartitionsRequest, readonly TopicPartitions<PartitionError>[]> = {
  name: 'AddPartitionsToTxn',
  key: 24,
  minVersion: 3,
  version: 3,
  write(writer, q) {
    writer.string(q.transactionalId).int64(q.producerId).int16(q.producerEpoch)
    writer.array(q.topics, (w, { topic, partitions }) => w.string(topic).int32s(partitions).tags()).tags()
  },
  read(reader) {
    reader.int32()
    return readTopics(reader, readPartitionError)
  },
}
