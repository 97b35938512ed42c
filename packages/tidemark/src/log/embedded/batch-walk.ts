import type { DiskFile } from '../../disk/disk.ts'
import { TidemarkError } from '../../errors/error.ts'
import { baseOffset, batchSizeBytes, HEADER_BYTES, MAGIC, magic, maxTimestamp, nextOffset } from '../batch-header.ts'

const CHUNK_BYTES = 8192

/** Whose batches they are, for messages. */
export interface PartitionName {
  readonly stream: string
  readonly partition: number
}

/** Walks the batch headers of a segment file without reading the records. */
export class BatchWalk {
  readonly #file: DiskFile
  readonly #owner: PartitionName
  readonly #end: number
  readonly #chunk = new Uint8Array(CHUNK_BYTES)
  #chunkStart = 0
  #chunkBytes = 0
  /** Of the batch that `next` has found. */
  position: number
  offset = 0
  end = 0
  sizeBytes = 0
  maxTimestampMs = -1

  /** From the batch at `position` up to `sizeBytes` of the file. */
  constructor(file: DiskFile, owner: PartitionName, position: number, sizeBytes: number) {
    this.#file = file
    this.#owner = owner
    this.#end = sizeBytes
    this.position = position
  }

  /** Moves to the next batch; false at the end. Throws ERR_LOG_CORRUPT when what is there is no batch. */
  next(): boolean {
    const at = this.position + this.sizeBytes
    if (at >= this.#end) return false
    const header = this.#header(at)
    const size = header < 0 ? 0 : batchSizeBytes(this.#chunk, header)
    if (header < 0 || magic(this.#chunk, header) !== MAGIC || size < HEADER_BYTES || at + size > this.#end) {
      throw this.#noBatch(at)
    }
    this.position = at
    this.sizeBytes = size
    this.offset = baseOffset(this.#chunk, header)
    this.end = nextOffset(this.#chunk, header)
    this.maxTimestampMs = maxTimestamp(this.#chunk, header)
    return true
  }

  #noBatch(at: number): TidemarkError {
    const { stream, partition } = this.#owner
    return new TidemarkError(
      'ERR_LOG_CORRUPT',
      `${this.#file.path} is damaged at byte ${at}: there is no valid record batch behind offset ${this.end} of stream ` +
        `"${stream}", partition ${partition}. Nothing was changed. Restore the file from a copy.`,
      { details: { file: this.#file.path, position: at, stream, partition, offset: this.end } },
    )
  }

  /** Where in the chunk the header at file position `at` is; -1 if the file is too short. */
  #header(at: number): number {
    if (at < this.#chunkStart || at + HEADER_BYTES > this.#chunkStart + this.#chunkBytes) {
      this.#chunkStart = at
      this.#chunkBytes = this.#file.read(this.#chunk, 0, Math.min(CHUNK_BYTES, this.#end - at), at)
    }
    return at + HEADER_BYTES > this.#chunkStart + this.#chunkBytes ? -1 : at - this.#chunkStart
  }
}
