import { TidemarkError } from '../errors/error.ts'
import type { PartitionReader } from '../log/embedded/partition-reader.ts'
import type { StreamInfo } from '../log/types.ts'
import type { DataDir } from './data-dir.ts'
import { RecordDecoder, type ReadRecord } from './record-decoder.ts'
import { streamSerdes } from './stream-meta.ts'

/** What to read of a stream. */
export interface ReadStreamOptions {
  /** Default: all of them, one after the other. */
  readonly partition?: number
  /** First offset to give (default: the oldest there is). */
  readonly from?: number
  /** Marks of intermediate streams too. Default false. */
  readonly marks?: boolean
}

const READ_BYTES = 1024 * 1024

/**
 * Reads committed records of a stream as of the data directory's last refresh. `read` goes on where the last call ended,
 * so that calls after a refresh follow the stream. ERR_UNKNOWN_STREAM for a partition that is not there;
 * ERR_OFFSET_OUT_OF_RANGE; ERR_LOG_CORRUPT; ERR_SERDE, which names stream, partition and offset.
 */
export class StreamRead {
  readonly #readers: readonly PartitionReader[]
  readonly #decoder: RecordDecoder
  readonly #from: number

  constructor(data: DataDir, name: string, options: ReadStreamOptions = {}) {
    const stream = data.stream(name)
    this.#decoder = new RecordDecoder({ stream: name, serdes: streamSerdes(stream), marks: options.marks ?? false })
    this.#from = options.from ?? 0
    this.#readers = partitionsOf(stream, options.partition).map((p) => {
      const reader = data.view.reader(stream, p)
      const start = data.view.offsets.start(stream.slot + p)
      reader.seek(Math.max(start, Math.min(this.#from, data.view.offsets.end(stream.slot + p))))
      return reader
    })
  }

  /** What there is to read now. */
  *read(): Generator<ReadRecord, void> {
    for (const reader of this.#readers) {
      for (let batches = reader.read(READ_BYTES); batches !== null; batches = reader.read(READ_BYTES)) {
        yield* this.#decoder.records(reader.partition, batches.bytes, this.#from)
      }
    }
  }

  close(): void {
    for (const reader of this.#readers) reader.close()
  }
}

/** The partitions that are meant: one, or all. ERR_UNKNOWN_STREAM. */
export function partitionsOf(stream: Pick<StreamInfo, 'name' | 'partitions'>, partition: number | undefined): number[] {
  const { name, partitions } = stream
  if (partition === undefined) return Array.from({ length: partitions }, (_, p) => p)
  if (partition < partitions) return [partition]
  throw new TidemarkError(
    'ERR_UNKNOWN_STREAM',
    `stream "${name}" has no partition ${partition}: its partitions are 0 to ${partitions - 1}`,
    { details: { stream: name, partition } },
  )
}
