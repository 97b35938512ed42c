import { TidemarkError } from '../../errors/error.ts'
import type { ProducerState, StoredDelta, StreamInfo, StreamSpec } from '../types.ts'
import type { LogStatistics } from './embedded-log.ts'
import type { FsyncPolicy } from './options.ts'
import { SharedOffsets } from './shared-offsets.ts'
import type { LogPortInit } from './thread-log-port.ts'

export interface LogHostOptions {
  readonly directory: string
  readonly job: string | null
  readonly journalMaxBytes?: number
  readonly segmentMaxBytes?: number
  readonly fsync?: FsyncPolicy
  /** How often retention is applied, ms (default 60000). */
  readonly retentionIntervalMs?: number
}

const soon = (): never => {
  throw new TidemarkError('ERR_INVARIANT', 'not written yet')
}

/** The log thread as the supervisor sees it. */
export class LogHost {
  readonly directory: string
  readonly offsets: SharedOffsets
  /** Settles (never rejects) with the error when the thread ends without having been asked: the run is over. */
  readonly failure: Promise<Error>

  private constructor(options: LogHostOptions) {
    this.directory = options.directory
    this.offsets = SharedOffsets.allocate()
    this.failure = soon()
  }

  /** Starts the thread and opens or recovers the log; rejects with what `EmbeddedLog.open` throws. */
  static start(_options: LogHostOptions): Promise<LogHost> {
    return soon()
  }

  streams(): Promise<StreamInfo[]> {
    return soon()
  }

  createStream(_spec: StreamSpec): Promise<StreamInfo> {
    return soon()
  }

  claim(_producer: string, _meta: string): Promise<ProducerState> {
    return soon()
  }

  producers(): Promise<ProducerState[]> {
    return soon()
  }

  deltas(_producer: string, _afterId: number): Promise<StoredDelta[]> {
    return soon()
  }

  trim(_stream: number, _partition: number, _beforeOffset: number): Promise<void> {
    return soon()
  }

  statistics(): Promise<LogStatistics> {
    return soon()
  }

  /** Makes a port for one container. Send it with `init.port` in the transfer list, or use it on this thread. */
  port(): LogPortInit {
    return soon()
  }

  /** Commits what was sent, closes the log, releases the lock, ends the thread. */
  close(): Promise<void> {
    return soon()
  }
}
