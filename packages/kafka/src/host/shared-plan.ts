import type { StoreDescriptor, StreamInfo } from 'tidemark/system'
import type { KafkaOptions } from '../options.ts'
import type { OffsetRange } from './state-partition.ts'

/** A stream and the topic that it is. */
export interface StreamTopic {
  readonly info: StreamInfo
  readonly topic: string
}

/** What a thread needs to commit for a producer: who it is to the brokers, and where its commits go. */
export interface ProducerSession {
  readonly producer: string
  readonly transactionalId: string
  /** Id and epoch as the coordinator has them (identity-cell.ts): the thread that commits keeps them up to date. */
  readonly identity: SharedArrayBuffer
  readonly ownerEpoch: number
  readonly meta: string
  /** Where its commit records go. */
  readonly topic: string
  readonly partition: number
  /** Null: a task, whose commit records have the key of the state topic. */
  readonly key: string | null
  /** Of a task's state topic. */
  readonly stores: readonly StoreDescriptor[]
  readonly task: TaskPlace | null
}

/** Where a task's state is here. */
export interface TaskPlace {
  readonly index: number
  readonly lineage: number
  readonly topicId: string
  /** Behind the commit that the session begins with. */
  readonly committed: { readonly id: number; readonly offset: number; readonly checkpoint: Uint8Array }
  /** What its files lack, where that is so much that its thread loads it in bulk; null: it came with the claim. */
  readonly missing: OffsetRange | null
}

/** What `openPort` of another thread is given; plain data. */
export interface PortData {
  readonly job: string
  readonly directory: string
  readonly options: KafkaOptions
  readonly streams: readonly StreamTopic[]
  readonly shared: SharedArrayBuffer
  /** An Int32 that is 1 while this process has the right to commit. */
  readonly held: SharedArrayBuffer
  readonly sessions: readonly ProducerSession[]
  readonly commitTimeoutMs: number
  /** Outputs are sent before the commit that they belong to. */
  readonly sendsEarly: boolean
}
