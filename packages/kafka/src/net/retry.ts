import { TidemarkError, type Clock } from 'tidemark/system'

export interface BackoffOptions {
  readonly firstMs: number
  readonly mostMs: number
  /** In [0, 1). */
  readonly random: () => number
}

/**
 * Waits between tries, by decorrelated jitter (M. Brooker, "Exponential Backoff And Jitter", 2015): each is between the
 * first and three times the one before, so that clients which failed together do not come back together. Pure but for
 * what it remembers.
 */
export class Backoff {
  readonly #options: BackoffOptions
  #lastMs: number

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#lastMs = options.firstMs
  }

  nextMs(): number {
    const { firstMs, mostMs, random } = this.#options
    this.#lastMs = Math.min(mostMs, firstMs + random() * (this.#lastMs * 3 - firstMs))
    return this.#lastMs
  }

  /** It worked: begin from the first again. */
  reset(): void {
    this.#lastMs = this.#options.firstMs
  }
}

export interface RetryOptions {
  readonly clock: Clock
  readonly random: () => number
  /** No try begins later than this after the first. */
  readonly withinMs: number
  readonly firstMs?: number
  readonly mostMs?: number
  readonly signal?: AbortSignal
}

/** Calls until it succeeds, fails by an error that its table entry does not call `later`, or the time is over. */
export async function retrying<T>(options: RetryOptions, call: () => Promise<T>): Promise<T> {
  const { clock, random, withinMs, firstMs = 50, mostMs = 1000, signal } = options
  const backoff = new Backoff({ firstMs, mostMs, random })
  const untilMs = clock.monotonicMs() + withinMs
  for (;;) {
    try {
      return await call()
    } catch (error) {
      const waitMs = backoff.nextMs()
      if (!mayRetry(error) || clock.monotonicMs() + waitMs > untilMs) throw error
      await clock.sleep(waitMs, signal)
    }
  }
}

/** True for errors of the table with `retry: later`. */
export function mayRetry(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && error.retry === 'later'
}
