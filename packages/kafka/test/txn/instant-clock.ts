import type { Clock } from 'tidemark/system'

/** Sleeping takes no time, and moves the clock by what was slept. */
export class InstantClock implements Clock {
  #nowMs = 1_000_000

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number): Promise<void> {
    this.#nowMs += ms
    return Promise.resolve()
  }
}
