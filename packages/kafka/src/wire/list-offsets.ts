import { readTopics, writeTopics, type Api, type TopicPartitions } from './api.ts'

/** Special timestamps. LATEST is the last stable offset if the isolation is read committed, else the high watermark. */
export const EARLIEST = -2
export const LATEST = -1

export interface OffsetQuery {
  readonly partition: number
  /** -1: unknown, not checked. */
  readonly leaderEpoch: number
  /** EARLIEST, LATEST, or ms since 1970: the first offset with a timestamp at or after it. */
  readonly timestamp: number
}

export interface ListOffsetsRequest {
  readonly readCommitted: boolean
  readonly topics: readonly TopicPartitions<OffsetQuery>[]
}

export interface OffsetFound {
  readonly partition: number
  readonly error: number
  readonly timestamp: number
  /** -1: there is none (no record so late). */
  readonly offset: number
  readonly leaderEpoch: number
}

/** To be asked of each partition's leader. */
export const listOffsets: Api<ListOffsetsRequest, readonly TopicPartitions<OffsetFound>[]> = {
  name: 'ListOffsets',
  key: 2,
  minVersion: 6,
  version: 7,
  write(writer, q) {
    writer.int32(-1).int8(q.readCommitted ? 1 : 0)
    writeTopics(writer, q.topics, (w, p) => w.int32(p.partition).int32(p.leaderEpoch).int64(p.timestamp))
    writer.tags()
  },
  read(reader) {
    reader.int32()
    const topics = readTopics(reader, (r) => ({
      partition: r.int32(),
      error: r.int16(),
      timestamp: r.int64(),
      offset: r.int64(),
      leaderEpoch: r.int32(),
    }))
    reader.tags()
    return topics
  },
}
