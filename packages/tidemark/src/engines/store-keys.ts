import type { ByteRange } from '../store/types.ts'

const PREFIX = 2

/** Keys of one store as they are in a database: a prefix of two bytes, then the key. */
export class StoreKeys {
  readonly #number: number
  #buffer: Buffer

  constructor(number: number) {
    this.#number = number
    this.#buffer = this.#withPrefix(256)
  }

  #withPrefix(length: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(length)
    buffer.writeUInt16BE(this.#number)
    return buffer
  }

  /** The key `bytes[start, end)`; good until the next call. */
  key(bytes: Uint8Array, start: number, end: number): Buffer {
    const length = end - start
    if (this.#buffer.length < length + PREFIX) this.#buffer = this.#withPrefix(2 * length + PREFIX)
    const buffer = this.#buffer
    for (let i = 0; i < length; i++) buffer[PREFIX + i] = bytes[start + i] as number
    return buffer.subarray(0, PREFIX + length)
  }

  /** The range in the database, both ends given. */
  range({ from, to, reverse, limit }: ByteRange): ByteRange {
    return {
      from: from === null ? this.#withPrefix(PREFIX) : Buffer.from(this.key(from, 0, from.length)),
      to: to === null ? this.#afterAll() : Buffer.from(this.key(to, 0, to.length)),
      reverse,
      limit,
    }
  }

  #afterAll(): Buffer {
    const after = Buffer.allocUnsafeSlow(PREFIX)
    after.writeUInt16BE(this.#number + 1)
    return after
  }
}

/** The key that the caller knows. */
export function withoutPrefix(key: Uint8Array): Uint8Array {
  return key.subarray(PREFIX)
}
