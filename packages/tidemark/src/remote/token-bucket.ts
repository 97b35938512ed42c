/**
 * Limits a rate: so many tokens come each second, and `burst` of them are kept at most (Turner 1986). Tokens may be taken
 * before they are there, by waiting for them: so what is let through until any time t is at most burst + rate * t, even if
 * one taker wants more than the burst, and takers are served in order. Pure: the caller has the clock and waits.
 */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** Takes tokens; how long to wait before going on, ms. */
  take(count: number, nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs)
      this.#atMs = nowMs
    }
    this.#tokens -= count
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs)
  }
}
