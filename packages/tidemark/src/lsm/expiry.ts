import { readDeadline, readKeyTime, TIME_BYTES } from '../serde/time-bytes.ts'
import type { BaseTime, SortedCursor, StoreDescriptor } from '../store/types.ts'
import type { WindowState } from './manifest.ts'

const BUCKETS_PER_RETENTION = 8
const LEAST_BUCKET_MS = 60_000

/** What of a store has expired, as plain data. */
export interface Expiry {
  /** Values begin with their deadline, and those with a deadline up to this are expired; null: the store has no TTL. */
  readonly deadlineMs: number | null
  /** Windows that end at this or earlier are expired; null: none are. */
  readonly windowEndMs: number | null
  /** Of a window store whose windows are of one size; null: the key says where a window ends. */
  readonly windowSizeMs: number | null
}

/** What has expired at the time of a checkpoint, by store. */
export function expiryOf(
  descriptors: readonly StoreDescriptor[],
  windows: Readonly<Record<string, WindowState>>,
  time: BaseTime,
): Record<string, Expiry> {
  const expiry: Record<string, Expiry> = {}
  for (const { name, ttl, windowSizeMs } of descriptors) {
    const deadlineMs =
      ttl === undefined || ttl === null ? null : ttl.time === 'event' ? time.eventMs : time.processingMs
    const windowEndMs = windows[name]?.expiredMs ?? null
    if (deadlineMs !== null || windowEndMs !== null) expiry[name] = { deadlineMs, windowEndMs, windowSizeMs }
  }
  return expiry
}

/** The width of a store's buckets in ms; null when its windows are kept for ever, or when it has none. */
export function bucketWidthOf(descriptor: StoreDescriptor): number | null {
  if (descriptor.kind !== 'windows' || descriptor.retentionMs === null) return null
  return Math.max(LEAST_BUCKET_MS, Math.ceil(descriptor.retentionMs / BUCKETS_PER_RETENTION))
}

/** When the bucket ends that a window belongs to: at the window's end or later, by less than a width. */
export function bucketEndOf(windowEndMs: number, widthMs: number): number {
  return Math.ceil(windowEndMs / widthMs) * widthMs
}

/** When the window of a key of a window store ends: docs/internals/state.md has the format of these keys. */
export function windowEndOf(key: Uint8Array, end: number, windowSizeMs: number | null): number {
  return readKeyTime(key, end - TIME_BYTES) + (windowSizeMs ?? 0)
}

/**
 * The entries of another cursor without what has expired: a value past its deadline shows as a deletion, since an older
 * value below may have a later deadline; a window that has expired is passed over, as all that is below it has too.
 */
export class ExpiringCursor implements SortedCursor {
  present = false
  readonly #inner: SortedCursor
  readonly #expiry: Expiry

  constructor(inner: SortedCursor, expiry: Expiry) {
    this.#inner = inner
    this.#expiry = expiry
  }

  next(): boolean {
    const inner = this.#inner
    const { deadlineMs, windowEndMs, windowSizeMs } = this.#expiry
    while (inner.next()) {
      if (windowEndMs !== null && windowEndOf(inner.keyBytes, inner.keyEnd, windowSizeMs) <= windowEndMs) continue
      this.present = inner.present
      if (deadlineMs !== null && inner.present && readDeadline(inner.valueBytes, inner.valueStart) <= deadlineMs) {
        this.present = false
      }
      return true
    }
    return false
  }

  get keyBytes(): Uint8Array {
    return this.#inner.keyBytes
  }

  get keyStart(): number {
    return this.#inner.keyStart
  }

  get keyEnd(): number {
    return this.#inner.keyEnd
  }

  get hash(): number {
    return this.#inner.hash
  }

  get valueBytes(): Uint8Array {
    return this.#inner.valueBytes
  }

  get valueStart(): number {
    return this.#inner.valueStart
  }

  get valueEnd(): number {
    return this.#inner.valueEnd
  }
}
