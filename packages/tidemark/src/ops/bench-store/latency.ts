const SUB_BITS = 5
const SUB = 1 << SUB_BITS

/** Durations in buckets of about 3 %, so that a percentile of millions of them costs a few KiB. */
export class Latency {
  readonly #counts = new Float64Array(64 * SUB)
  #total = 0

  add(durationNs: number): void {
    const ns = Math.max(1, durationNs)
    const power = Math.max(0, Math.floor(Math.log2(ns)) - SUB_BITS)
    const bucket = power * SUB + Math.floor(ns / 2 ** power)
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#total++
  }

  /** The duration in us that `part` (0 to 1) of all were within; 0 when there were none. */
  percentileUs(part: number): number {
    let left = Math.ceil(this.#total * part)
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket] as number
      if (left <= 0 && this.#total > 0) return upperNs(bucket) / 1000
    }
    return 0
  }
}

function upperNs(bucket: number): number {
  if (bucket < 2 * SUB) return bucket + 1
  const power = Math.floor(bucket / SUB) - 1
  return (bucket - power * SUB + 1) * 2 ** power
}
