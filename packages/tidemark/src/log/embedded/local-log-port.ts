import { TidemarkError } from '../../errors/error.ts'
import type { CommitResult, LogPort, OffsetsView, Transaction } from '../types.ts'
import type { EmbeddedLog } from './embedded-log.ts'

const soon = (): never => {
  throw new TidemarkError('ERR_INVARIANT', 'not written yet')
}

export interface LocalLogPortOptions {
  /** True: commits wait for `pump`, which makes them one group. False (default): each commit is a group, at once. */
  readonly grouped?: boolean
}

/** A log port on the log's own thread. */
export class LocalLogPort implements LogPort {
  readonly directory: string
  readonly offsets: OffsetsView

  constructor(log: EmbeddedLog, _options: LocalLogPortOptions = {}) {
    this.directory = log.directory
    this.offsets = log.offsets
  }

  commit(_transaction: Transaction, _done: (result: CommitResult) => void): void {
    return soon()
  }

  flushed(_producer: string, _id: number): void {
    return soon()
  }

  onAdvanced(_listener: () => void): void {
    return soon()
  }

  onFlushWanted(_listener: (producers: readonly string[]) => void): void {
    return soon()
  }

  /** Commits what waits as one group; returns how many transactions there were. */
  pump(): number {
    return soon()
  }
}
