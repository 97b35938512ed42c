/** Keys of a write that are looked up before it, at most about so many. */
const SAMPLE = 1024

/**
 * How a write changes the number of entries, by whether some of its keys were there before: exact for writes up to 1024
 * keys and for those that only insert or only overwrite, within about 2 % of the keys written otherwise.
 */
export class CountSample {
  readonly #every: number
  #seen = 0
  #growth = 0

  constructor(count: number) {
    this.#every = Math.max(1, Math.ceil(count / SAMPLE))
  }

  /** To be asked once for each key, in order: true if it is one of the sample. */
  wants(): boolean {
    return this.#seen++ % this.#every === 0
  }

  saw(before: boolean, after: boolean): void {
    this.#growth += Number(after) - Number(before)
  }

  growth(): number {
    return this.#growth * this.#every
  }
}
