import type { PartitionBatch } from '../api/system-tools.ts'
import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import { type Place, placeBy } from '../hash/partitioners.ts'
import { BatchEncoder, type RecordHeaders } from '../log/batch-encoder.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { RecordSerdes } from './stream-meta.ts'

/** A record to write. */
export interface WriteRecord {
  readonly key: unknown
  /** Null: a tombstone. */
  readonly value: unknown
  /** Ms since 1970; null for now. */
  readonly timestamp: number | null
  /** Absent: the stream's partitioner chooses by the key, and a record without a key goes to the partitions in turn. */
  readonly partition?: number | undefined
  readonly headers?: RecordHeaders | undefined
}

export interface RecordPackerOptions {
  readonly stream: string
  readonly partitions: number
  readonly serdes: RecordSerdes
  /** Where keys go; default: by murmur2. */
  readonly place?: Place
  readonly clock: Clock
  /** A batch is ended before it has more. Default: no bound. */
  readonly maxBatchBytes?: number
}

/** Room that a batch of one record takes beside the record. */
const BATCH_BYTES = 256

/** Encodes records into batches, by partition: as tools write them. */
export class RecordPacker {
  readonly #options: RecordPackerOptions
  readonly #place: Place
  readonly #writer = new ByteWriter(1024)
  readonly #open = new Map<number, BatchEncoder>()
  #finished: PartitionBatch[] = []
  #turn = 0
  #waiting = 0

  constructor(options: RecordPackerOptions) {
    this.#options = options
    this.#place = options.place ?? placeBy('murmur2', options.stream)
  }

  /** Records since the last `take`. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * ERR_SERDE for what a serde does not take, ERR_UNKNOWN_STREAM for a partition that is not there, ERR_RECORD_INVALID for
   * a record that is larger than a batch may be. Nothing of the record is kept then.
   */
  add(record: WriteRecord): void {
    const { serdes, clock, maxBatchBytes = Number.POSITIVE_INFINITY } = this.#options
    const writer = this.#writer
    writer.reset()
    const hasKey = record.key !== null && record.key !== undefined
    if (hasKey) serdes.key.write(record.key, writer)
    const keyEnd = writer.position
    const hasValue = record.value !== null && record.value !== undefined
    if (hasValue) serdes.value.write(record.value, writer)
    const sizeBytes = writer.position + headerBytes(record.headers) + BATCH_BYTES
    if (sizeBytes > maxBatchBytes) throw this.#tooLarge(sizeBytes, maxBatchBytes)
    const partition = record.partition ?? this.#partition(hasKey ? keyEnd : null)
    this.#checkPartition(partition)
    const batch = this.#batch(partition, sizeBytes, maxBatchBytes)
    const { bytes } = writer
    const timestamp = record.timestamp ?? clock.now()
    const headers = record.headers ?? null
    batch.append(timestamp, hasKey ? bytes : null, 0, keyEnd, hasValue ? bytes : null, keyEnd, writer.position, headers)
    this.#waiting++
  }

  /** The batches of what was added, those of a partition in order. */
  take(): readonly PartitionBatch[] {
    for (const [partition, batch] of this.#open) {
      if (batch.count > 0) this.#finished.push({ partition, bytes: batch.finish() })
      batch.reset()
    }
    const batches = this.#finished
    this.#finished = []
    this.#waiting = 0
    return batches
  }

  #partition(keyEnd: number | null): number {
    const { partitions } = this.#options
    if (keyEnd === null) return this.#turn++ % partitions
    return this.#place(this.#writer.bytes, 0, keyEnd, partitions)
  }

  #batch(partition: number, sizeBytes: number, maxBatchBytes: number): BatchEncoder {
    const batch = this.#open.get(partition) ?? new BatchEncoder()
    this.#open.set(partition, batch)
    if (batch.count > 0 && batch.sizeBytes + sizeBytes > maxBatchBytes) {
      this.#finished.push({ partition, bytes: batch.finish() })
      batch.reset()
    }
    return batch
  }

  #checkPartition(partition: number): void {
    const { stream, partitions } = this.#options
    if (partition < partitions) return
    throw new TidemarkError(
      'ERR_UNKNOWN_STREAM',
      `stream "${stream}" has no partition ${partition}: its partitions are 0 to ${partitions - 1}`,
      { details: { stream, partition } },
    )
  }

  #tooLarge(sizeBytes: number, maxBatchBytes: number): TidemarkError {
    const { stream } = this.#options
    return new TidemarkError(
      'ERR_RECORD_INVALID',
      `a record of ${sizeBytes} bytes is larger than stream "${stream}" takes (${maxBatchBytes}). Write a smaller one, or raise max.message.bytes of the topic`,
      { details: { stream, sizeBytes, maxBatchBytes } },
    )
  }
}

function headerBytes(headers: RecordHeaders | undefined): number {
  // A character of a name takes at most three bytes.
  return (headers ?? []).reduce((sum, [name, value]) => sum + 3 * name.length + (value?.length ?? 0) + 10, 0)
}
