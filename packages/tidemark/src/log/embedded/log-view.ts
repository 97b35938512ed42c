import type { Disk } from '../../disk/disk.ts'
import { TidemarkError } from '../../errors/error.ts'
import type { OffsetsView, ProducerState, StoredDelta, StreamInfo } from '../types.ts'
import type { PartitionReader } from './partition-reader.ts'

export interface LogViewOptions {
  readonly disk: Disk
  readonly directory: string
}

const soon = (): never => {
  throw new TidemarkError('ERR_INVARIANT', 'not written yet')
}

/** A data directory read by another process than its owner, running or not. Never writes, takes no lock. */
export class LogView {
  readonly directory: string
  /** The job the directory belongs to, null if none. */
  readonly job: string | null = null

  private constructor(options: LogViewOptions) {
    this.directory = options.directory
  }

  static open(options: LogViewOptions): LogView {
    return new LogView(options)
  }

  get offsets(): OffsetsView {
    return soon()
  }

  /** Reads the journal again: what was committed since is seen. */
  refresh(): void {
    return soon()
  }

  streams(): StreamInfo[] {
    return soon()
  }

  stream(_name: string): StreamInfo | undefined {
    return soon()
  }

  producers(): ProducerState[] {
    return soon()
  }

  producer(_name: string): ProducerState | undefined {
    return soon()
  }

  deltas(_producer: string, _afterId: number): StoredDelta[] {
    return soon()
  }

  reader(_stream: StreamInfo, _partition: number): PartitionReader {
    return soon()
  }
}
