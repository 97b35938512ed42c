import type { UploadRound } from '../api/app.ts'
import type { UploadProgress } from '../checkpoint/task-uploader.ts'

/** How far the uploads of all tasks are that were begun together. */
export class UploadRounds {
  readonly #nowMs: () => number
  readonly #tasks = new Map<number, UploadProgress>()
  #startedMs: number | null = null

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  begin(): void {
    this.#tasks.clear()
    this.#startedMs = this.#nowMs()
  }

  progress(task: number, progress: UploadProgress): void {
    this.#tasks.set(task, progress)
  }

  end(): void {
    this.#startedMs = null
  }

  /** Null between two rounds, and while one has found nothing to upload. */
  status(): UploadRound | null {
    if (this.#startedMs === null) return null
    let [doneBytes, totalBytes] = [0, 0]
    for (const task of this.#tasks.values()) {
      doneBytes += task.doneBytes
      totalBytes += task.totalBytes
    }
    if (totalBytes === 0) return null
    const seconds = (this.#nowMs() - this.#startedMs) / 1000
    const bytesPerSecond = seconds > 0 ? Math.round(doneBytes / seconds) : 0
    const remainingMs = bytesPerSecond > 0 ? Math.ceil(((totalBytes - doneBytes) * 1000) / bytesPerSecond) : null
    return { doneBytes, totalBytes, bytesPerSecond, remainingMs }
  }
}
