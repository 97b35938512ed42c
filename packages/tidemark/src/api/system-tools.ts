import type { Finding, JobNeeds } from './finding.ts'

/** Where reading begins or ends: an offset, or the first record with this timestamp or a later one. */
export type StreamPosition = { readonly offset: number } | { readonly timestampMs: number }

/** A partition as tools list it; null for what the system does not tell, or not to this user. */
export interface ListedPartition {
  readonly partition: number
  readonly start: number | null
  /** Of committed records. */
  readonly end: number | null
  /** What it takes on a disk, once. */
  readonly sizeBytes: number | null
}

/** A stream as tools list it; null for what the system does not know, or does not tell this user. */
export interface ListedStream {
  readonly name: string
  /** `intermediate`, `state` and `control` are a job's own, `system` the brokers'. */
  readonly kind: 'user' | 'intermediate' | 'state' | 'control' | 'system'
  /** Whose own it is; null for one that jobs share. */
  readonly job: string | null
  /** Names of serdes. */
  readonly key: string | null
  readonly value: string | null
  /** Copies of each partition. */
  readonly replicas: number | null
  /** `delete`, `compact`, or both. */
  readonly cleanupPolicy: string | null
  readonly retentionMs: number | null
  readonly retentionBytes: number | null
  readonly partitions: readonly ListedPartition[]
}

/** What to read of a stream. */
export interface StreamRange {
  /** Default: all of them, one after the other. */
  readonly partition?: number
  /** `end`: only what comes from now on. Default: the oldest record there is. */
  readonly from?: StreamPosition | 'end'
  /** Not included. Default: the end as it is when reading begins. */
  readonly to?: StreamPosition
  /** Wait for more at the end. */
  readonly follow?: boolean
  /** False: records of open and aborted transactions too. Default true. */
  readonly committed?: boolean
}

/** Whole record batches (format v2, back to back) of one partition; records of [from, to) are meant. */
export interface PartitionBatches {
  readonly partition: number
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
}

/** A finished batch for one partition. */
export interface PartitionBatch {
  readonly partition: number
  readonly bytes: Uint8Array
}

/** Appends to one stream, for as long as it is open. */
export interface StreamAppender {
  readonly partitions: number
  /** Where keys go that are written without a partition; `function`: only the job knows. */
  readonly partitioner: 'murmur2' | 'crc32' | 'fnv1a' | 'unknown' | 'function'
  /** What a batch may take; infinity where nothing bounds it. */
  readonly maxBatchBytes: number
  /** Settles when all are durable. Each is appended once. */
  append(batches: readonly PartitionBatch[]): Promise<void>
  close(): Promise<void>
}

/** The streams of a system, as tools read and write them beside a run. Calls reject with errors of the table. */
export interface StreamTools {
  list(): Promise<readonly ListedStream[]>
  /** Names of the serdes of its keys and values; null where only who reads knows. */
  serdes(stream: string): Promise<Pick<ListedStream, 'key' | 'value'>>
  read(stream: string, range: StreamRange): AsyncGenerator<PartitionBatches, void, void>
  appender(stream: string): Promise<StreamAppender>
  close(): Promise<void>
}

export interface ExamineOptions {
  /** Null: the system alone. */
  readonly needs: JobNeeds | null
  /** What costs a write: a topic that is made, written to, and removed again. */
  readonly probe: boolean
}

/** What starting a job anew is asked for. */
export interface ResetOptions {
  readonly job: string
  /** Forget what was read of files and standard input, too. */
  readonly sources: boolean
}

/** One thing of a job. */
export interface ResetItem {
  readonly kind: 'topic' | 'offsets' | 'lineage' | 'files'
  readonly name: string
  /** What is in it, for people. */
  readonly about: string
  /** Records, offsets or positions; null where they do not count. */
  readonly count: number | null
  readonly sizeBytes: number | null
}

/** What a job has, and what of it goes so that its next run begins at the beginning. */
export interface ResetPlan {
  readonly job: string
  /** Who runs it, for people; null when nobody does, as far as is known. */
  readonly runs: string | null
  readonly removes: readonly ResetItem[]
  readonly keeps: readonly ResetItem[]
}

/** One history of a job's state, and what is there of it. */
export interface ListedLineage {
  readonly number: number
  readonly id: string
  readonly kind: 'current' | 'pending' | 'older'
  /** When it began; null: a system does not tell of the first one. */
  readonly atMs: number | null
  /** The savepoint that it started from. */
  readonly from: { readonly savepoint: string; readonly lineage: string } | null
  readonly tasks: number
  /** Of the tasks' directories, or of their state topic. */
  readonly stateBytes: number
  /** Retained ones; null where each data directory has its own. */
  readonly checkpoints: number | null
  /** Records of intermediate streams that were not trimmed yet. */
  readonly records: number
}

/** What tools do with a system beside a run. */
export interface SystemTools extends StreamTools {
  /** Looks at what can go wrong, of the system and for a job. Changes nothing without `probe`. */
  examine(options: ExamineOptions): Promise<readonly Finding[]>
  /** What `reset` would remove. ERR_USAGE when there is nothing of the job. */
  planReset(options: ResetOptions): Promise<ResetPlan>
  /** Cut off, it can be done again. */
  reset(plan: ResetPlan): Promise<void>
  /** The lineages of a job, oldest first. ERR_USAGE when there is nothing of the job. */
  lineages(job: string): Promise<readonly ListedLineage[]>
  /**
   * Removes what is there of older lineages, of a job that does not run. Cut off, it can be done again. ERR_LINEAGE_IN_USE
   * for the current one and one that is pending, ERR_JOB_RUNNING.
   */
  dropLineages(job: string, numbers: readonly number[]): Promise<void>
}
