import type { StoredDelta } from '../log/types.ts'
import { TidemarkError } from '../errors/error.ts'
import type { CacheBudget } from './cache-budget.ts'
import type { Base, StoreSpec, TaskState } from './types.ts'

/** Largest key and value of a store, encoded. */
export interface StoreLimits {
  /** Default and most: 65536. */
  readonly maxKeyBytes?: number
  /** Default 16 MiB. */
  readonly maxValueBytes?: number
}

export interface OpenTaskStateOptions {
  /** The task's name, for messages. */
  readonly task: string
  readonly specs: readonly StoreSpec[]
  /** The state takes it over and closes it with `close`; if opening fails, it stays the caller's. */
  readonly base: Base
  /** Committed deltas, in order of id. Those that the base already covers are skipped. */
  readonly deltas: readonly StoredDelta[]
  /** The committed checkpoint's id; 0 when nothing was committed yet. */
  readonly id: number
  /** `lastDeltaId` of the checkpoint record, when it has one: a missing newest delta is found by it. */
  readonly lastDeltaId?: number
  /** `wantsFlush` becomes true at this many bytes of recent writes (default 16 MiB). */
  readonly flushThresholdBytes?: number
  readonly limits?: StoreLimits
  /** Shared by the tasks of a container; by default one of 64 MiB for this task alone. */
  readonly cache?: CacheBudget
  /** Development: told about iterators that were dropped without being closed or exhausted. */
  readonly onWarning?: (line: string) => void
}

/**
 * Opens the state of a task at its committed checkpoint `id`: the base plus the deltas that it does not cover. All or
 * nothing (C8): on any error nothing is kept and the error says why. ERR_STATE_AHEAD: base or a delta is newer than
 * `id` (C1). ERR_STATE_GAP: a delta is missing. ERR_STATE_CORRUPT: a delta is damaged. ERR_STORE_MISMATCH: a store's
 * data was written under another declaration.
 */
export function openTaskState(options: OpenTaskStateOptions): TaskState {
  throw new TidemarkError('ERR_INVARIANT', `the state of task ${options.task} cannot be opened yet`)
}
