/** Counts of latencies by whole milliseconds, so that a percentile is exact to 1 ms; what is longer counts as the longest. */
export class Histogram {
  static readonly LONGEST_MS: number = 60_000
  readonly #counts = new Uint32Array(Histogram.LONGEST_MS + 1)
  #count = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  /** Takes a latency of 0 ms or more; parts of a millisecond count as a whole one. */
  add(ms: number): void {
    const whole = Math.min(Histogram.LONGEST_MS, Math.max(0, Math.ceil(ms)))
    this.#counts[whole] = (this.#counts[whole] as number) + 1
    this.#count++
    if (whole > this.#maxMs) this.#maxMs = whole
  }

  /** The least number of ms that a share of all latencies (0 to 1) does not exceed. Throws when there are none. */
  percentileMs(share: number): number {
    if (this.#count === 0) throw new Error('no percentile of nothing')
    const wanted = Math.max(1, Math.ceil(this.#count * share))
    let seen = 0
    for (let ms = 0; ms <= this.#maxMs; ms++) {
      seen += this.#counts[ms] as number
      if (seen >= wanted) return ms
    }
    return this.#maxMs
  }
}
