import type { TaskState } from '../store/types.ts'
import type { Committer } from './committer.ts'
import type { Lookups } from './lookups.ts'
import type { OutputBuffer } from './output-buffer.ts'
import type { TaskCounters } from './scope.ts'

export interface BackPressureOptions {
  readonly state: TaskState
  readonly committer: Committer
  readonly outputs: OutputBuffer
  readonly lookups: Lookups
  readonly counters: TaskCounters
  readonly outputMaxBytes: number
  readonly memtableMaxBytes: number
  readonly log: (level: string, text: string) => void
}

/** Says when a task takes no messages, since what it has taken is too much already. */
export class BackPressure {
  readonly #options: BackPressureOptions
  #stalled = false

  constructor(options: BackPressureOptions) {
    this.#options = options
  }

  /** True when no message may be processed now. Asks for a commit where that helps. */
  get holds(): boolean {
    const { committer, lookups, outputs, outputMaxBytes, memtableMaxBytes, state } = this.#options
    if (committer.holdsInput || committer.blocked || lookups.full || this.#behind()) return true
    if (outputs.sizeBytes < outputMaxBytes && state.activeBytes < memtableMaxBytes) return false
    if (committer.inFlight) return true
    committer.request()
    return committer.holdsInput || committer.blocked
  }

  /** True while files are merged or written too slowly for what comes in. */
  #behind(): boolean {
    const { state, counters, log } = this.#options
    const { stalled } = state
    if (stalled !== this.#stalled) {
      this.#stalled = stalled
      if (stalled) counters.stalls++
      const now = stalled ? 'takes no messages until its state files are written and merged' : 'takes messages again'
      log(stalled ? 'warn' : 'info', now)
    }
    return stalled
  }
}
