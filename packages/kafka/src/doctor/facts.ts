import type { ApiRange, Feature } from '../wire/api-versions.ts'
import type { PartitionMetadata } from '../wire/metadata.ts'
import type { TopicRole } from '../host/topics.ts'

/** By name; null: not set, or secret. */
export type Configs = Readonly<Record<string, string | null>>

/** An address that was given, and why nothing answers there. */
export interface AddressFacts {
  readonly address: string
  readonly failure: string | null
}

/** What one broker tells of itself; null for what it did not, or not to this user. */
export interface BrokerFacts {
  readonly id: number
  /** As it is told to clients. */
  readonly address: string
  readonly failure: string | null
  readonly apis: readonly ApiRange[] | null
  readonly features: readonly Feature[] | null
  readonly configs: Configs | null
  readonly disks: readonly { readonly path: string; readonly totalBytes: number; readonly usableBytes: number }[] | null
}

export interface ClusterFacts {
  readonly addresses: readonly AddressFacts[]
  readonly brokers: readonly BrokerFacts[]
}

/** A topic that a job needs. */
export interface TopicFacts {
  readonly name: string
  readonly role: TopicRole | 'control'
  readonly use: 'read' | 'write' | 'both'
  /** What the job's plan has; null: any number. */
  readonly wanted: number | null
  /** Kafka's code: 0, 3 (there is none), 29 (this user may not know). */
  readonly error: number
  readonly partitions: readonly PartitionMetadata[]
  /** Bits by the numbers of Kafka's ACL operations; null: not told. */
  readonly rights: number | null
  readonly configs: Configs | null
  /** Of a topic that is not there: what the controller says to making it; null otherwise. */
  readonly making: { readonly error: number; readonly message: string | null } | null
}

export interface JobFacts {
  readonly job: string
  /** Who asks, for advice: `User:ada`; null when nobody logged in. */
  readonly principal: string | null
  readonly brokers: number
  readonly commitTimeoutMs: number
  readonly topics: readonly TopicFacts[]
  /** By group: an error of Kafka, or bits of operations. */
  readonly groups: readonly { readonly group: string; readonly error: number; readonly rights: number }[]
  /** What the coordinator says to a request for a producer that is none, by transactional id. */
  readonly transactions: { readonly id: string; readonly error: number }
}

/** Clock of a broker less that of this machine, ms, and how far that may be off. */
export interface ClockFacts {
  readonly broker: number
  readonly aheadMs: number
  readonly withinMs: number
}
