import type { Disk, DiskFile } from '../../disk/disk.ts'
import { isTidemarkError, TidemarkError } from '../../errors/error.ts'
import {
  baseOffset,
  batchCrcValid,
  batchSizeBytes,
  HEADER_BYTES,
  lastOffsetDelta,
  MAGIC,
  magic,
  nextOffset,
} from '../batch-header.ts'
import type { OffsetsView, ReadBatches, StreamInfo, StreamReader } from '../types.ts'
import { BatchWalk, type PartitionName } from './batch-walk.ts'
import { partitionDirectory, segmentBaseOf, segmentName } from './layout.ts'
import { indexPaths } from './segment-files.ts'
import { positionAtTime, positionBefore, readIndex, type SparseIndex } from './sparse-index.ts'

export interface PartitionReaderOptions {
  readonly disk: Disk
  /** The data directory. */
  readonly directory: string
  readonly stream: StreamInfo
  readonly partition: number
  readonly offsets: OffsetsView
  /** Checks the CRC of every batch read (default true). */
  readonly verify?: boolean
  /** Called when a segment is not where it should be, before that is an error: brings `offsets` up to date. */
  readonly onMissing?: () => void
}

/**
 * Reads one partition with a descriptor of its own, up to the published end. Not synchronised with the writer otherwise:
 * what is published does not change. Starts at the start offset.
 */
export class PartitionReader implements StreamReader {
  readonly stream: StreamInfo
  readonly partition: number
  readonly #disk: Disk
  readonly #offsets: OffsetsView
  readonly #slot: number
  readonly #directory: string
  readonly #verify: boolean
  readonly #onMissing: (() => void) | null
  #position: number
  /** The segment that holds the position, and where in it the position's batch begins; null until looked up. */
  #file: DiskFile | null = null
  #filePosition = 0

  constructor(options: PartitionReaderOptions) {
    this.stream = options.stream
    this.partition = options.partition
    this.#disk = options.disk
    this.#offsets = options.offsets
    this.#slot = options.stream.slot + options.partition
    this.#directory = partitionDirectory(options.directory, options.stream.name, options.partition)
    this.#verify = options.verify ?? true
    this.#onMissing = options.onMissing ?? null
    this.#position = options.offsets.start(this.#slot)
  }

  /** The offset that the next `read` is to deliver. */
  get position(): number {
    return this.#position
  }

