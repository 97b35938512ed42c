import { compareBytes, sharedBytes } from './bytes.ts'

/** Bytes of a key that fit a double as an integer. */
const PREFIX_BYTES = 6

/** The first six bytes of bytes[at, end) as a number, zeros after the end: numbers are in the order of the bytes. */
export function prefix48(bytes: Uint8Array, at: number, end: number): number {
  if (end - at >= PREFIX_BYTES) {
    const high = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
    const low = ((bytes[at + 3] as number) << 16) | ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number)
    return high * 0x1000000 + low
  }
  let prefix = 0
  for (let i = 0; i < PREFIX_BYTES; i++) prefix = prefix * 256 + (at + i < end ? (bytes[at + i] as number) : 0)
  return prefix
}

/**
 * Ascending separators: which place a key belongs to. A search compares numbers made of the six bytes after what all
 * separators have in common, and bytes only where these are equal. Place 0 has no separator: it takes all keys below the
 * others.
 */
export class Separators {
  readonly #bytes: Uint8Array
  readonly #starts: Uint32Array
  readonly #ends: Uint32Array
  readonly #prefixes: Float64Array
  /** Bytes that all separators but the first have in common. */
  #common = 0

  /** Separators lie in `bytes`; say where each is by `set`, in order, then call `ready`. */
  constructor(bytes: Uint8Array, count: number) {
    this.#bytes = bytes
    this.#starts = new Uint32Array(count)
    this.#ends = new Uint32Array(count)
    this.#prefixes = new Float64Array(count)
  }

  get count(): number {
    return this.#starts.length
  }

  set(place: number, start: number, end: number): void {
    this.#starts[place] = start
    this.#ends[place] = end
  }

  ready(): void {
    const last = this.count - 1
    if (last < 1) return
    const bytes = this.#bytes
    const starts = this.#starts
    const ends = this.#ends
    const common = sharedBytes(
      bytes,
      starts[1] as number,
      ends[1] as number,
      bytes,
      starts[last] as number,
      ends[last] as number,
    )
    this.#common = common
    for (let i = 1; i <= last; i++) {
      this.#prefixes[i] = prefix48(bytes, (starts[i] as number) + common, ends[i] as number)
    }
  }

  /**
   * The last place whose separator is at most the key. The first `known` bytes of the key are known to be those of all
   * separators.
   */
  search(key: Uint8Array, start: number, end: number, known: number): number {
    let high = this.#starts.length - 1
    if (high < 1) return 0
    const common = this.#common
    const bytes = this.#bytes
    const first = this.#starts[1] as number
    for (let i = known; i < common; i++) {
      if (start + i >= end) return 0
      const difference = (key[start + i] as number) - (bytes[first + i] as number)
      if (difference !== 0) return difference < 0 ? 0 : high
    }
    const prefix = prefix48(key, start + common, end)
    const prefixes = this.#prefixes
    let low = 0
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const other = prefixes[middle] as number
      if (other < prefix || (other === prefix && this.#compare(middle, key, start, end) <= 0)) low = middle
      else high = middle - 1
    }
    return low
  }

  /** A copy of the separator of a place. */
  at(place: number): Uint8Array {
    return this.#bytes.slice(this.#starts[place], this.#ends[place])
  }

  #compare(place: number, key: Uint8Array, start: number, end: number): number {
    return compareBytes(this.#bytes, this.#starts[place] as number, this.#ends[place] as number, key, start, end)
  }
}
