import type { Checkpoint, RestoreProgress } from '../checkpoint/manager.ts'

const SAY_EVERY_MS = 5000

export interface RestoreLogOptions {
  readonly where: string
  /** Monotone. */
  readonly nowMs: () => number
  readonly say: (line: string) => void
}

/** Tells how restores of tasks get on: bytes, rate, and how long it will take; all tasks together, now and then. */
export class RestoreLog {
  readonly #options: RestoreLogOptions
  readonly #tasks = new Map<number, RestoreProgress>()
  #saidAtMs: number
  #startedMs: number

  constructor(options: RestoreLogOptions) {
    this.#options = options
    this.#startedMs = options.nowMs()
    this.#saidAtMs = this.#startedMs
  }

  begin(task: number, why: string): void {
    if (this.#tasks.size === 0) this.#startedMs = this.#options.nowMs()
    this.#options.say(`task ${task} is restored from ${this.#options.where}: ${why}`)
  }

  progress(task: number, progress: RestoreProgress): void {
    this.#tasks.set(task, progress)
    const now = this.#options.nowMs()
    if (now - this.#saidAtMs < SAY_EVERY_MS) return
    this.#saidAtMs = now
    this.#options.say(this.line())
  }

  /** All tasks together. */
  line(): string {
    let done = 0
    let total = 0
    let rate = 0
    for (const each of this.#tasks.values()) {
      done += each.doneBytes
      total += each.totalBytes
      rate += each.bytesPerSecond
    }
    const percent = total === 0 ? 100 : Math.floor((done * 100) / total)
    const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : ''
    return `restoring: ${percent}% of ${inMib(total)}, ${inMib(rate)}/s${left}`
  }

  end(task: number, checkpoint: Checkpoint): void {
    const { nowMs, say } = this.#options
    const bytes = checkpoint.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    const seconds = ((nowMs() - this.#startedMs) / 1000).toFixed(1)
    say(`task ${task} is restored: checkpoint ${checkpoint.id}, ${inMib(bytes)} in ${seconds} s`)
  }
}

function inMib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
