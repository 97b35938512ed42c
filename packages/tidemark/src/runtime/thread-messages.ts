import type { ErrorPolicy, InputSpec } from '../api/app.ts'
import type { CommitTiming } from '../checkpoint/protocol.ts'
import type { WireError } from '../errors/error.ts'
import type { LogPortInit } from '../log/embedded/thread-log-port.ts'
import type { ProducerState, StoredDelta, StreamInfo } from '../log/types.ts'
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
  readonly engine: 'lsm' | 'memory'
  readonly timing: CommitTiming
  readonly onError: ErrorPolicy
  readonly recentMaxBytes: number
  readonly outputMaxBytes: number
  readonly memtableMaxBytes: number
  readonly cacheBytes: number
  readonly idleMs: number
  readonly handlerTimeoutMs: number
  readonly statusIntervalMs: number
  readonly seed: number
}

export interface ContainerInit {
  readonly jobUrl: string
  readonly index: number
  readonly settings: ContainerSettings
  readonly streams: readonly StreamInfo[]
  readonly grants: readonly TaskGrant[]
  readonly log: LogPortInit
}

/** A read of committed state, answered by the task's container between two slices. */
export interface StoreQuery {
  readonly store: string
  readonly key?: unknown
  readonly windowStart?: number
  readonly limit?: number
}

export type ToContainer =
  | { readonly kind: 'end'; readonly stream: string; readonly ends: readonly number[] }
  | { readonly kind: 'commit' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' }
  | { readonly kind: 'query'; readonly id: number; readonly query: StoreQuery }

export type FromContainer =
  | { readonly kind: 'ready'; readonly restoredMs: number }
  | { readonly kind: 'status'; readonly status: ContainerStatus }
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'drained' }
  | { readonly kind: 'log'; readonly level: string; readonly text: string }
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
}

export interface SourceInit {
  readonly jobUrl: string
  readonly stream: StreamInfo
  readonly inputs: readonly InputSpec[]
  readonly onError: ErrorPolicy
  readonly deadLetter: StreamInfo | null
  readonly log: LogPortInit
}
