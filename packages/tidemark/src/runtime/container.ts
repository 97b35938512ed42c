import type { TableFigures } from '../api/table-figures.ts'
import type { Clock } from '../clock/clock.ts'
import type { LogPort } from '../log/types.ts'
import { addFigures, type RemoteCounters } from '../remote/table-client.ts'
import type { Pulse } from './pulse.ts'
import type { Task } from './task.ts'
import type { ContainerRequest, TaskCheckpoint } from './thread-messages.ts'

/** How long the loop works before it lets the event loop have its turn. */
const SLICE_MS = 5
/** The longest sleep when nothing is due: a lost wake-up costs no more than this. */
const NAP_MS = 250

export interface ContainerStatus {
  readonly tasks: readonly TaskStatus[]
  readonly records: number
  readonly dropped: number
  readonly deadLettered: number
  readonly late: number
  readonly checkpoints: number
  /** What was asked of remote tables, by name. */
  readonly tables: Readonly<Record<string, TableFigures>>
  /** When the first record was processed and the last commit decided, ms since 1970; null if not yet. */
  readonly firstRecordMs: number | null
  readonly lastCommitMs: number | null
}

/** Where a task stands: the supervisor knows by it when the job has come to its end. */
export interface TaskStatus {
  readonly task: number
  readonly committedId: number
  /** By input stream: the next offset to process. */
  readonly positions: Readonly<Record<string, number>>
  /** By input stream: the next offset of the committed checkpoint. */
  readonly committed: Readonly<Record<string, number>>
  readonly finished: boolean
}

export interface ContainerOptions {
  readonly tasks: readonly Task[]
  readonly port: LogPort
  readonly pulse: Pulse
  readonly clock: Clock
  /** Lets other work of the event loop run. */
  readonly yieldNow: () => Promise<void>
  readonly onStatus: (status: ContainerStatus) => void
  readonly statusIntervalMs: number
}

/** The run loop of a container: gives its tasks turns, yields every few ms, sleeps when there is nothing to do. */
export class Container {
  readonly #options: ContainerOptions
  #wake: (() => void) | null = null
  #woken = false
  /** Counts turns: whose is next. */
  #next = 0
  #stopping = false
  #reportedAtMs = Number.NEGATIVE_INFINITY
  #reportedFinished = ''
  #checkpoints = 0
  #firstRecordMs: number | null = null
  #lastCommitMs: number | null = null

  constructor(options: ContainerOptions) {
    this.#options = options
    options.port.onAdvanced(() => this.wake())
    options.port.onFlushWanted((producers) => this.#flushWanted(producers))
    const { port, tasks } = options
    if (port.send === undefined) return
    for (const { outputs, producer } of tasks) outputs.early = (appends) => port.send?.(producer, appends)
  }

  /** A commit of one of the tasks was decided. */
  committed(): void {
    this.#checkpoints++
    this.#lastCommitMs = this.#options.clock.now()
  }

  get tasks(): readonly Task[] {
    return this.#options.tasks
  }

  /** Something may have changed: look again. */
  wake(): void {
    this.#woken = true
    if (this.#wake !== null) {
      const wake = this.#wake
      this.#wake = null
      wake()
    }
  }

  /** Runs until `stop`; rejects if a task fails (the caller of `onFailed` gets the error too). */
  async run(): Promise<void> {
    const { tasks, clock, yieldNow, pulse } = this.#options
    for (const task of tasks) task.start()
    while (!this.#stopping) {
      pulse.beat()
      const deadlineMs = clock.monotonicMs() + SLICE_MS
      let worked = false
      const startedMs = this.#firstRecordMs === null ? clock.now() : 0
      if (this.#turn(deadlineMs)) worked = true
      if (this.#firstRecordMs === null && tasks.some((t) => t.records > 0)) this.#firstRecordMs = startedMs
      this.#report(clock.monotonicMs())
      if (this.#stopping) break
      if (worked || this.#woken) {
        this.#woken = false
        await yieldNow()
      } else await this.#nap()
    }
  }

  /** Gives tasks their turns until the slice is over; who comes first changes, so that none waits for ever. */
  #turn(deadlineMs: number): boolean {
    const { tasks, clock } = this.#options
    let worked = false
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[this.#next % tasks.length] as Task
      if (task.step(deadlineMs)) worked = true
      if (!task.failed && task.waiting === null) task.outputs.sendEarly()
      this.#next++
      if (worked && clock.monotonicMs() >= deadlineMs) break
    }
    return worked
  }

  async #nap(): Promise<void> {
    const { clock, tasks } = this.#options
    let dueMs = Number.POSITIVE_INFINITY
    for (const task of tasks) {
      if (task.failed) continue
      dueMs = Math.min(dueMs, task.dueMs)
      if (task.pause !== null) void task.pause.then(() => this.wake())
    }
    const ms = Math.max(1, Math.min(NAP_MS, dueMs - clock.monotonicMs()))
    const limit = new AbortController()
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      clock.sleep(ms, limit.signal).then(
        () => this.wake(),
        () => {},
      )
    })
    limit.abort()
    this.#woken = false
  }

