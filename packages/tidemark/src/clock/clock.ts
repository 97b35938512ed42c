import { setTimeout } from 'node:timers/promises'

/** Time as the code below the CLI sees it: injected, so that tests and simulation own it. */
export interface Clock {
  /** Wall clock, ms since 1970; may jump. */
  now(): number
  /** Monotone clock, ms from an arbitrary start; for intervals. */
  monotonicMs(): number
  /** Settles after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, signal === undefined ? {} : { signal }),
}

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #nowMs: number
  #jumpedMs = 0
  #sleepers: { readonly untilMs: number; readonly wake: () => void }[] = []

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs + this.#jumpedMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  }

  /** Sets the wall clock forth or, with a negative number, back; the monotone clock does not notice. */
  jump(ms: number): void {
    this.#jumpedMs += ms
  }

  advance(ms: number): void {
    this.#nowMs += ms
    const due = this.#sleepers.filter((s) => s.untilMs <= this.#nowMs)
    this.#sleepers = this.#sleepers.filter((s) => s.untilMs > this.#nowMs)
    for (const sleeper of due) sleeper.wake()
  }
}
