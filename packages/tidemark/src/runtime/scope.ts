import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type { AnyRemoteTable } from '../api/remote-table.ts'
import type { TableClient } from '../remote/table-client.ts'
import type { RawStore } from '../store/types.ts'
import type { OutputBuffer } from './output-buffer.ts'
import type { SourceEnds } from './source-ends.ts'

/** Counters of one task; metrics and progress read them. */
export class TaskCounters {
  /** Records that belong to no task (no key where one is needed) or that the policy `drop` gave up; failed hooks too. */
  dropped: number = 0
  /** Records that were put aside into a dead-letter stream. */
  deadLettered: number = 0
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
  readonly ends: SourceEnds
  /** Checks what costs too much where the job is in production. */
  readonly development: boolean
  store(name: string): RawStore
  table(table: AnyRemoteTable): TableClient
  /** Asks for a commit at the next chance. */
  requestCommit(): void
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void
  /** Said now and then in work that may be long without a turn of the loop, so that it is not taken for stuck. */
  alive(): void
  /**
   * A handler returned this promise: the task waits for it before it goes on, and calls `over` once when it has settled,
   * or when its time is up.
   */
  await(promise: Promise<unknown>, over: (settled: boolean) => void): void
}

/** The call that asynchronous work belongs to, while calls have to be told apart. */
const CALLS = new AsyncLocalStorage<object>()

/**
 * Opens while a handler runs. A context that is used when its handler has settled, or has run out of time, throws
 * ERR_CONTEXT_CLOSED: its writes would belong to no message. All handlers of a task share one context, so while a handler
 * that ran out of time may still wake up, the others are told from it by their asynchronous context; as long as there is
 * none, that costs nothing.
 */
export class Gate {
  open: boolean = false
  #abandoned = 0
  #call: object | null = null

  check(): void {
    if (this.open && (this.#call === null || CALLS.getStore() === this.#call)) return
    throw new TidemarkError(
      'ERR_CONTEXT_CLOSED',
      'this context was used after its handler had settled, or had run out of time: do the work inside the handler, or await it there',
    )
  }

  /** A handler that has not settled is waited for no longer. */
  abandon(handler: PromiseLike<unknown>): void {
    this.#abandoned++
    const settled = (): void => void this.#abandoned--
    handler.then(settled, settled)
  }

  /** Opens for one call of a handler, and makes the call. */
  enter<T>(handler: (first: unknown, second: unknown, third: unknown) => T, a: unknown, b: unknown, c: unknown): T {
    this.open = true
    if (this.#abandoned === 0) {
      this.#call = null
      return handler(a, b, c)
    }
    this.#call = {}
    return CALLS.run(this.#call, () => handler(a, b, c))
  }
}
