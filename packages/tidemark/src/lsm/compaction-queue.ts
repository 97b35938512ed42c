import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { Steps } from '../store/types.ts'
import { BlockCache } from './block-cache.ts'
import { asError, type CompactionResult, type CompactionTask, compactFiles } from './compaction.ts'
import type { LsmFailpoint } from './failpoints.ts'
import { type FileEntry, fileName } from './manifest.ts'

/** Work between two looks at what has come in. */
const SLICE_MS = 5
/** After a full disk a task starts again, later each time. */
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 15_000
/** Data blocks are read past the cache; it holds parts of the filters of older files. */
const CACHE_BYTES = 4 * 1024 * 1024

export interface CompactionQueueOptions {
  /** Without waiting (see `blockingDisk`): a thread of its own does nothing else. */
  readonly disk: Disk
  readonly clock: Clock
  /** Lets messages come in. */
  readonly yieldNow: () => Promise<void>
  /** Bytes written per second, on average; as fast as can be when 0. */
  readonly bytesPerSecond: number
  readonly failpoint: (name: LsmFailpoint) => void
}

interface QueuedTask {
  readonly client: number
  readonly id: number
  readonly task: CompactionTask
  readonly inputBytes: number
  readonly done: (result: CompactionResult) => void
  readonly delayed: (error: Error) => void
  steps: Steps<FileEntry | null> | null
  writtenBytes: number
  retries: number
  notBeforeMs: number
}

/**
 * The compactions of a node, one step at a time: the smallest first, so that a long one never keeps a short one, and with
 * it a task, waiting. A full disk delays a task until there is room; other errors are its result.
 */
export class CompactionQueue {
  readonly #options: CompactionQueueOptions
  #tasks: readonly QueuedTask[] = []
  #runs = false
  #wake = new AbortController()
  #files = 0
  /** Bytes that may still be written now; below zero: how far ahead of the limit. */
  #allowance = 0
  #allowedAtMs = 0

  constructor(options: CompactionQueueOptions) {
    this.#options = options
    this.#allowedAtMs = options.clock.monotonicMs()
  }

  /** Tasks that are not done. */
  get size(): number {
    return this.#tasks.length
  }

  /** `id` is the client's own. `done` is called once, unless the task is cancelled; `delayed` each time the disk is full. */
  add(
    client: number,
    id: number,
    task: CompactionTask,
    done: (result: CompactionResult) => void,
    delayed: (error: Error) => void,
  ): void {
    const inputBytes = task.inputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const queued = {
      client,
      id,
      task,
      inputBytes,
      done,
      delayed,
      steps: null,
      writtenBytes: 0,
      retries: 0,
      notBeforeMs: 0,
    }
    this.#tasks = [...this.#tasks, queued]
    this.#wake.abort()
    if (!this.#runs) void this.#run()
  }

  /** Gives up a task of a client, or all of them; what they have written is removed. */
  cancel(client: number, id: number | null = null): void {
    for (const task of this.#tasks) {
      if (task.client !== client || (id !== null && task.id !== id)) continue
      this.#forget(task)
      task.steps?.return(null)
    }
    this.#wake.abort()
  }

  #forget(task: QueuedTask): void {
    this.#tasks = this.#tasks.filter((other) => other !== task)
  }

  async #run(): Promise<void> {
    const { clock, yieldNow } = this.#options
    this.#runs = true
    while (this.#tasks.length > 0) {
      const nowMs = clock.monotonicMs()
      const waitMs = Math.max(this.#throttleMs(nowMs), this.#retryMs(nowMs))
      if (waitMs > 0) await this.#sleep(waitMs)
      else {
        const next = this.#next(nowMs)
        if (next !== null) this.#slice(next, nowMs + SLICE_MS)
        await yieldNow()
      }
    }
    this.#runs = false
  }

  async #sleep(ms: number): Promise<void> {
    this.#wake = new AbortController()
    await this.#options.clock.sleep(ms, this.#wake.signal).catch(() => {})
  }

  #next(nowMs: number): QueuedTask | null {
    let next: QueuedTask | null = null
    for (const task of this.#tasks) {
      if (task.notBeforeMs <= nowMs && (next === null || task.inputBytes < next.inputBytes)) next = task
    }
    return next
  }

  /** How long until a task that a full disk has delayed may go on, if there is no other. */
  #retryMs(nowMs: number): number {
    return Math.max(0, Math.min(...this.#tasks.map(({ notBeforeMs }) => notBeforeMs)) - nowMs)
  }

  #throttleMs(nowMs: number): number {
    const { bytesPerSecond } = this.#options
    if (bytesPerSecond === 0) return 0
    const earned = ((nowMs - this.#allowedAtMs) * bytesPerSecond) / 1000
    this.#allowedAtMs = nowMs
    // What was not used is not saved up, so that a pause is not followed by a burst.
    this.#allowance = Math.min(0, this.#allowance + earned)
    return (-this.#allowance * 1000) / bytesPerSecond
  }

  #slice(queued: QueuedTask, untilMs: number): void {
    const { clock } = this.#options
    try {
      queued.steps ??= this.#start(queued)
      do {
        const step = queued.steps.next()
        if (step.done !== true) continue
        this.#forget(queued)
        queued.done({ file: step.value, error: null })
        return
      } while (clock.monotonicMs() < untilMs)
    } catch (error) {
      this.#failed(queued, asError(error))
    }
  }

  #start(queued: QueuedTask): Steps<FileEntry | null> {
    const { disk, failpoint } = this.#options
    const { task } = queued
    queued.writtenBytes = 0
    return compactFiles({
      disk,
      cache: new BlockCache({ capacityBytes: CACHE_BYTES }),
      task,
      name: fileName(task.number, this.#files++),
      failpoint,
      onBytes: (writtenBytes) => {
        this.#allowance -= writtenBytes - queued.writtenBytes
        queued.writtenBytes = writtenBytes
      },
    })
  }

  #failed(queued: QueuedTask, error: Error): void {
    if (!isTidemarkError(error, 'ERR_DISK_FULL')) {
      this.#forget(queued)
      queued.done({ file: null, error })
      return
    }
    queued.steps = null
    const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** queued.retries)
    queued.notBeforeMs = this.#options.clock.monotonicMs() + delayMs
    queued.retries++
    queued.delayed(error)
  }
}
