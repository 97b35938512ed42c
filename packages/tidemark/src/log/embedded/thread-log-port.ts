import type { MessagePort } from 'node:worker_threads'
import { TidemarkError } from '../../errors/error.ts'
import type { CommitResult, LogPort, OffsetsView, Transaction } from '../types.ts'
import { SharedOffsets } from './shared-offsets.ts'

/** What a thread needs to reach the log thread: send it with `port` in the transfer list. */
export interface LogPortInit {
  readonly directory: string
  readonly port: MessagePort
  readonly shared: SharedArrayBuffer
  /** One 32-bit flag: an `advanced` message is under way. */
  readonly pending: SharedArrayBuffer
}

const soon = (): never => {
  throw new TidemarkError('ERR_INVARIANT', 'not written yet')
}

/** A log port of a container: messages to the log thread, offsets in shared memory. */
export class ThreadLogPort implements LogPort {
  readonly directory: string
  readonly offsets: OffsetsView

  constructor(init: LogPortInit) {
    this.directory = init.directory
    this.offsets = new SharedOffsets(init.shared)
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

  /** Commits in flight get no answer after this. */
  close(): void {
    return soon()
  }
}
