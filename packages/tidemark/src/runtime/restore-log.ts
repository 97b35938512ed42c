import type { RestoreStatus } from '../api/app.ts'

const SAY_EVERY_MS = 5000

export interface RestoreLogOptions {
  /** Where state comes from. */
  readonly from: string
  /** Monotone. */
  readonly nowMs: () => number
  readonly say: (line: string) => void
  /** Told of every progress; without it a line is said now and then. */
  readonly onStatus?: ((status: RestoreStatus) => void) | undefined
}

interface TaskRestore {
  totalBytes: number
  doneBytes: number
  loadedBytes: number
  done: boolean
}

/** Tells how restores of tasks get on, all of them together: bytes, rate, and how long it will take. */
export class RestoreLog {
  readonly #options: RestoreLogOptions
  readonly #tasks = new Map<number, TaskRestore>()
  #saidAtMs = 0
  #startedMs = 0
  /** When the last task had all; null while one has not. */
  #endedMs: number | null = null

  constructor(options: RestoreLogOptions) {
    this.#options = options
  }

  /** A task is to be restored; `totalBytes` as far as it is known. */
  begin(task: number, totalBytes = 0): void {
    if (this.#tasks.size === 0) {
      this.#startedMs = this.#options.nowMs()
      this.#saidAtMs = this.#startedMs
    }
    this.#endedMs = null
    this.#tasks.set(task, { totalBytes, doneBytes: 0, loadedBytes: 0, done: false })
  }

  progress(
    task: number,
    of: { readonly doneBytes: number; readonly loadedBytes: number; readonly totalBytes: number },
  ): void {
    const known = this.#tasks.get(task)
    if (known === undefined) return
    Object.assign(known, { doneBytes: of.doneBytes, loadedBytes: of.loadedBytes, totalBytes: of.totalBytes })
    this.#tell()
  }

  /** More of a task's files is here; `loaded` when it came now. */
  add(task: number, bytes: number, loaded: boolean): void {
    const known = this.#tasks.get(task)
    if (known === undefined) return
    known.doneBytes += bytes
    if (loaded) known.loadedBytes += bytes
    this.#tell()
  }

  /** All of a task's files are here. */
  end(task: number): void {
    const known = this.#tasks.get(task)
    if (known === undefined) return
    known.doneBytes = known.totalBytes
    known.done = true
    if ([...this.#tasks.values()].every(({ done }) => done)) this.#endedMs = this.#options.nowMs()
    this.#tell()
  }

  #tell(): void {
    const { nowMs, onStatus, say } = this.#options
    const status = this.status()
    if (status === null) return
    onStatus?.(status)
    const now = nowMs()
    if (onStatus !== undefined || now - this.#saidAtMs < SAY_EVERY_MS) return
    this.#saidAtMs = now
    say(restoreText(status))
  }

  /** Since the first task began, s: until now, or until the last had all. */
  get seconds(): number {
    return ((this.#endedMs ?? this.#options.nowMs()) - this.#startedMs) / 1000
  }

  /** All tasks together; null when none had to be restored. */
  status(): RestoreStatus | null {
    if (this.#tasks.size === 0) return null
    let [doneBytes, totalBytes, loadedBytes, tasksDone] = [0, 0, 0, 0]
    for (const task of this.#tasks.values()) {
      doneBytes += task.doneBytes
      totalBytes += task.totalBytes
      loadedBytes += task.loadedBytes
      if (task.done) tasksDone++
    }
    const { seconds } = this
    const bytesPerSecond = seconds > 0 ? Math.round(loadedBytes / seconds) : 0
    const remainingMs = bytesPerSecond > 0 ? Math.ceil(((totalBytes - doneBytes) * 1000) / bytesPerSecond) : null
    const { from } = this.#options
    return { from, tasks: this.#tasks.size, tasksDone, doneBytes, totalBytes, bytesPerSecond, remainingMs }
  }
}

/** `restoring: 42% of 1.5 GiB, 80.0 MiB/s, 11 s left, 1 of 4 tasks done`. */
export function restoreText({ doneBytes, totalBytes, tasks, tasksDone, ...rest }: RestoreStatus): string {
  return `restoring: ${partText({ doneBytes, totalBytes, ...rest })}, ${tasksDone} of ${tasks} tasks done`
}

/** How much of some bytes is done: `42% of 1.5 GiB, 80.0 MiB/s, 11 s left`. */
export function partText(of: {
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number
  readonly remainingMs: number | null
}): string {
  const { doneBytes, totalBytes, bytesPerSecond, remainingMs } = of
  const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes * 100) / totalBytes)
  const left = remainingMs === null || doneBytes >= totalBytes ? '' : `, ${Math.ceil(remainingMs / 1000)} s left`
  return `${percent}% of ${inMib(totalBytes)}, ${inMib(bytesPerSecond)}/s${left}`
}

export function inMib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
