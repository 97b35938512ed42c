import type { Clock } from './clock.ts'

/** While it is ahead of the machine's clock, it goes slower by a tenth, until that has caught up. */
const RATE_AHEAD = 0.9

/**
 * A clock whose wall time never goes back and never stands still. When the machine's clock is set back, time goes on by the
 * monotone one: what is due in a minute is due in a minute, and nothing that has ended comes back.
 */
export class SteadyClock implements Clock {
  readonly #clock: Clock
  #lastMs: number
  #lastMonotonicMs: number

  /** It was as late as `notBeforeMs` already: at the last checkpoint, say. */
  constructor(clock: Clock, notBeforeMs: number) {
    this.#clock = clock
    this.#lastMs = notBeforeMs
    this.#lastMonotonicMs = clock.monotonicMs()
  }

  now(): number {
    const monotonicMs = this.#clock.monotonicMs()
    const passedMs = monotonicMs - this.#lastMonotonicMs
    this.#lastMonotonicMs = monotonicMs
    this.#lastMs = Math.max(this.#clock.now(), this.#lastMs + passedMs * RATE_AHEAD)
    return Math.floor(this.#lastMs)
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal)
  }
}
