import type { Api } from './api.ts'

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
  read(reader) {
    reader.int32()
    const brokers = reader.array((r) => {
      const broker = { id: r.int32(), host: r.string(), port: r.int32() }
      r.nullableString()
      r.tags()
      return broker
    })
    const clusterId = reader.nullableString()
    const controller = reader.int32()
    const topics = reader.array((r) => {
      const topic = { error: r.int16(), name: r.string(), id: r.uuid(), internal: r.bool() }
      const partitions = r.array((p) => {
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
      r.int32()
      r.tags()
      return { ...topic, partitions }
    })
    reader.tags()
    return { brokers, clusterId, controller, topics }
  },
}
