/** Buffers are made in sizes of this many bytes, so that blocks of about the same size share them. */
const STEP_BYTES = 128
/** Larger blocks get buffers of their own, which nobody else takes. */
const MAX_BYTES = 16 * 1024
/** Of each size: reads and evictions take turns, so few are ever free at once. */
const MAX_FREE = 64
/** What a buffer that was given back is filled with in tests. */
const POISON = 0xdb

/**
 * Buffers of evicted blocks, for blocks that come in. To make a buffer of 4 KiB takes longer than to read a block from the
 * page cache into one that is there. Whoever gives one back promises that nobody looks at it any more.
 */
export class BlockBuffers {
  readonly #free: ArrayBuffer[][] = Array.from({ length: MAX_BYTES / STEP_BYTES + 1 }, () => [])
  readonly #poisons: boolean

  /** `poisons`: what is given back is made unreadable at once, so that a use after that shows. For tests. */
  constructor(options: { readonly poisons?: boolean } = {}) {
    this.#poisons = options.poisons ?? false
  }

  /** Some bytes; what is in them is undefined. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > MAX_BYTES) return new Uint8Array(sizeBytes)
    const step = Math.ceil(sizeBytes / STEP_BYTES)
    const buffer = (this.#free[step] as ArrayBuffer[]).pop() ?? new ArrayBuffer(step * STEP_BYTES)
    return new Uint8Array(buffer, 0, sizeBytes)
  }

  /** Takes back what `take` gave; anything else is left alone. */
  give({ buffer, byteOffset }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || byteOffset !== 0) return
    const { byteLength } = buffer
    if (byteLength > MAX_BYTES || byteLength % STEP_BYTES !== 0) return
    if (this.#poisons) new Uint8Array(buffer).fill(POISON)
    const free = this.#free[byteLength / STEP_BYTES] as ArrayBuffer[]
    if (free.length < MAX_FREE) free.push(buffer)
  }
}
