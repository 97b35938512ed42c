import type { Disk } from '../../disk/disk.ts'
import { TidemarkError } from '../../errors/error.ts'
import type { OffsetsView, StreamInfo } from '../types.ts'

export interface PartitionReaderOptions {
  readonly disk: Disk
  /** The data directory. */
  readonly directory: string
  readonly stream: StreamInfo
  readonly partition: number
  readonly offsets: OffsetsView
  /** Checks the CRC of every batch read (default true). */
  readonly verify?: boolean
}

/** Whole batches, back to back; offsets [start, end). `bytes` belongs to the caller. */
export interface ReadBatches {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

const soon = (): never => {
  throw new TidemarkError('ERR_INVARIANT', 'not written yet')
}

/** Reads one partition with a descriptor of its own. */
export class PartitionReader {
  readonly stream: StreamInfo
  readonly partition: number

  constructor(options: PartitionReaderOptions) {
    this.stream = options.stream
    this.partition = options.partition
  }

  get position(): number {
    return soon()
  }

  seek(_offset: number): void {
    return soon()
  }

  /** Returns the offset sought. */
  seekToTime(_timeMs: number): number {
    return soon()
  }

  read(_maxBytes: number, _into?: Uint8Array): ReadBatches | null {
    return soon()
  }

  close(): void {
    return soon()
  }
}
