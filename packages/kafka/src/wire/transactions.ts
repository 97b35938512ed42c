import { readPartitionError, readTopics, type Api, type PartitionError, type TopicPartitions } from './api.ts'
import { type OffsetToCommit, writeOffsets } from './group-offsets.ts'

/** A producer as the transaction coordinator knows it; -1 and -1: none yet. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface InitProducerIdRequest extends ProducerIdentity {
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
}

export interface ProducerAnswer extends ProducerIdentity {
  readonly error: number
}

/** With -1 and -1 whoever used the id before is fenced; with own values it asks "am I still the owner?" (KIP-360). */
export const initProducerId: Api<InitProducerIdRequest, ProducerAnswer> = {
  name: 'InitProducerId',
  key: 22,
  minVersion: 4,
  version: 5,
  write(writer, q) {
    writer.string(q.transactionalId).int32(q.transactionTimeoutMs)
    writer.int64(q.producerId).int16(q.producerEpoch).tags()
  },
  read(reader) {
    reader.int32()
    return { error: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  },
}

export interface EndTxnRequest extends ProducerIdentity {
  readonly transactionalId: string
  readonly commit: boolean
}

/** Version 5 (Kafka 4.0, KIP-890): the answer has the producer id and the epoch of the next transaction. */
export const endTxn: Api<EndTxnRequest, ProducerAnswer> = {
  name: 'EndTxn',
  key: 26,
  minVersion: 5,
  version: 5,
  write(writer, q) {
    writer.string(q.transactionalId).int64(q.producerId).int16(q.producerEpoch).bool(q.commit).tags()
  },
  read(reader) {
    reader.int32()
    return { error: reader.int16(), producerId: reader.int64(), producerEpoch: reader.int16() }
  },
}

export interface TxnOffsetCommitRequest extends ProducerIdentity {
  readonly transactionalId: string
  readonly group: string
  readonly topics: readonly TopicPartitions<OffsetToCommit>[]
}

/** Offsets of a group without members, in the transaction. Version 5 adds the group to it by itself (KIP-890). */
export const txnOffsetCommit: Api<TxnOffsetCommitRequest, readonly TopicPartitions<PartitionError>[]> = {
  name: 'TxnOffsetCommit',
  key: 28,
  minVersion: 5,
  version: 5,
  write(writer, q) {
    writer.string(q.transactionalId).string(q.group).int64(q.producerId).int16(q.producerEpoch)
    writer.int32(-1).string('').string(null)
    writeOffsets(writer, q.topics)
    writer.tags()
  },
  read(reader) {
    reader.int32()
    return readTopics(reader, readPartitionError)
  },
}
