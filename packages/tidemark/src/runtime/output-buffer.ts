import { BatchEncoder, type RecordHeaders } from '../log/batch-encoder.ts'
import type { Append, StreamInfo } from '../log/types.ts'

/** A batch is closed when it has grown to this. */
const BATCH_BYTES = 256 * 1024

/** One output partition's share of a commit: closed batches and the one that is being filled. */
class OutputPartition {
  readonly stream: number
  readonly partition: number
  readonly encoder = new BatchEncoder()
  closed: Uint8Array[] = []

  constructor(stream: number, partition: number) {
    this.stream = stream
    this.partition = partition
  }

  /** Closes the open batch; returns its bytes' number. */
  close(): number {
    if (this.encoder.count === 0) return 0
    const batch = this.encoder.finish()
    this.closed.push(batch)
    this.encoder.reset()
    return batch.length
  }
}

/** All partitions of one output stream. */
export class OutputStream {
  readonly info: StreamInfo
  readonly #buffer: OutputBuffer
  readonly #partitions: OutputPartition[] = []

  constructor(info: StreamInfo, buffer: OutputBuffer) {
    this.info = info
    this.#buffer = buffer
    for (let p = 0; p < info.partitions; p++) this.#partitions.push(new OutputPartition(info.id, p))
  }

  /** Adds one record. A null key or value has end -1. The bytes are copied. */
  append(
    partition: number,
    timestamp: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    headers: RecordHeaders | null,
  ): void {
    const target = this.#partitions[partition] as OutputPartition
    target.encoder.append(
      timestamp,
      keyEnd < 0 ? null : keyBytes,
      keyStart,
      keyEnd,
      valueEnd < 0 ? null : valueBytes,
      valueStart,
      valueEnd,
      headers,
    )
    this.#buffer.added(keyEnd - keyStart + (valueEnd - valueStart) + 10)
    if (target.encoder.sizeBytes >= BATCH_BYTES) target.close()
  }

  seal(into: Append[]): void {
    for (const target of this.#partitions) {
      target.close()
      for (const bytes of target.closed) into.push({ stream: target.stream, partition: target.partition, bytes })
      if (target.closed.length > 0) target.closed = []
    }
  }
}

/**
 * The active output buffer of a task: what it sent since the last freeze, encoded at once (so later changes of the
 * objects have no effect). `seal` hands it over and leaves an empty one.
 */
export class OutputBuffer {
  readonly streams: OutputStream[] = []
  #bytes = 0
  #records = 0

  stream(info: StreamInfo): OutputStream {
    const known = this.streams.find((s) => s.info.id === info.id)
    if (known !== undefined) return known
    const made = new OutputStream(info, this)
    this.streams.push(made)
    return made
  }

  added(bytes: number): void {
    this.#bytes += bytes
    this.#records++
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#records === 0
  }

  seal(): Append[] {
    const appends: Append[] = []
    for (const stream of this.streams) stream.seal(appends)
    this.#bytes = 0
    this.#records = 0
    return appends
  }
}
