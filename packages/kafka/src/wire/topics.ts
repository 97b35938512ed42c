import { readTopics, writeTopics, type Api, type NamedError, type TopicPartitions } from './api.ts'
import { NO_TOPIC_ID } from './metadata.ts'
import type { WireReader } from './wire-reader.ts'

/** What became of a topic, which is named by name and id. */
function readNamed(reader: WireReader): NamedError {
  const name = reader.string()
  reader.uuid()
  return { name, error: reader.int16(), message: reader.nullableString() }
}

export interface NewTopic {
  readonly name: string
  /** -1: as the broker is configured. */
  readonly partitions: number
  readonly replicas: number
  readonly configs: Readonly<Record<string, string>>
}

export interface CreateTopicsRequest {
  readonly topics: readonly NewTopic[]
  readonly timeoutMs: number
  readonly validateOnly: boolean
}

/** To be asked of the controller, as all requests of this file but DeleteRecords, which is for the leader. */
export const createTopics: Api<CreateTopicsRequest, readonly NamedError[]> = {
  name: 'CreateTopics',
  key: 19,
  minVersion: 7,
  version: 7,
  write(writer, q) {
    writer.array(q.topics, (w, topic) => {
      w.string(topic.name)
        .int32(topic.partitions)
        .int16(topic.replicas)
        .array([], () => {})
      w.array(Object.entries(topic.configs), (cw, [name, value]) => cw.string(name).string(value).tags()).tags()
    })
    writer.int32(q.timeoutMs).bool(q.validateOnly).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const answer = readNamed(r)
      r.int32()
      r.int16()
      r.array((c) => {
        c.string()
        c.nullableString()
        c.bool()
        c.int8()
        c.bool()
        c.tags()
      })
      r.tags()
      return answer
    })
  },
}

export interface DeleteTopicsRequest {
  readonly topics: readonly string[]
  readonly timeoutMs: number
}

export const deleteTopics: Api<DeleteTopicsRequest, readonly NamedError[]> = {
  name: 'DeleteTopics',
  key: 20,
  minVersion: 6,
  version: 6,
  write(writer, q) {
    writer.array(q.topics, (w, name) => w.string(name).uuid(NO_TOPIC_ID).tags())
    writer.int32(q.timeoutMs).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const answer = readNamed(r)
      r.tags()
      return answer
    })
  },
}

export interface CreatePartitionsRequest {
  /** How many partitions each topic is to have in all. */
  readonly topics: readonly { readonly name: string; readonly count: number }[]
  readonly timeoutMs: number
}

export const createPartitions: Api<CreatePartitionsRequest, readonly NamedError[]> = {
  name: 'CreatePartitions',
  key: 37,
  minVersion: 2,
  version: 3,
  write(writer, q) {
    writer.array(q.topics, (w, { name, count }) =>
      w
        .string(name)
        .int32(count)
        .array(null, () => {})
        .tags(),
    )
    writer.int32(q.timeoutMs).bool(false).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const answer = { name: r.string(), error: r.int16(), message: r.nullableString() }
      r.tags()
      return answer
    })
  },
}

export interface DeleteRecordsRequest {
  /** Records before `offset` go; -1 stands for the high watermark. */
  readonly topics: readonly TopicPartitions<{ readonly partition: number; readonly offset: number }>[]
  readonly timeoutMs: number
}

export interface DeletedRecords {
  readonly partition: number
  /** The new start of the log. */
  readonly logStart: number
  readonly error: number
}

export const deleteRecords: Api<DeleteRecordsRequest, readonly TopicPartitions<DeletedRecords>[]> = {
  name: 'DeleteRecords',
  key: 21,
  minVersion: 2,
  version: 2,
  write(writer, q) {
    writeTopics(writer, q.topics, (w, p) => w.int32(p.partition).int64(p.offset))
    writer.int32(q.timeoutMs).tags()
  },
  read(reader) {
    reader.int32()
    return readTopics(reader, (r) => ({ partition: r.int32(), logStart: r.int64(), error: r.int16() }))
  },
}
