import { Buffer } from 'node:buffer'

type Utf8Write = (this: Uint8Array, text: string, at: number, most: number) => number

const utf8 = new TextEncoder()
// Not in Node's documentation, but in every Node: takes any Uint8Array, without a view of it, at 0.6 of encodeInto's time.
const utf8Write = (Buffer.prototype as Buffer & { readonly utf8Write: Utf8Write }).utf8Write
const SHORT_STRING = 32

/**
 * A growing byte buffer. `bytes` may be replaced by a larger one at any call, so hold no reference across calls; what
 * leaves a writer for longer than the next write must be copied (`copy`) or taken (`take`).
 */
export class ByteWriter {
  bytes: Uint8Array
  position = 0
  #view: DataView

  constructor(capacityBytes = 1024) {
    this.bytes = new Uint8Array(capacityBytes)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** Makes room for `count` more bytes. */
  ensure(count: number): void {
    const needed = this.position + count
    if (needed > this.bytes.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    let capacity = this.bytes.length * 2
    while (capacity < needed) capacity *= 2
    const grown = new Uint8Array(capacity)
    grown.set(this.bytes.subarray(0, this.position))
    this.bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  reset(): void {
    this.position = 0
  }

  u8(value: number): void {
    this.ensure(1)
    this.bytes[this.position++] = value
  }

  i16(value: number): void {
    this.ensure(2)
    this.#view.setInt16(this.position, value)
    this.position += 2
  }

  i32(value: number): void {
    this.ensure(4)
    this.#view.setInt32(this.position, value)
    this.position += 4
  }

  i64(value: bigint): void {
    this.ensure(8)
    this.#view.setBigInt64(this.position, value)
    this.position += 8
  }

  f64(value: number): void {
    this.ensure(8)
    this.#view.setFloat64(this.position, value)
    this.position += 8
  }

  /** Unsigned LEB128 of a safe integer of 0 or more. */
  varuint(value: number): void {
    this.ensure(8)
    const bytes = this.bytes
    let position = this.position
    let rest = value
    while (rest > 0x7fffffff) {
      bytes[position++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 127) {
      bytes[position++] = (rest & 127) | 0x80
      rest >>>= 7
    }
    bytes[position++] = rest
    this.position = position
  }

  /** Zigzag varint of a safe integer, as in Kafka's record format. */
  varint(value: number): void {
    if (value >= -0x40000000 && value < 0x40000000) this.varuint(((value << 1) ^ (value >> 31)) >>> 0)
    else this.#varlong(value)
  }

  #varlong(value: number): void {
    this.ensure(10)
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
    while (rest > 127n) {
      this.bytes[this.position++] = Number(rest & 127n) | 0x80
      rest >>= 7n
    }
    this.bytes[this.position++] = Number(rest)
  }

  raw(source: Uint8Array, start = 0, end: number = source.length): void {
    const count = end - start
    this.ensure(count)
    if (count > 24) {
      this.bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.position)
    } else {
      const bytes = this.bytes
      const position = this.position
      for (let i = 0; i < count; i++) bytes[position + i] = source[start + i] as number
    }
    this.position += count
  }

  /** The UTF-8 bytes of a string, without a length; returns how many. */
  string(value: string): number {
    const start = this.position
    const length = value.length
    this.ensure(length * 3)
    const bytes = this.bytes
    if (length <= SHORT_STRING) {
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 127) break
        bytes[start + i] = code
      }
      if (i === length) {
        this.position = start + length
        return length
      }
    }
    const written = utf8Write.call(bytes, value, start, length * 3)
    this.position = start + written
    return written
  }

  /** Length (varuint) and UTF-8 bytes. */
  text(value: string): void {
    this.block(utf8.encode(value))
  }

  /** Length (varuint) and bytes. */
  block(source: Uint8Array): void {
    this.varuint(source.length)
    this.raw(source)
  }

  /** A copy of what was written from `start`. */
  copy(start = 0): Uint8Array {
    return this.bytes.slice(start, this.position)
  }

  /** Gives the buffer away, trimmed as a view, and starts on a new one. */
  take(capacityBytes = 1024): Uint8Array {
    const taken = this.bytes.subarray(0, this.position)
    this.bytes = new Uint8Array(capacityBytes)
    this.#view = new DataView(this.bytes.buffer)
    this.position = 0
    return taken
  }
}
