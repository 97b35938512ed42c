/** Time as the code below the CLI sees it: injected, so that tests and simulation own it. */
export interface Clock {
  /** Wall clock, ms since 1970; may jump. */
  now(): number
  /** Monotone clock, ms from an arbitrary start; for intervals. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
}

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #nowMs: number

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }
}
