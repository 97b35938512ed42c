import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type { RawStore } from '../store/types.ts'
import type { OutputBuffer } from './output-buffer.ts'

/** Counters of one task; metrics and progress read them. */
export class TaskCounters {
  /** Records that belong to no task (no key where one is needed) or that a policy dropped. */
  dropped: number = 0
  /** Records for a window that was closed. */
  late: number = 0
  /** How often the task took no messages because its state files were behind. */
  stalls: number = 0
  readonly user: Map<string, number> = new Map<string, number>()
}

/** What the operators of one task share. */
export interface TaskScope {
  readonly task: number
  readonly tasks: number
  readonly clock: Clock
  readonly random: () => number
  readonly outputs: OutputBuffer
  readonly counters: TaskCounters
  readonly signal: AbortSignal
  store(name: string): RawStore
  /** Asks for a commit at the next chance. */
  requestCommit(): void
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void
  /** Said now and then in work that may be long without a turn of the loop, so that it is not taken for stuck. */
  alive(): void
  /**
   * A handler returned this promise: the task waits for it before it goes on, and calls `over` once when it has settled,
   * or when its time is up.
   */
  await(promise: Promise<unknown>, over: () => void): void
}

/**
 * Opens while a handler runs. A context that is used when its handler has settled throws ERR_CONTEXT_CLOSED: its writes
 * would belong to no message.
 */
export class Gate {
  open: boolean = false

  check(): void {
    if (!this.open) {
      throw new TidemarkError(
        'ERR_CONTEXT_CLOSED',
        'this context was used after its handler had settled: do the work inside the handler, or await it there',
      )
    }
  }
}
