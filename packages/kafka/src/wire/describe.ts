import type { Api } from './api.ts'
import type { BrokerAddress } from './metadata.ts'

/** Kinds of things that have configurations, by Kafka's numbers. */
export const RESOURCE = { topic: 2, broker: 4 } as const

export interface ConfigResource {
  readonly kind: keyof typeof RESOURCE
  /** A topic's name, or a broker's id. */
  readonly name: string
  /** Null asks for all. */
  readonly keys: readonly string[] | null
}

export interface ConfigEntry {
  readonly name: string
  /** Null: secret, or not set. */
  readonly value: string | null
  readonly readOnly: boolean
  /** True if nobody set it for this resource: 5 in Kafka's numbers is a default of the software. */
  readonly isDefault: boolean
}

export interface DescribedConfigs {
  readonly error: number
  readonly message: string | null
  readonly name: string
  readonly configs: readonly ConfigEntry[]
}

const DEFAULT_CONFIG = 5

/** Configurations of topics (any broker answers) and of brokers (each its own). */
export const describeConfigs: Api<readonly ConfigResource[], readonly DescribedConfigs[]> = {
  name: 'DescribeConfigs',
  key: 32,
  minVersion: 4,
  version: 4,
  write(writer, resources) {
    writer.array(resources, (w, { kind, name, keys }) => {
      w.int8(RESOURCE[kind])
        .string(name)
        .array(keys, (kw, key) => kw.string(key))
        .tags()
    })
    writer.bool(false).bool(false).tags()
  },
  read(reader) {
    reader.int32()
    return reader.array((r) => {
      const error = r.int16()
      const message = r.nullableString()
      r.int8()
      const name = r.string()
      const configs = r.array((c) => {
        const entry = { name: c.string(), value: c.nullableString(), readOnly: c.bool() }
        const isDefault = c.int8() === DEFAULT_CONFIG
        c.bool()
        c.array((s) => {
          s.string()
          s.nullableString()
          s.int8()
          s.tags()
        })
        c.int8()
        c.nullableString()
        c.tags()
        return { ...entry, isDefault }
      })
      r.tags()
      return { error, message, name, configs }
    })
  },
}

export interface DescribedCluster {
  readonly error: number
  readonly message: string | null
  readonly clusterId: string
  readonly controller: number
  readonly brokers: readonly BrokerAddress[]
}

export const describeCluster: Api<null, DescribedCluster> = {
  name: 'DescribeCluster',
  key: 60,
  minVersion: 0,
  version: 1,
  write(writer, _, version) {
    writer.bool(false)
    if (version >= 1) writer.int8(1)
    writer.tags()
  },
  read(reader, version) {
    reader.int32()
    const error = reader.int16()
    const message = reader.nullableString()
    if (version >= 1) reader.int8()
    const clusterId = reader.string()
    const controller = reader.int32()
    const brokers = reader.array((r) => {
      const broker = { id: r.int32(), host: r.string(), port: r.int32() }
      r.nullableString()
      r.tags()
      return broker
    })
    return { error, message, clusterId, controller, brokers }
  },
}
