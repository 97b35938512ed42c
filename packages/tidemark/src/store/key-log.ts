const FIRST_BYTES = 256
const CHUNK_BYTES = 65_536
const LENGTH_BYTES = 4

/** Keys in the order they were added, to be read once. After `next`, a key is `bytes[start, end)`. */
export class KeyLog {
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
  sizeBytes = 0
  readonly #chunks: Uint8Array[] = []
  #used = 0
  #chunk = 0
  #at = 0
  /** Where each full chunk ends. */
  readonly #ends: number[] = []

  /** Returns the bytes it takes. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    const needed = length + LENGTH_BYTES
    let chunk = this.#chunks.at(-1)
    if (chunk === undefined || this.#used + needed > chunk.length) chunk = this.#newChunk(needed)
    let at = this.#used
    chunk[at++] = length
    chunk[at++] = length >>> 8
    chunk[at++] = length >>> 16
    chunk[at++] = length >>> 24
    for (let i = start; i < end; i++) chunk[at++] = bytes[i] as number
    this.#used = at
    this.sizeBytes += needed
    return needed
  }

  #newChunk(needed: number): Uint8Array {
    if (this.#chunks.length > 0) this.#ends.push(this.#used)
    const size = this.#chunks.length === 0 ? FIRST_BYTES : CHUNK_BYTES
    const chunk = new Uint8Array(Math.max(needed, size))
    this.#chunks.push(chunk)
    this.#used = 0
    return chunk
  }

  /** Moves to the next key; false behind the last one. Keys may be added later still. */
  next(): boolean {
    for (;;) {
      const chunk = this.#chunks[this.#chunk]
      if (chunk === undefined) return false
      if (this.#at < (this.#ends[this.#chunk] ?? this.#used)) {
        this.bytes = chunk
        this.start = this.#at + LENGTH_BYTES
        const length =
          (chunk[this.#at] as number) |
          ((chunk[this.#at + 1] as number) << 8) |
          ((chunk[this.#at + 2] as number) << 16) |
          ((chunk[this.#at + 3] as number) << 24)
        this.end = this.start + length
        this.#at = this.end
        return true
      }
      if (this.#chunk + 1 >= this.#chunks.length) return false
      this.#chunk++
      this.#at = 0
    }
  }
}
