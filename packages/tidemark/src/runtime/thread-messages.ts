import type { StateCompression } from '../api/state-compression.ts'
import type { MessagePort } from 'node:worker_threads'
import type { ErrorPolicy, InputSpec } from '../api/app.ts'
import type { StateMetrics } from '../api/state-metrics.ts'
import type { CommitTiming } from '../checkpoint/protocol.ts'
import type { CheckpointRecord } from '../checkpoint/record.ts'
import type { RetainedName } from '../checkpoint/retained-record.ts'
import type { RetentionSettings } from '../checkpoint/retainer.ts'
import type { Keyed } from '../dsl/repartition-sources.ts'
import type { Engine } from '../engines/registry.ts'
import type { WireError } from '../errors/error.ts'
import type { PortInit, ProducerState, StoredDelta, StreamInfo } from '../log/types.ts'
import type { ContainerStatus } from './container.ts'

/** What a container needs to take a task over: what the log knows of it, under the epoch of the new claim. */
export interface TaskGrant {
  readonly index: number
  readonly producer: ProducerState
  readonly deltas: readonly StoredDelta[]
}

/** Settings that all containers of a run share; plain data, so that it can cross threads. */
export interface ContainerSettings {
  readonly partitions: number
  readonly tasks: number
  /** Of every store that names no other. */
  readonly engine: Engine
  /** By store: wins over what the store says. */
  readonly storeEngines: Readonly<Record<string, Engine>>
  /** How blocks of state files are stored; default none. */
  readonly compression?: StateCompression
  /** Of blocks of state files; the default depends on their compression. */
  readonly blockBytes?: number
  readonly timing: CommitTiming
  readonly onError: ErrorPolicy
  readonly recentMaxBytes: number
  readonly maxValueBytes: number
  readonly outputMaxBytes: number
  readonly memtableMaxBytes: number
  readonly cacheBytes: number
  readonly idleMs: number
  readonly handlerTimeoutMs: number
  readonly development: boolean
  readonly statusIntervalMs: number
  readonly seed: number
  readonly retention: RetentionSettings
  /** Checkpoints are kept by a policy that was asked for, or elsewhere: also of engines that need a shadow for it. */
  readonly shadow: boolean
  /** The journal keeps what was flushed until the supervisor says that it has been uploaded. */
  readonly holdJournal: boolean
  /** The number of the data directory's current lineage. */
  readonly lineage: number
  /** Of the lineage. */
  readonly keyed?: Keyed | undefined
}

export interface ContainerInit {
  readonly jobUrl: string
  readonly index: number
  readonly settings: ContainerSettings
  readonly streams: readonly StreamInfo[]
  readonly grants: readonly TaskGrant[]
  readonly log: PortInit
  /** The memory of its `Pulse`. */
  readonly pulse: SharedArrayBuffer
  /** To the node's compaction thread. */
  readonly compaction: MessagePort
}

/** A read of committed state, answered by the task's container between two slices. */
export interface StoreQuery {
  readonly store: string
  readonly key?: unknown
  readonly windowStart?: number
  /** Of a versioned store: the time whose value is asked for; without it the newest. */
  readonly asOfMs?: number
  readonly limit?: number
}

/** What the supervisor asks of all tasks of a container; answered when the last of them is done. */
export type ContainerRequest =
  /** Commit, and keep the checkpoint. */
  | ({ readonly kind: 'retain' } & { readonly name: RetainedName })
  /** Give up what is kept under a name. */
  | { readonly kind: 'release'; readonly checkpoint: string }
  /** Come to the cut of a savepoint, keep the checkpoint there, and stand still. By source stream: the cut's offsets. */
  | { readonly kind: 'barrier'; readonly savepoint: string; readonly cuts: Readonly<Record<string, readonly number[]>> }
  /** Go on after a barrier. */
  | { readonly kind: 'resume'; readonly savepoint: string }

/** The checkpoint that a task has kept. */
export interface TaskCheckpoint {
  readonly task: number
  /** 0 if the task has committed nothing yet. */
  readonly id: number
  readonly atMs: number
  readonly record: CheckpointRecord
}

export type ToContainer =
  | { readonly kind: 'end'; readonly stream: string; readonly ends: readonly number[] }
  | { readonly kind: 'commit' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' }
  | { readonly kind: 'query'; readonly id: number; readonly query: StoreQuery }
  | { readonly kind: 'ask'; readonly id: number; readonly request: ContainerRequest }
  | { readonly kind: 'state'; readonly id: number }

export type FromContainer =
  | { readonly kind: 'ready'; readonly restoredMs: number }
  | { readonly kind: 'status'; readonly status: ContainerStatus }
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'drained' }
  | {
      readonly kind: 'state'
      readonly id: number
      readonly state: StateMetrics | null
      readonly error: WireError | null
    }
  | { readonly kind: 'log'; readonly level: string; readonly text: string }
  | {
      readonly kind: 'asked'
      readonly id: number
      readonly tasks: readonly TaskCheckpoint[]
      readonly error: WireError | null
    }
  | {
      readonly kind: 'answer'
      readonly id: number
      readonly entries: readonly QueryEntry[]
      readonly error: WireError | null
    }

export interface QueryEntry {
  readonly key: unknown
  readonly value: unknown
  readonly window?: { readonly start: number; readonly end: number }
  readonly atMs?: number
  readonly index?: number
}

export interface SourceInit {
  readonly jobUrl: string
  readonly stream: StreamInfo
  readonly inputs: readonly InputSpec[]
  readonly onError: ErrorPolicy
  readonly deadLetter: StreamInfo | null
  readonly log: PortInit
}
