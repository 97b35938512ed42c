/** A small seeded generator (xorshift32, Marsaglia 2003) for deterministic crashes; not for statistics. */
export class CrashRandom {
  #state: number

  constructor(seed: number) {
    // Spreads near seeds apart; the state must not be 0.
    this.#state = Math.imul((seed ^ 0x9e3779b9) | 0, 0x85ebca6b) | 1
    for (let i = 0; i < 4; i++) this.below(2)
  }

  /** An integer of 0 or more, below `bound`. */
  below(bound: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return (x >>> 0) % bound
  }
}
