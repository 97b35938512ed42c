import type { Cluster } from '../net/cluster.ts'

/** Where to go on when the offset is not there any more (or not yet): `fail` throws ERR_OFFSET_OUT_OF_RANGE from `read`. */
export type OutOfRangePolicy = 'earliest' | 'latest' | 'fail'

export interface FetcherOptions {
  readonly cluster: Cluster
  /** True: up to the last stable offset, without aborted records. */
  readonly readCommitted: boolean
  readonly outOfRange: OutOfRangePolicy
  /** Most bytes of one partition in one answer (a larger batch comes whole). Default 1 MiB. */
  readonly partitionMaxBytes?: number
  /** Most bytes of one answer. Default 16 MiB. */
  readonly requestMaxBytes?: number
  /** A partition with so much unread is left out of requests. Default 2 MiB. */
  readonly partitionBufferBytes?: number
  /** With so much unread in all, only partitions that have nothing are asked for. Default 64 MiB. */
  readonly bufferBytes?: number
  /** A broker without data answers after this time. Default 500. */
  readonly maxWaitMs?: number
  /** So long a topic may be unknown to the brokers before it counts as deleted. Default 30000. */
  readonly deletedGraceMs?: number
  /** Log start and end (last stable offset, or high watermark when reading uncommitted) of a partition, when they change. */
  readonly onOffsets?: (topic: string, partition: number, start: number, end: number) => void
  /** Something can be read that could not before; once for all that came in one turn of the event loop. */
  readonly onData?: () => void
  /** The policy moved a reader: what it read next was to be `from`, and is `to`. */
  readonly onMoved?: (topic: string, partition: number, from: number, to: number) => void
  /** A partition cannot be read any more: the error that its reader throws from now on. */
  readonly onFailed?: (error: Error, topic: string, partition: number) => void
}

export type Limits = Required<
  Pick<
    FetcherOptions,
    'partitionMaxBytes' | 'requestMaxBytes' | 'partitionBufferBytes' | 'bufferBytes' | 'maxWaitMs' | 'deletedGraceMs'
  >
>

const KIB = 1024
const MIB: number = KIB * KIB

export function limitsOf(options: FetcherOptions): Limits {
  return {
    partitionMaxBytes: options.partitionMaxBytes ?? MIB,
    requestMaxBytes: options.requestMaxBytes ?? 16 * MIB,
    partitionBufferBytes: options.partitionBufferBytes ?? 2 * MIB,
    bufferBytes: options.bufferBytes ?? 64 * MIB,
    maxWaitMs: options.maxWaitMs ?? 500,
    deletedGraceMs: options.deletedGraceMs ?? 30_000,
  }
}
