import type { MessagePort } from 'node:worker_threads'
import type { WireError } from '../../errors/error.ts'
import type { CommitResult, Transaction } from '../types.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import type { FsyncPolicy } from './options.ts'

/** What the log thread is started with. */
export interface LogThreadData {
  readonly directory: string
  readonly job: string | null
  readonly shared: SharedArrayBuffer
  readonly journalMaxBytes: number | undefined
  readonly segmentMaxBytes: number | undefined
  readonly fsync: FsyncPolicy | undefined
  readonly retentionIntervalMs: number
}

/** Calls that the supervisor makes by request and answer. */
export const REMOTE_METHODS = [
  'streams',
  'createStream',
  'claim',
  'producer',
  'producers',
  'deltas',
  'flushed',
  'trim',
  'applyRetention',
  'statistics',
] as const

export type RemoteMethod = (typeof REMOTE_METHODS)[number]

export type RemoteArguments<M extends RemoteMethod> = Parameters<EmbeddedLog[M]>

/** From the supervisor. */
export type HostMessage =
  | { readonly kind: 'request'; readonly number: number; readonly method: RemoteMethod; readonly args: unknown[] }
  | { readonly kind: 'port'; readonly port: MessagePort; readonly pending: SharedArrayBuffer }
  | { readonly kind: 'close'; readonly number: number }

/** To the supervisor. */
export type HostReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly number: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly number: number; readonly error: WireError }
  | { readonly kind: 'fatal'; readonly error: WireError }

/** From a port's thread. */
export type PortMessage =
  | { readonly kind: 'commit'; readonly number: number; readonly transaction: Transaction }
  | { readonly kind: 'flushed'; readonly producer: string; readonly id: number }

/** To a port's thread. */
export type PortReply =
  | { readonly kind: 'results'; readonly results: readonly NumberedResult[] }
  | { readonly kind: 'advanced' }
  | { readonly kind: 'flushWanted'; readonly producers: readonly string[] }

export interface NumberedResult {
  readonly number: number
  readonly result: CommitResult
}
