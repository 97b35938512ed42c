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
  /** No try begins later than this after the first that a broker has answered, or failed to (see `isHeld`). */
  readonly withinMs: number
  /**
   * While it says so, brokers that do not answer are waited for however long: the lease of the group ends that, and a machine
   * that is busy does not. Only refusals count against `withinMs` then. Once it does not say so any more, no try begins.
   */
  readonly isHeld?: () => boolean
  readonly firstMs?: number
  readonly mostMs?: number
  readonly signal?: AbortSignal
}

/** Calls until it succeeds, fails by an error that its table entry does not call `later`, or the time is over. */
export async function retrying<T>(options: RetryOptions, call: () => Promise<T>): Promise<T> {
  const { clock, random, withinMs, firstMs = 50, mostMs = 1000, signal, isHeld } = options
  const backoff = new Backoff({ firstMs, mostMs, random })
  let untilMs = clock.monotonicMs() + withinMs
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!mayRetry(error) || isHeld?.() === false) throw error
      const waitMs = backoff.nextMs()
      if (isHeld !== undefined && isAway(error)) untilMs = clock.monotonicMs() + withinMs
      else if (clock.monotonicMs() + waitMs > untilMs) throw error
      await clock.sleep(waitMs, signal)
    }
  }
}

/** True for errors of the table with `retry: later`. A lease that is lost stays so: it is the process that comes later. */
export function mayRetry(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && error.retry === 'later' && error.code !== 'ERR_LEASE_LOST'
}

const AWAY: readonly string[] = ['ERR_KAFKA_CONNECTION', 'ERR_KAFKA_TIMEOUT', 'ERR_KAFKA_UNREACHABLE']

/** No broker has answered: it may be back at any time. */
export function isAway(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && AWAY.includes(error.code)
}
