/** Smaller answers are left to the garbage collector, which does not notice them. */
const LEAST_BYTES = 64 * 1024
/** Sizes differ from answer to answer: memory is made in steps, and given to answers of a quarter of it or more. */
const STEP_BYTES = 256 * 1024
const MOST_TIMES = 4
/** What may lie here unused. */
const MOST_FREE_BYTES = 24 * 1024 * 1024
/** What is free is overwritten: whoever still looks at it is found out. For tests. */
const POISON = process.env['POISON_FREE_MEMORY'] === '1'
const POISON_BYTE = 0xdb

interface Use {
  count: number
}

/**
 * Memory of large answers, which is used again once nobody refers to it. V8 counts such memory as its own: a job that reads
 * 100 MB a second has it collect garbage some ten times a second, with threads that the broker or the job could use.
 *
 * Who keeps a view of an answer says so (`keep`), and says when it needs it no more (`release`); memory of which that is
 * never said goes to the garbage collector. So to forget a release costs time, and nothing else.
 */
export class AnswerMemory {
  readonly #uses = new WeakMap<ArrayBufferLike, Use>()
  #free: ArrayBuffer[] = []

  /** A buffer of this size, with anything in it. A small one is no part of Node's pool, which it would keep. */
  allocate(sizeBytes: number): Buffer {
    if (sizeBytes < LEAST_BYTES) return Buffer.allocUnsafeSlow(sizeBytes)
    const memory =
      this.#takeFree(sizeBytes) ?? Buffer.allocUnsafeSlow(Math.ceil(sizeBytes / STEP_BYTES) * STEP_BYTES).buffer
    this.#uses.set(memory, { count: 0 })
    return Buffer.from(memory, 0, sizeBytes)
  }

  /** The smallest that will do. */
  #takeFree(sizeBytes: number): ArrayBuffer | undefined {
    let best = -1
    for (const [i, { byteLength }] of this.#free.entries()) {
      if (byteLength < sizeBytes || byteLength > sizeBytes * MOST_TIMES) continue
      if (best < 0 || byteLength < (this.#free[best] as ArrayBuffer).byteLength) best = i
    }
    return best < 0 ? undefined : this.#free.splice(best, 1)[0]
  }

  /** One more refers to `view`, or to a part of it. */
  keep(view: Uint8Array): void {
    const use = this.#uses.get(view.buffer)
    if (use !== undefined) use.count++
  }

  /** One less; the last one lets the memory be overwritten. */
  release(view: Uint8Array): void {
    const memory = view.buffer as ArrayBuffer
    const use = this.#uses.get(memory)
    if (use === undefined || --use.count > 0) return
    this.#uses.delete(memory)
    if (POISON) new Uint8Array(memory).fill(POISON_BYTE)
    const free = this.#free.reduce((total, each) => total + each.byteLength, 0)
    if (free + memory.byteLength <= MOST_FREE_BYTES) this.#free.push(memory)
  }
}
