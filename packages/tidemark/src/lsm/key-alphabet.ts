/** So many bytes of a key are looked at. */
const MOST_POSITIONS = 16
/** At each position: the end of the key, and 256 bytes. */
const SYMBOLS = 257
const MOST_NUMBER = 2 ** 32

/**
 * Makes numbers of keys that are in the order of the keys' bytes. At each position only the bytes that some key has there
 * count, so that nine decimal digits fit in 30 bits: a number of mixed radix, one digit for each position, where the end of
 * a key comes before all bytes. First `see` all keys, then `close`, then `number` of the same keys.
 */
export class KeyAlphabet {
  /** Whether some key has a symbol at a position; after `close`: what the symbol adds to the number. */
  readonly #symbols = new Float64Array(MOST_POSITIONS * SYMBOLS)
  #longest = 0
  /** How many bytes of each key are in its number. */
  positions = 0
  /** No number is larger. */
  most = 0
  /** True if numbers are the same for the same keys alone. */
  isWhole = false

  /** A key of the bytes [start, end). */
  see(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start
    if (length > this.#longest) this.#longest = length
    const symbols = this.#symbols
    const count = Math.min(length, MOST_POSITIONS)
    let row = 1
    for (let i = 0; i < count; i++, row += SYMBOLS) symbols[row + (bytes[start + i] as number)] = 1
    if (count < MOST_POSITIONS) symbols[row - 1] = 1
  }

  /** All keys were seen. */
  close(): void {
    const sizes: number[] = []
    let numbers = 1
    for (let i = 0; i < Math.min(MOST_POSITIONS, this.#longest); i++) {
      let size = 0
      for (let symbol = 0; symbol < SYMBOLS; symbol++) size += this.#symbols[i * SYMBOLS + symbol] as number
      if (numbers * size > MOST_NUMBER) break
      numbers *= Math.max(1, size)
      sizes.push(Math.max(1, size))
    }
    this.positions = sizes.length
    this.most = numbers - 1
    this.isWhole = this.#longest <= this.positions
    let weight = numbers
    for (const [i, size] of sizes.entries()) {
      weight /= size
      let rank = 0
      for (let at = i * SYMBOLS; at < (i + 1) * SYMBOLS; at++) {
        if (this.#symbols[at] !== 0) this.#symbols[at] = weight * rank++
      }
    }
  }

  number(bytes: Uint8Array, start: number, end: number): number {
    const symbols = this.#symbols
    const count = Math.min(end - start, this.positions)
    let number = 0
    let row = 1
    for (let i = 0; i < count; i++, row += SYMBOLS) number += symbols[row + (bytes[start + i] as number)] as number
    // Behind its end a key adds nothing: what is longer differs from it there.
    if (count < this.positions) number += symbols[row - 1] as number
    return number
  }
}
