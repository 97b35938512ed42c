import type { Clock } from '../../clock/clock.ts'
import type { Disk } from '../../disk/disk.ts'
import type { ProcessTable } from '../../disk/process-table.ts'
import type { Failpoint } from './failpoints.ts'

/**
 * When the log asks the disk to make bytes durable. `commit`: the journal, once per group of commits. `always`: the
 * segments too. `never`: not per commit; a power failure may lose the last transactions, never a part of one.
 */
export type FsyncPolicy = 'commit' | 'always' | 'never'

/** The open segment of an intermediate stream is dropped when all of it was read and it is as large as this. */
export const DEFAULT_TRIM_OPEN_BYTES: number = 4 * 1024 * 1024

export interface EmbeddedLogOptions {
  readonly disk: Disk
  readonly directory: string
  /** The job that owns the data; null opens any (and makes a directory that any job may take). */
  readonly job: string | null
  readonly clock: Clock
  /** 16 bytes a slot; made when absent. */
  readonly shared?: SharedArrayBuffer
  /** Beyond this, `flushWanted` names producers (default 64 MiB). Files of the journal have a quarter of it. */
  readonly journalMaxBytes?: number
  /** A segment is closed before it would grow beyond this (default 64 MiB). */
  readonly segmentMaxBytes?: number
  /** Default `commit`. */
  readonly fsync?: FsyncPolicy
  /** Called at each step of a commit, for tests. */
  readonly failpoint?: (name: Failpoint) => void
  /** False only where no other process can reach the disk (a MemDisk). Default true. */
  readonly lock?: boolean
  /** Who is alive, for the lock. Default: the operating system's. */
  readonly processes?: ProcessTable
  /** From what size on `trim` drops a segment that still grows, bytes (default 4 MiB). */
  readonly trimOpenBytes?: number
}

export const DEFAULT_JOURNAL_MAX_BYTES: number = 64 * 1024 * 1024
export const DEFAULT_SEGMENT_MAX_BYTES: number = 64 * 1024 * 1024
