import type { Api } from './api.ts'
import type { WireReader } from './wire-reader.ts'

export interface MetadataRequest {
  /** Names; null asks for all topics. */
  readonly topics: readonly string[] | null
}

/** A broker as others reach it. */
export interface BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface PartitionMetadata {
  readonly error: number
  readonly partition: number
  /** -1: it has no leader now. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

export interface TopicMetadata {
  readonly error: number
  readonly name: string
  /** Base64url; tells a topic from another of the same name that was made later. */
  readonly id: string
  readonly internal: boolean
  readonly partitions: readonly PartitionMetadata[]
}

export interface MetadataResponse {
  readonly brokers: readonly BrokerAddress[]
  readonly clusterId: string | null
  readonly controller: number
  readonly topics: readonly TopicMetadata[]
}

/** All zeros: no topic. */
export const NO_TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Brokers, topics, leaders. Version 12 (Kafka 3.0) has topic ids that fetch needs. Never creates a topic. */
export const metadata: Api<MetadataRequest, MetadataResponse> = {
  name: 'Metadata',
  key: 3,
  minVersion: 12,
  version: 12,
  write(writer, { topics }) {
    writer.array(topics, (w, name) => w.uuid(NO_TOPIC_ID).string(name).tags())
    writer.bool(false).bool(false).tags()
  },
  read: (reader) => readAnswer(reader, readTopic),
}

function readAnswer<T>(
  reader: WireReader,
  topic: (reader: WireReader) => T,
): Omit<MetadataResponse, 'topics'> & { readonly topics: readonly T[] } {
  reader.int32()
  const brokers = reader.array((r) => {
    const broker = { id: r.int32(), host: r.string(), port: r.int32() }
    r.nullableString()
    r.tags()
    return broker
  })
  const clusterId = reader.nullableString()
  const controller = reader.int32()
  const topics = reader.array(topic)
  reader.tags()
  return { brokers, clusterId, controller, topics }
}

function readTopic(reader: WireReader): TopicMetadata {
  const { rights: _, ...topic } = readTopicRights(reader)
  return topic
}

/** What this user may do with a topic: bits by the numbers of Kafka's ACL operations. */
export interface TopicRights {
  readonly rights: number
}

function readTopicRights(reader: WireReader): TopicMetadata & TopicRights {
  const topic = { error: reader.int16(), name: reader.string(), id: reader.uuid(), internal: reader.bool() }
  const partitions = reader.array((p) => {
    const partition = {
      error: p.int16(),
      partition: p.int32(),
      leader: p.int32(),
      leaderEpoch: p.int32(),
      replicas: p.int32s(),
      inSync: p.int32s(),
    }
    p.int32s()
    p.tags()
    return partition
  })
  const rights = reader.int32()
  reader.tags()
  return { ...topic, partitions, rights }
}

/** Metadata of topics, with what this user may do. */
export const metadataWithRights: Api<readonly string[], readonly (TopicMetadata & TopicRights)[]> = {
  ...metadata,
  write(writer, topics) {
    writer.array(topics, (w, name) => w.uuid(NO_TOPIC_ID).string(name).tags())
    writer.bool(false).bool(true).tags()
  },
  read: (reader) => readAnswer(reader, readTopicRights).topics,
}
