import { TidemarkError } from 'tidemark/system'

/**
 * Reads an answer in Kafka's primitive types (the protocol guide, "Protocol Primitive Types"), in the compact ("flexible")
 * forms. Byte ranges are views of the answer, never copies. Throws ERR_KAFKA_PROTOCOL when the answer ends too early.
 */
export class WireReader {
  position: number
  readonly end: number
  private readonly buffer: Buffer

  constructor(answer: Uint8Array, position = 0, end: number = answer.length) {
    this.buffer = Buffer.from(answer.buffer, answer.byteOffset, answer.length)
    this.position = position
    this.end = end
  }

  int8(): number {
    return this.buffer.readInt8(this.take(1))
  }

  bool(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.take(4))
  }

  /** A signed 64-bit integer as a number: exact between -2^53 and 2^53. */
  int64(): number {
    const at = this.take(8)
    return this.buffer.readInt32BE(at) * 0x100000000 + this.buffer.readUInt32BE(at + 4)
  }

  /** An unsigned varint of up to 32 bits. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.take(1)] as number
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    throw broken('a number that is too long', this.position)
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  nullableString(): string | null {
    const size = this.varint() - 1
    if (size < 0) return null
    const at = this.take(size)
    return this.buffer.toString('utf8', at, at + size)
  }

  /** A view of the answer; empty for null. */
  bytes(): Uint8Array {
    const size = Math.max(0, this.varint() - 1)
    const at = this.take(size)
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset + at, size)
  }

  /** As Kafka prints it: base64url, 22 characters. */
  uuid(): string {
    const at = this.take(16)
    return this.buffer.toString('base64url', at, at + 16)
  }

  /** Items as `each` reads them; null is as empty. */
  array<T>(each: (reader: this) => T): T[] {
    const count = this.varint() - 1
    // An item takes a byte at least: a damaged count must not allocate.
    if (count > this.end - this.position) throw broken(`an array of ${count}`, this.position)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(each(this))
    return items
  }

  int32s(): number[] {
    return this.array((r) => r.int32())
  }

  /** The tagged fields that end a structure; `known` may read some, and what it leaves is skipped. */
  tags(known?: (tag: number, reader: this) => void): void {
    const count = this.varint()
    for (let i = 0; i < count; i++) {
      const tag = this.varint()
      const size = this.varint()
      const next = this.take(size) + size
      if (known !== undefined) {
        this.position = next - size
        known(tag, this)
      }
      this.position = next
    }
  }

  private take(sizeBytes: number): number {
    const at = this.position
    if (sizeBytes > this.end - at) throw broken(`${sizeBytes} bytes beyond its end`, at)
    this.position = at + sizeBytes
    return at
  }
}

function broken(what: string, position: number): TidemarkError {
  return new TidemarkError(
    'ERR_KAFKA_PROTOCOL',
    `the answer of a broker has ${what} at byte ${position}: it is cut off, or not of the version that was asked for`,
    { details: { position } },
  )
}
