import type { StreamInfo } from '../types.ts'

/** A part of a partition, one file: offsets [base, end). Only the last one of a partition grows. */
export interface Segment {
  readonly base: number
  end: number
  sizeBytes: number
  /** The greatest timestamp of its records, ms; -1 when none has one. */
  maxTimestampMs: number
}

/** Where one append went, or is to go: offsets [base, end) are sizeBytes bytes at `position` of segment `segmentBase`. */
export interface AppendRecord {
  readonly stream: number
  readonly partition: number
  readonly base: number
  readonly end: number
  readonly segmentBase: number
  readonly position: number
  readonly sizeBytes: number
  readonly maxTimestampMs: number
}

/** An append with its bytes: bytes[start, start + sizeBytes). */
export interface AppendWithBytes extends AppendRecord {
  readonly bytes: Uint8Array
  readonly start: number
}

/** A transaction as the journal has it. */
export interface TransactionRecord<A extends AppendRecord = AppendRecord> {
  readonly producer: string
  readonly epoch: number
  readonly id: number
  readonly checkpoint: Uint8Array
  readonly delta: Uint8Array | null
  readonly appends: readonly A[]
}

export interface PartitionSnapshot {
  readonly start: number
  readonly end: number
  readonly segments: readonly Segment[]
}

export interface StreamSnapshot {
  readonly info: StreamInfo
  readonly partitions: readonly PartitionSnapshot[]
}

export interface ProducerSnapshot {
  readonly producer: string
  readonly epoch: number
  readonly id: number
  readonly checkpoint: Uint8Array
  readonly meta: string
  readonly flushedId: number
  /** The last id that had a delta, 0 for none. */
  readonly deltaId: number
}

/** All there is to know at one point of the journal: the head of each of its files. */
export interface SnapshotRecord {
  /** The oldest file that is still needed. */
  readonly firstJournal: number
  readonly streams: readonly StreamSnapshot[]
  readonly producers: readonly ProducerSnapshot[]
}

export interface ClaimRecord {
  readonly producer: string
  readonly epoch: number
  readonly meta: string
}

export interface TrimRecord {
  readonly stream: number
  readonly partition: number
  readonly start: number
}

/** Journal files before `firstJournal` are not needed any more; how far producers have flushed. */
export interface ReclaimRecord {
  readonly firstJournal: number
  readonly flushed: readonly { readonly producer: string; readonly flushedId: number }[]
}
