import type { Clock } from 'tidemark/system'
import { isAway, mayRetry } from '../net/retry.ts'

/** So long nothing is said: brokers that are started anew are away for some seconds. */
const QUIET_MS = 10_000
const AGAIN_MS = 60_000

/** Says that brokers keep a run waiting, which tasks and their tries do not: after ten seconds, then once a minute. */
export class TroubleNotice {
  readonly #clock: Clock
  readonly #say: (text: string) => void
  #wellMs: number
  #saidMs: number | null = null

  constructor(clock: Clock, say: (text: string) => void) {
    this.#clock = clock
    this.#say = say
    this.#wellMs = clock.monotonicMs()
  }

  /** All that was asked was answered. */
  well(): void {
    if (this.#saidMs !== null) this.#say('the brokers answer again')
    this.#saidMs = null
    this.#wellMs = this.#clock.monotonicMs()
  }

  /** Something was not. What is no matter of time is told where it is met. */
  failed(error: unknown): void {
    if (!mayRetry(error)) return
    const nowMs = this.#clock.monotonicMs()
    const forMs = nowMs - this.#wellMs
    if (forMs < QUIET_MS || (this.#saidMs !== null && nowMs - this.#saidMs < AGAIN_MS)) return
    this.#saidMs = nowMs
    const what = isAway(error) ? 'no broker has answered' : 'brokers have not served what the job needs'
    this.#say(`${what} for ${Math.round(forMs / 1000)} s, and its tasks wait: ${error.message}`)
  }
}
