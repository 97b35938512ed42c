import { TidemarkError } from '../../errors/error.ts'
import type { CommitResult, ProducerState, StoredDelta, StreamInfo, StreamSpec, Transaction } from '../types.ts'
import type { EmbeddedLogOptions } from './options.ts'
import { SharedOffsets } from './shared-offsets.ts'

/** What the log holds and did since it was opened. */
export interface LogStatistics {
  readonly streams: number
  readonly partitions: number
  readonly producers: number
  readonly journalFiles: number
  readonly journalBytes: number
  readonly segmentFiles: number
  readonly segmentBytes: number
  /** Since open: groups written, transactions committed, syncs of the journal, bytes of batches appended. */
  readonly groups: number
  readonly transactions: number
  readonly journalSyncs: number
  readonly appendedBytes: number
}

const soon = (): never => {
  throw new TidemarkError('ERR_INVARIANT', 'not written yet')
}

/** The embedded log's single writer: synchronous, no threads. */
export class EmbeddedLog {
  readonly directory: string
  readonly offsets: SharedOffsets

  private constructor(options: EmbeddedLogOptions) {
    this.directory = options.directory
    this.offsets = options.shared === undefined ? SharedOffsets.allocate() : new SharedOffsets(options.shared)
  }

  static open(options: EmbeddedLogOptions): EmbeddedLog {
    return new EmbeddedLog(options)
  }

  streams(): StreamInfo[] {
    return soon()
  }

  createStream(_spec: StreamSpec): StreamInfo {
    return soon()
  }

  claim(_producer: string, _meta: string): ProducerState {
    return soon()
  }

  producer(_name: string): ProducerState | undefined {
    return soon()
  }

  producers(): ProducerState[] {
    return soon()
  }

  commit(_group: readonly Transaction[]): CommitResult[] {
    return soon()
  }

  /** Writes what could not be written to segments for want of space; false while it still cannot. */
  catchUp(): boolean {
    return soon()
  }

  deltas(_producer: string, _afterId: number): StoredDelta[] {
    return soon()
  }

  flushed(_producer: string, _id: number): void {
    return soon()
  }

  flushWanted(): string[] {
    return soon()
  }

  trim(_stream: number, _partition: number, _beforeOffset: number): void {
    return soon()
  }

  applyRetention(): void {
    return soon()
  }

  statistics(): LogStatistics {
    return soon()
  }

  close(): void {
    return soon()
  }
}