  /** Records between the position and the published end. */
  get available(): number {
    return Math.max(0, this.#offsets.end(this.#slot) - this.#position)
  }

  /** Goes to an offset from the start up to the end. Throws ERR_OFFSET_OUT_OF_RANGE, which names both. */
  seek(offset: number): void {
    if (offset < this.#offsets.start(this.#slot) || offset > this.#offsets.end(this.#slot))
      throw this.#outOfRange(offset)
    this.close()
    this.#position = offset
  }

  /**
   * Goes to the first batch that has a record with this timestamp or a later one, or to the end when there is none.
   * Returns the offset. Records before the time may come first in that batch.
   */
  seekToTime(timeMs: number): number {
    const end = this.#offsets.end(this.#slot)
    this.seek(this.#offsets.start(this.#slot))
    let found = end
    for (const base of this.#segmentBases()) {
      if (base >= end) break
      const offset = this.#firstAtTime(base, timeMs, end)
      if (offset < 0) continue
      found = offset
      break
    }
    // The batch may have begun before a start that has moved meanwhile.
    this.seek(Math.max(found, this.#offsets.start(this.#slot)))
    return this.#position
  }

  /** -1 when no published batch of the segment reaches the time. */
  #firstAtTime(base: number, timeMs: number, end: number): number {
    const file = this.#open(base)
    try {
      const sizeBytes = file.size()
      const index = this.#index(base, sizeBytes)
      const from = index === null ? 0 : positionAtTime(index, timeMs)
      if (from < 0) return -1
      const walk = new BatchWalk(file, this.#name, from, sizeBytes)
      // Behind the published end there may be half a batch.
      let next = base
      while (next < end && walk.next()) {
        if (walk.maxTimestampMs >= timeMs) return walk.offset
        next = walk.end
      }
      return -1
    } finally {
      file.close()
    }
  }

  /**
   * Reads whole batches, beginning with the one that contains the position (so that records below the position may come
   * first: skip them), about `maxBytes` but at least one batch; null when there is nothing. Moves the position to `end`.
   *
   * `bytes` is a buffer of its own that the reader never touches again, or a view of `into` when that is given and has
   * room for the first batch: then it is the caller's to reuse once no message refers to it. Throws
   * ERR_OFFSET_OUT_OF_RANGE when the position has been trimmed away, ERR_LOG_CORRUPT.
   */
  read(maxBytes: number, into?: Uint8Array): ReadBatches | null {
    const end = this.#offsets.end(this.#slot)
    if (this.#position >= end) return null
    if (this.#position < this.#offsets.start(this.#slot)) throw this.#outOfRange(this.#position)
    const file = this.#fileAtPosition()
    const restBytes = file.size() - this.#filePosition
    const target = into !== undefined && into.length >= HEADER_BYTES ? into : undefined
    const limitBytes = Math.min(restBytes, target?.length ?? Math.max(maxBytes, HEADER_BYTES))
    let bytes = this.#load(file, limitBytes, target)
    const firstBytes = bytes.length < HEADER_BYTES ? 0 : batchSizeBytes(bytes, 0)
    if (firstBytes > bytes.length && firstBytes <= restBytes) bytes = this.#load(file, firstBytes, undefined)
    return this.#take(bytes, end)
  }

  /** Takes the whole batches below `end` from what was read. A bad one behind a good one waits for the next read. */
  #take(bytes: Uint8Array, end: number): ReadBatches {
    const start = bytes.length < HEADER_BYTES ? -1 : baseOffset(bytes, 0)
    let next = start
    let at = 0
    while (next < end) {
      const size = this.#batchBytes(bytes, at, next)
      if (size === 0) break
      next = nextOffset(bytes, at)
      at += size
    }
    if (at === 0 || start > this.#position || next <= this.#position) throw this.#damaged(0)
    this.#position = next
    this.#filePosition += at
    return { bytes: at === bytes.length ? bytes : bytes.subarray(0, at), start, end: next }
  }

  /** Size of the batch at `at` that begins with `offset`; 0 if there is no whole and valid one. */
  #batchBytes(bytes: Uint8Array, at: number, offset: number): number {
    if (at + HEADER_BYTES > bytes.length || baseOffset(bytes, at) !== offset) return 0
    const size = batchSizeBytes(bytes, at)
    if (size < HEADER_BYTES || at + size > bytes.length || magic(bytes, at) !== MAGIC) return 0
    if (this.#verify && !batchCrcValid(bytes, at, at + size)) return 0
    return lastOffsetDelta(bytes, at) < 0 ? 0 : size
  }

  #load(file: DiskFile, sizeBytes: number, into: Uint8Array | undefined): Uint8Array {
    const target = into === undefined ? allocate(sizeBytes) : into.subarray(0, sizeBytes)
    let done = 0
    while (done < sizeBytes) {
      const count = file.read(target, done, sizeBytes - done, this.#filePosition + done)
      if (count === 0) break
      done += count
    }
    return done === sizeBytes ? target : target.subarray(0, done)
  }

  #fileAtPosition(): DiskFile {
    const file = this.#file
    if (file === null) return this.#locate()
    if (this.#filePosition < file.size()) return file
    // The end of a segment: the next one is named by the offset it begins with.
    file.close()
    this.#file = null
    const next = this.#open(this.#position)
    this.#file = next
    this.#filePosition = 0
    return next
  }

  /** Finds the segment and the batch of the position. */
  #locate(): DiskFile {
    const position = this.#position
    const base = this.#segmentBases().findLast((each) => each <= position)
    const file = this.#open(base ?? position)
    this.#file = file
    const sizeBytes = file.size()
    const index = base === undefined ? null : this.#index(base, sizeBytes)
    const walk = new BatchWalk(file, this.#name, index === null ? 0 : positionBefore(index, position), sizeBytes)
    while (walk.next()) {
      if (walk.end <= position) continue
      this.#filePosition = walk.position
      return file
    }
    this.#filePosition = sizeBytes
    throw this.#damaged(0)
  }

  /** Null for the segment that still grows, and where the files are missing or damaged: then batches are walked. */
  #index(base: number, sizeBytes: number): SparseIndex | null {
    return readIndex(this.#disk, indexPaths(`${this.#directory}/${segmentName(base, 'log')}`), base, sizeBytes)
  }

  #segmentBases(): number[] {
    const bases: number[] = []
    for (const name of this.#disk.list(this.#directory)) {
      const base = segmentBaseOf(name)
      if (base !== null) bases.push(base)
    }
    return bases
  }

  #open(base: number): DiskFile {
    const path = `${this.#directory}/${segmentName(base, 'log')}`
    try {
      return this.#disk.open(path, 'read')
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw error
      this.#onMissing?.()
      // The start is moved before the file is removed.
      if (this.#offsets.start(this.#slot) > this.#position) throw this.#outOfRange(this.#position)
      throw new TidemarkError(
        'ERR_LOG_CORRUPT',
        `${path} is missing: it holds offset ${this.#position} of ${this.#where()}. Restore it from a copy.`,
        { cause: error, details: this.#details(path) },
      )
    }
  }

  /** Releases the descriptor; a later read opens it again. */
  close(): void {
    this.#file?.close()
    this.#file = null
  }

  get #name(): PartitionName {
    return { stream: this.stream.name, partition: this.partition }
  }

  #where(): string {
    return `stream "${this.stream.name}", partition ${this.partition}`
  }

  #details(file: string): Record<string, string | number> {
    return { file, stream: this.stream.name, partition: this.partition, offset: this.#position }
  }

  #outOfRange(offset: number): TidemarkError {
    const start = this.#offsets.start(this.#slot)
    const end = this.#offsets.end(this.#slot)
    return new TidemarkError(
      'ERR_OFFSET_OUT_OF_RANGE',
      `offset ${offset} of ${this.#where()} is not there: available are ${start} up to, not including, ${end}.`,
      { details: { stream: this.stream.name, partition: this.partition, offset, start, end } },
    )
  }

  #damaged(at: number): TidemarkError {
    const path = this.#file?.path ?? this.#directory
    const position = this.#filePosition + at
    return new TidemarkError(
      'ERR_LOG_CORRUPT',
      `${path} is damaged at byte ${position}, where offset ${this.#position} of ${this.#where()} should be. Nothing was ` +
        'changed. Restore the file from a copy.',
      { details: { ...this.#details(path), position } },
    )
  }
}

/** Not zeroed; a plain Uint8Array, so that all buffers of messages have one shape. */
function allocate(sizeBytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer)
}
