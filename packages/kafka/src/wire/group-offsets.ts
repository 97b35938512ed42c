import {
  readPartitionError,
  readTopics,
  writeTopics,
  type Api,
  type PartitionError,
  type TopicPartitions,
} from './api.ts'
import type { WireWriter } from './wire-writer.ts'

export interface OffsetToCommit {
  readonly partition: number
  readonly offset: number
  /** Of the last record read, -1 if unknown. */
  readonly leaderEpoch: number
  readonly metadata: string | null
}

/** As OffsetCommit and TxnOffsetCommit have them. */
export function writeOffsets(writer: WireWriter, topics: readonly TopicPartitions<OffsetToCommit>[]): void {
  writeTopics(writer, topics, (w, p) => w.int32(p.partition).int64(p.offset).int32(p.leaderEpoch).string(p.metadata))
}

export interface OffsetCommitRequest {
  readonly group: string
  /** -1 and '' for a group without members. */
  readonly generation: number
  readonly member: string
  readonly topics: readonly TopicPartitions<OffsetToCommit>[]
}

/** Offsets of a group, outside a transaction. */
export const offsetCommit: Api<OffsetCommitRequest, readonly TopicPartitions<PartitionError>[]> = {
  name: 'OffsetCommit',
  key: 8,
  minVersion: 8,
  version: 9,
  write(writer, q) {
    writer.string(q.group).int32(q.generation).string(q.member).string(null)
    writeOffsets(writer, q.topics)
    writer.tags()
  },
  read(reader) {
    reader.int32()
    return readTopics(reader, readPartitionError)
  },
}

export interface OffsetFetchRequest {
  readonly group: string
  /** Null asks for all that the group has. */
  readonly topics: readonly TopicPartitions<number>[] | null
  /** True: offsets of transactions that have not ended are an error (UNSTABLE_OFFSET_COMMIT), not passed over. */
  readonly requireStable: boolean
}

export interface CommittedOffset {
  readonly partition: number
  /** -1: none. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string | null
  readonly error: number
}

export interface OffsetFetchResponse {
  readonly error: number
  readonly topics: readonly TopicPartitions<CommittedOffset>[]
}

export const offsetFetch: Api<OffsetFetchRequest, OffsetFetchResponse> = {
  name: 'OffsetFetch',
  key: 9,
  minVersion: 8,
  version: 8,
  write(writer, q) {
    writer.array([q], (w, { group, topics }) => {
      w.string(group).array(topics, (tw, { topic, partitions }) => tw.string(topic).int32s(partitions).tags())
      w.tags()
    })
    writer.bool(q.requireStable).tags()
  },
  read(reader) {
    reader.int32()
    const [group] = reader.array((r) => {
      r.string()
      const topics = readTopics(r, (p) => ({
        partition: p.int32(),
        offset: p.int64(),
        leaderEpoch: p.int32(),
        metadata: p.nullableString(),
        error: p.int16(),
      }))
      const error = r.int16()
      r.tags()
      return { error, topics }
    })
    return group ?? { error: NO_ANSWER, topics: [] }
  },
}

/** UNKNOWN_SERVER_ERROR: the broker left the group out. */
const NO_ANSWER = -1
