import type { KeyBatch } from './types.ts'

const FIRST = 64

/** Keys with their hashes, copied into one buffer: a KeyBatch that is filled and used again. */
export class KeyList implements KeyBatch {
  count = 0
  bytes: Uint8Array = new Uint8Array(FIRST * 16)
  starts: Int32Array = new Int32Array(FIRST)
  ends: Int32Array = new Int32Array(FIRST)
  hashes: Int32Array = new Int32Array(FIRST)
  #used = 0

  add(bytes: Uint8Array, start: number, end: number, hash: number): void {
    if (this.count === this.starts.length) this.#growKeys()
    const length = end - start
    if (this.#used + length > this.bytes.length) this.#growBytes(this.#used + length)
    const own = this.bytes
    let at = this.#used
    this.starts[this.count] = at
    for (let i = start; i < end; i++) own[at++] = bytes[i] as number
    this.#used = at
    this.ends[this.count] = at
    this.hashes[this.count++] = hash
  }

  clear(): void {
    this.count = 0
    this.#used = 0
  }

  #growKeys(): void {
    this.starts = doubled(this.starts)
    this.ends = doubled(this.ends)
    this.hashes = doubled(this.hashes)
  }

  #growBytes(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.#used))
    this.bytes = grown
  }
}

function doubled(array: Int32Array): Int32Array {
  const grown = new Int32Array(array.length * 2)
  grown.set(array)
  return grown
}
