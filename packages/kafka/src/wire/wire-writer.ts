/** Bytes of this size and more go into the request as they are; smaller ones are cheaper to copy than to send apart. */
const NO_COPY_BYTES = 4096
const FIRST_BYTES = 256

/**
 * Writes a request in Kafka's primitive types (the protocol guide, "Protocol Primitive Types"), big endian, in the compact
 * ("flexible") forms that all our versions use. Large byte ranges are taken by reference: the answer of `finish` is a list of
 * pieces for one gathered write, and what was given to `bytes` must not change until it is sent.
 */
export class WireWriter {
  private readonly pieces: Uint8Array[] = []
  private buffer: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  private start = 0
  private at = 0
  private done = 0

  int8(value: number): this {
    this.reserve(1)
    this.at = this.buffer.writeInt8(value, this.at)
    return this
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  int16(value: number): this {
    this.reserve(2)
    this.at = this.buffer.writeInt16BE(value, this.at)
    return this
  }

  int32(value: number): this {
    this.reserve(4)
    this.at = this.buffer.writeInt32BE(value, this.at)
    return this
  }

  /** A signed 64-bit integer between -2^53 and 2^53. */
  int64(value: number): this {
    this.reserve(8)
    const high = Math.floor(value / 0x100000000)
    this.at = this.buffer.writeInt32BE(high, this.at)
    this.at = this.buffer.writeUInt32BE(value - high * 0x100000000, this.at)
    return this
  }

  /** An unsigned varint below 2^32. */
  varint(value: number): this {
    this.reserve(5)
    let rest = value
    while (rest > 127) {
      this.buffer[this.at++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.buffer[this.at++] = rest
    return this
  }

  /** Length plus one, then UTF-8; null is length 0. */
  string(value: string | null): this {
    if (value === null) return this.varint(0)
    const size = Buffer.byteLength(value)
    this.varint(size + 1).reserve(size)
    this.at += this.buffer.write(value, this.at, size, 'utf8')
    return this
  }

  /** A string as old header versions have it: 16 bits of length. */
  plainString(value: string): this {
    const size = Buffer.byteLength(value)
    this.int16(size).reserve(size)
    this.at += this.buffer.write(value, this.at, size, 'utf8')
    return this
  }

  /** Length plus one, then the bytes; null is length 0. Also COMPACT_RECORDS. */
  bytes(value: Uint8Array | null): this {
    if (value === null) return this.varint(0)
    return this.varint(value.length + 1).raw(value)
  }

  /** Several ranges as one value of bytes. */
  byteRanges(ranges: readonly Uint8Array[]): this {
    let size = 0
    for (const range of ranges) size += range.length
    this.varint(size + 1)
    for (const range of ranges) this.raw(range)
    return this
  }

  /** 16 bytes from their form as Kafka prints it (base64url, 22 characters). */
  uuid(value: string): this {
    this.reserve(16)
    const written = this.buffer.write(value, this.at, 16, 'base64url')
    if (written !== 16) throw new RangeError(`"${value}" is not a UUID of 16 bytes in base64url`)
    this.at += 16
    return this
  }

  /** Length plus one, then each item as `each` writes it; null is length 0. Items close their own tagged fields. */
  array<T>(items: readonly T[] | null, each: (writer: this, item: T) => void): this {
    if (items === null) return this.varint(0)
    this.varint(items.length + 1)
    for (const item of items) each(this, item)
    return this
  }

  int32s(items: readonly number[]): this {
    return this.array(items, (w, item) => w.int32(item))
  }

  /** The end of a structure: no tagged fields. */
  tags(): this {
    return this.int8(0)
  }

  raw(value: Uint8Array): this {
    if (value.length < NO_COPY_BYTES) {
      this.reserve(value.length)
      this.buffer.set(value, this.at)
      this.at += value.length
      return this
    }
    this.cut()
    this.pieces.push(value)
    this.done += value.length
    return this
  }

  get sizeBytes(): number {
    return this.done + this.at - this.start
  }

  /** All pieces in order. The first begins with the size of everything behind it, if `reserveSize` was the first call. */
  finish(): readonly Uint8Array[] {
    const size = this.sizeBytes
    this.cut()
    const first = this.pieces[0]
    if (this.sized && first !== undefined) {
      Buffer.from(first.buffer, first.byteOffset, 4).writeInt32BE(size - 4)
    }
    return this.pieces
  }

  private sized = false

  /** Leaves room for the size of the request. */
  reserveSize(): this {
    this.sized = true
    return this.int32(0)
  }

  private cut(): void {
    if (this.at === this.start) return
    this.pieces.push(this.buffer.subarray(this.start, this.at))
    this.done += this.at - this.start
    this.start = this.at
  }

  private reserve(sizeBytes: number): void {
    if (this.at + sizeBytes <= this.buffer.length) return
    const kept = this.buffer.subarray(this.start, this.at)
    const grown = Buffer.allocUnsafe(Math.max(2 * (kept.length + sizeBytes), FIRST_BYTES))
    grown.set(kept)
    this.buffer = grown
    this.at = kept.length
    this.start = 0
  }
}
