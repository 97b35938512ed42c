import type { WireError } from '../errors/error.ts'
import type { CompactionTask } from './compaction.ts'
import type { FileEntry } from './manifest.ts'

/** From a container to the compaction thread. */
export type CompactionRequest =
  | { readonly kind: 'compact'; readonly id: number; readonly task: CompactionTask }
  | { readonly kind: 'cancel'; readonly id: number }

/** From the compaction thread to a container. */
export type CompactionReply =
  | { readonly kind: 'done'; readonly id: number; readonly file: FileEntry | null; readonly error: WireError | null }
  | { readonly kind: 'delayed'; readonly id: number; readonly error: WireError }

/** From the node's main thread to the compaction thread, on behalf of a container. */
export type ToCompactionThread =
  | { readonly kind: 'request'; readonly client: number; readonly request: CompactionRequest }
  | { readonly kind: 'gone'; readonly client: number }
  | { readonly kind: 'end'; readonly clients: readonly number[] }

export interface FromCompactionThread {
  readonly client: number
  readonly reply: CompactionReply
}

export interface CompactionThreadData {
  readonly bytesPerSecond: number
}
