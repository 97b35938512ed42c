import { MARK_HEADER } from '../checkpoint/marks.ts'
import { TidemarkError } from '../errors/error.ts'
import type { PartitionReader } from '../log/embedded/partition-reader.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { StreamInfo } from '../log/types.ts'
import type { Serde } from '../serde/serde.ts'
import type { DataDir } from './data-dir.ts'
import { streamSerdes, type StreamSerdes } from './stream-meta.ts'

/** A record as tools show it; bytes where the serde is not known. */
export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: unknown
  readonly value: unknown
  /** Null when the record has none. */
  readonly headers: readonly (readonly [name: string, value: string | null])[] | null
}

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
  readonly #serdes: StreamSerdes
  readonly #stream: StreamInfo
  readonly #marks: boolean
  readonly #cursor = new RecordCursor()
  readonly #from: number

  constructor(data: DataDir, name: string, options: ReadStreamOptions = {}) {
    const stream = data.stream(name)
    const { partition } = options
    if (partition !== undefined && partition >= stream.partitions) {
      throw new TidemarkError(
        'ERR_UNKNOWN_STREAM',
        `stream "${name}" has no partition ${partition}: its partitions are 0 to ${stream.partitions - 1}`,
        { details: { stream: name, partition } },
      )
    }
    this.#stream = stream
    this.#serdes = streamSerdes(stream)
    this.#marks = options.marks ?? false
    this.#from = options.from ?? 0
    const partitions = partition === undefined ? Array.from({ length: stream.partitions }, (_, p) => p) : [partition]
    this.#readers = partitions.map((p) => {
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
        this.#cursor.reset(batches.bytes)
        while (this.#cursor.nextBatch()) {
          if (!this.#cursor.isControl) yield* this.#records(reader.partition)
        }
      }
    }
  }

  close(): void {
    for (const reader of this.#readers) reader.close()
  }

  *#records(partition: number): Generator<ReadRecord, void> {
    const cursor = this.#cursor
    while (cursor.next()) {
      // A batch may start before the offset that was asked for.
      if (cursor.offset < this.#from) continue
      const headers = cursor.headerCount === 0 ? null : cursor.headers()
      if (!this.#marks && headers?.some(([name]) => name === MARK_HEADER)) continue
      const { bytes, offset, timestamp } = cursor
      yield {
        partition,
        offset,
        timestamp,
        key: this.#decode('key', bytes, cursor.keyStart, cursor.keyEnd, partition, offset),
        value: this.#decode('value', bytes, cursor.valueStart, cursor.valueEnd, partition, offset),
        headers: headers?.map(([name, value]) => [name, value === null ? null : text(value)] as const) ?? null,
      }
    }
  }

  #decode(
    part: 'key' | 'value',
    bytes: Uint8Array,
    start: number,
    end: number,
    partition: number,
    offset: number,
  ): unknown {
    if (end < 0) return null
    const serde: Serde<unknown> = this.#serdes[part]
    try {
      return serde.read(bytes, start, end)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const where = `stream "${this.#stream.name}", partition ${partition}, offset ${offset}`
      throw new TidemarkError('ERR_SERDE', `${where}: the ${part} is not of serde ${serde.name}: ${why}`, {
        cause,
        details: { stream: this.#stream.name, partition, offset },
      })
    }
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}
