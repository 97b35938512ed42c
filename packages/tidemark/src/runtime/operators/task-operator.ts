import type { TaskDef, TaskHandlers } from '../../api/task.ts'
import type { Row } from '../row.ts'
import type { TaskScope } from '../scope.ts'
import type { TimerQueue } from '../timers.ts'
import { SessionStore } from '../../store/session-store.ts'
import { WindowStore } from '../../store/window-store.ts'
import { Operator } from './operator.ts'
import type { TaskContext } from './task-context.ts'

const EXPIRE_STEP = 1000

/** One input of a low-level task. */
class Port extends Operator {
  readonly name: string
  readonly handler: (message: unknown, context: unknown) => unknown
  readonly #owner: TaskOperator
  watermarkMs: number = Number.NEGATIVE_INFINITY
  quiet = false

  constructor(owner: TaskOperator, name: string, handler: (message: unknown, context: unknown) => unknown) {
    super()
    this.#owner = owner
    this.name = name
    this.handler = handler
  }

  override process(row: Row): void {
    this.quiet = false
    this.#owner.handle(row, this.handler)
  }

  override advance(watermarkMs: number): void {
    this.watermarkMs = watermarkMs
    this.#owner.progressed()
  }

  override idle(): void {
    this.quiet = true
    this.#owner.progressed()
  }

  override active(): void {
    this.quiet = false
  }

  override end(): void {
    this.quiet = true
    this.#owner.ended(this.name)
    this.#owner.progressed()
  }
}

interface Periodic {
  readonly periodMs: number
  readonly run: (context: unknown) => unknown
  dueMs: number
}

/**
 * A low-level task: calls the user's handlers with messages, timers and periods. A handler that returns a promise stops
 * the task until it settles; one that does not costs no promise.
 */
export class TaskOperator {
  readonly ports: ReadonlyMap<string, Port>
  readonly #scope: TaskScope
  readonly #def: TaskDef
  readonly #context: TaskContext
  readonly #timers: ReadonlyMap<string, TimerQueue>
  readonly #handlers: TaskHandlers
  readonly #periodic: Periodic[]
  readonly #windows: readonly { expire(watermarkMs: number, most: number): boolean }[]
  #watermarkMs: number = Number.NEGATIVE_INFINITY

  constructor(scope: TaskScope, def: TaskDef, context: TaskContext, timers: ReadonlyMap<string, TimerQueue>) {
    this.#scope = scope
    this.#def = def
    this.#context = context
    this.#timers = timers
    this.#windows = Object.values(context.stores).filter((s) => s instanceof WindowStore || s instanceof SessionStore)
    // A task function or constructor may read its stores and declare what it likes; it runs like a handler.
    this.#handlers = this.#during(() => def.create(context))
    const ports = new Map<string, Port>()
    for (const name of Object.keys(def.inputs)) {
      const handler = this.#handlers.on[name]
      if (handler !== undefined) ports.set(name, new Port(this, name, handler))
    }
    this.ports = ports
    const monotonicMs = scope.clock.monotonicMs()
    this.#periodic = this.#handlers.every.map((e) => ({ ...e, dueMs: monotonicMs + e.periodMs }))
  }

  #during<T>(run: () => T): T {
    const { gate } = this.#context
    gate.open = true
    try {
      return run()
    } finally {
      gate.open = false
    }
  }

  /** Runs a handler; if it returns a promise, the context stays open until that settles or its time is up. */
  #call(
    handler: (first: unknown, second: unknown, third: unknown) => unknown,
    first: unknown,
    second: unknown,
    third: unknown,
  ): void {
    const { gate } = this.#context
    let result: unknown
    try {
      result = gate.enter(handler, first, second, third)
    } catch (error) {
      gate.open = false
      throw error
    }
    if (result !== undefined && isPromise(result)) {
      const promise = result
      this.#scope.await(promise, (settled) => {
        gate.open = false
        if (!settled) gate.abandon(promise)
      })
    } else gate.open = false
  }

  handle(row: Row, handler: (message: unknown, context: unknown) => unknown): void {
    this.#context.timestamp = row.timestamp
    this.#call(handler, row.message, this.#context, undefined)
  }

  init(): void {
    if (this.#handlers.init !== null) this.#call(this.#handlers.init, this.#context, undefined, undefined)
  }

  close(): void {
    if (this.#handlers.close !== null) this.#call(this.#handlers.close, this.#context, undefined, undefined)
  }

  ended(input: string): void {
    const { endOfStream } = this.#handlers
    if (endOfStream !== null) this.#call(() => endOfStream(input, this.#context), undefined, undefined, undefined)
  }

  /** The task's watermark is the least of its inputs that hold it back. */
  progressed(): void {
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (const port of this.ports.values()) {
      most = Math.max(most, port.watermarkMs)
      if (!port.quiet) least = Math.min(least, port.watermarkMs)
    }
    const next = least === Number.POSITIVE_INFINITY ? most : least
    if (next > this.#watermarkMs) {
      this.#watermarkMs = next
      for (const store of this.#windows) store.expire(next, EXPIRE_STEP)
    }
  }

  /**
   * Between two messages: fires at most one timer or period that is due; true if it did. (One at a time, since a handler
   * may be asynchronous.)
   */
  fire(): boolean {
    const now = this.#scope.clock.now()
    for (const [name, queue] of this.#timers) {
      const untilMs = this.#def.timers[name]?.time === 'event' ? this.#watermarkMs : now
      const due = queue.earliestMs <= untilMs ? queue.take(untilMs) : null
      if (due === null) continue
      const handler = this.#handlers.onTimer[name]
      this.#context.timestamp = due.timeMs
      if (handler !== undefined)
        this.#call(handler as (a: unknown, b: unknown, c: unknown) => unknown, due.key, due.timeMs, this.#context)
      return true
    }
    // Not by the wall clock: a period is as long as it is, whatever is done to that.
    const monotonicMs = this.#scope.clock.monotonicMs()
    for (const periodic of this.#periodic) {
      if (periodic.dueMs > monotonicMs) continue
      periodic.dueMs = monotonicMs + periodic.periodMs
      this.#context.timestamp = now
      this.#call(periodic.run, this.#context, undefined, undefined)
      return true
    }
    return false
  }

  /** Monotonic time at which `fire` will next have something to do by the clock; infinity if nothing is known. */
  get dueMs(): number {
    let due = Number.POSITIVE_INFINITY
    for (const [name, queue] of this.#timers) {
      if (this.#def.timers[name]?.time === 'processing') due = Math.min(due, queue.earliestMs)
    }
    due -= this.#scope.clock.now() - this.#scope.clock.monotonicMs()
    for (const periodic of this.#periodic) due = Math.min(due, periodic.dueMs)
    return due
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