  #report(nowMs: number): void {
    const { tasks, onStatus, statusIntervalMs } = this.#options
    let finished = ''
    for (const task of tasks) finished += task.finished ? `${task.committedId},` : '-,'
    if (finished === this.#reportedFinished && nowMs - this.#reportedAtMs < statusIntervalMs) return
    this.#reportedFinished = finished
    this.#reportedAtMs = nowMs
    onStatus(this.status())
  }

  status(): ContainerStatus {
    let records = 0
    let dropped = 0
    let deadLettered = 0
    let late = 0
    const tables: Record<string, RemoteCounters> = {}
    const statuses: TaskStatus[] = []
    for (const task of this.#options.tasks) {
      records += task.records
      dropped += task.counters.dropped
      deadLettered += task.counters.deadLettered
      late += task.counters.late
      addFigures(tables, task.tables)
      const positions: Record<string, number> = {}
      for (const input of task.inputs) positions[input.origin.stream] = input.position
      statuses.push({
        task: task.index,
        committedId: task.committedId,
        positions,
        committed: task.committedPositions,
        finished: task.finished,
      })
    }
    return {
      tasks: statuses,
      records,
      dropped,
      deadLettered,
      late,
      checkpoints: this.#checkpoints,
      tables,
      firstRecordMs: this.#firstRecordMs,
      lastCommitMs: this.#lastCommitMs,
    }
  }

  #flushWanted(producers: readonly string[]): void {
    for (const task of this.#options.tasks) if (producers.includes(task.producer)) task.relieveJournal()
    this.wake()
  }

  setEnd(stream: string, ends: readonly number[]): void {
    for (const task of this.#options.tasks) task.setEnd(stream, ends)
    this.wake()
  }

  /** Does what the supervisor asks of all tasks; settles when the last of them is done. */
  async ask(request: ContainerRequest): Promise<TaskCheckpoint[]> {
    const { tasks } = this.#options
    try {
      switch (request.kind) {
        case 'retain':
          return await this.#waking(tasks.map((task) => task.retain(request.name)))
        case 'barrier':
          return await this.#waking(tasks.map((task) => task.stopAt(request.savepoint, request.cuts)))
        case 'resume':
          for (const task of tasks) task.resume(request.savepoint)
          return []
        case 'release':
          return tasks.filter((task) => task.release(request.checkpoint)).map((task) => nothingKept(task))
      }
    } finally {
      this.wake()
    }
  }

  #waking<T>(work: readonly Promise<T>[]): Promise<T[]> {
    this.wake()
    return Promise.all(work)
  }

  requestCommit(): void {
    for (const task of this.#options.tasks) task.requestCommit()
    this.wake()
  }

  /**
   * Takes no more messages, commits what was processed, writes recent state to files. Call while `run` is running, or
   * instead of it.
   */
  async drain(flush: boolean): Promise<void> {
    const { tasks, yieldNow, clock, pulse } = this.#options
    this.#stopping = true
    this.wake()
    for (const task of tasks) task.drain()
    let flushing = !flush
    for (;;) {
      pulse.beat()
      const open = tasks.filter((t) => !t.failed && !(t.quiet && flushing))
      if (open.length === 0) break
      if (!flushing && open.every((t) => t.quiet)) {
        flushing = true
        for (const task of open) task.wantFlush()
      }
      let worked = false
      for (const task of open) if (task.step(clock.monotonicMs() + SLICE_MS)) worked = true
      if (worked || open.some((t) => t.pause === null)) await yieldNow()
      else await this.#paused(open)
    }
    pulse.rest()
    this.#options.onStatus(this.status())
  }

  /** Until one of the tasks may go on, but no longer than a nap: so the pulse goes on. */
  async #paused(tasks: readonly Task[]): Promise<void> {
    const limit = new AbortController()
    const nap = this.#options.clock.sleep(NAP_MS, limit.signal).catch(() => {})
    await Promise.race([nap, ...tasks.map((t) => t.pause ?? Promise.resolve())])
    limit.abort()
  }

  close(): void {
    this.#stopping = true
    this.wake()
    for (const task of this.#options.tasks) task.close()
  }
}

/** Names a task whose checkpoint was given up. */
function nothingKept({ index }: Task): TaskCheckpoint {
  return { task: index, id: 0, atMs: 0, record: { version: 1, atMs: 0, lastDeltaId: 0, inputs: {}, sent: {} } }
}
