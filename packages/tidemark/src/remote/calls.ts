import type { RemotePolicy } from '../api/remote-policy.ts'
import type { Clock } from '../clock/clock.ts'
import { isTidemarkError, TidemarkError } from '../errors/error.ts'
import { backoffMs } from './backoff.ts'
import type { RemoteCounters } from './table-client.ts'
import { TokenBucket } from './token-bucket.ts'

export interface CallsOptions {
  readonly table: string
  readonly policy: RemotePolicy
  readonly clock: Clock
  readonly random: () => number
  readonly counters: RemoteCounters
  /** Tasks of the job: they share the rate. */
  readonly tasks: number
}

/** Makes calls: each within its rate and time, and again when it failed. */
export class Calls {
  readonly #options: CallsOptions
  readonly #bucket: TokenBucket | null
  readonly #ended = new AbortController()

  constructor(options: CallsOptions) {
    this.#options = options
    const { policy, clock, tasks } = options
    const { rate } = policy
    this.#bucket =
      rate === null
        ? null
        : new TokenBucket(rate.perSecond / tasks, Math.max(1, rate.burst / tasks), clock.monotonicMs())
  }

  /** `count`: keys. Rejects with ERR_REMOTE_FAILED, ERR_REMOTE_TIMEOUT, an error that says `never`, or as `close` says. */
  async run<T>(verb: 'read' | 'write', count: number, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { counters, policy, random, table } = this.#options
    const { attempts, when } = policy.retry
    const ended = this.#ended.signal
    for (let tried = 1; ; tried++) {
      await this.#admit(count)
      try {
        return await this.#once(verb, count, attempt)
      } catch (error) {
        if (ended.aborted) throw ended.reason
        if (tried === attempts || !mayRetry(error) || !when(error)) {
          counters.failures++
          throw givenUp(table, verb, count, tried, error)
        }
      }
      counters.retries++
      await this.#sleep(backoffMs(policy.retry, tried, random))
    }
  }

  async #admit(count: number): Promise<void> {
    const { clock, policy } = this.#options
    if (this.#ended.signal.aborted) throw this.#ended.signal.reason
    if (this.#bucket === null) return
    const waitMs = this.#bucket.take(policy.rate?.unit === 'call' ? 1 : count, clock.monotonicMs())
    if (waitMs > 0) await this.#sleep(waitMs)
  }

  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#ended
    try {
      await this.#options.clock.sleep(ms, signal)
    } catch {
      // Only the end of the task disturbs it; clocks tell the reason in different ways.
      throw signal.reason
    }
  }

  async #once<T>(verb: string, count: number, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, counters, policy, table } = this.#options
    const call = new AbortController()
    const over = new AbortController()
    const end = (): void => call.abort(this.#ended.signal.reason)
    this.#ended.signal.addEventListener('abort', end, { once: true })
    void this.#limit(over.signal, () => {
      counters.timeouts++
      call.abort(timeout(table, verb, count, policy.timeoutMs))
    })
    const startMs = clock.monotonicMs()
    counters.calls++
    try {
      return await new Promise<T>((resolve, reject) => {
        call.signal.addEventListener('abort', () => reject(call.signal.reason as Error), { once: true })
        attempt(call.signal).then(resolve, reject)
      })
    } finally {
      over.abort()
      this.#ended.signal.removeEventListener('abort', end)
      const tookMs = clock.monotonicMs() - startMs
      counters.latencyMs += tookMs
      counters.latencyMaxMs = Math.max(counters.latencyMaxMs, tookMs)
    }
  }

  async #limit(over: AbortSignal, ranOut: () => void): Promise<void> {
    try {
      await this.#options.clock.sleep(this.#options.policy.timeoutMs, over)
    } catch {
      // The call has settled in time.
      return
    }
    ranOut()
  }

  /** Ends what is under way. */
  close(reason: Error): void {
    this.#ended.abort(reason)
  }
}

/** What a program has wrong is not mended by asking again. */
function mayRetry(error: unknown): boolean {
  return !isTidemarkError(error) || error.retry !== 'never'
}

function keysOf(count: number): string {
  return count === 1 ? 'a key' : `${count} keys`
}

function timeout(table: string, verb: string, count: number, timeoutMs: number): TidemarkError {
  return new TidemarkError(
    'ERR_REMOTE_TIMEOUT',
    `table ${table}: the call to ${verb} ${keysOf(count)} did not settle in ${timeoutMs} ms`,
    { details: { table, timeoutMs } },
  )
}

function givenUp(table: string, verb: string, count: number, attempts: number, error: unknown): Error {
  if (isTidemarkError(error) && (error.retry === 'never' || attempts === 1)) return error
  const why = error instanceof Error ? error.message : String(error)
  const times = attempts === 1 ? 'an attempt' : `${attempts} attempts`
  return new TidemarkError(
    'ERR_REMOTE_FAILED',
    `table ${table}: ${times} to ${verb} ${keysOf(count)} failed. The last one: ${why}`,
    { cause: error, details: { table, attempts } },
  )
}
