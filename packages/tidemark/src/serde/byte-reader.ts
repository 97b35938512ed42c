import { TidemarkError } from '../errors/error.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads what ByteWriter writes. Reading past the end throws ERR_SERDE: callers that read files check a CRC first. */
export class ByteReader {
  readonly bytes: Uint8Array
  position: number
  readonly end: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.position = start
    this.end = end
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.end - this.position
  }

  #take(count: number): number {
    const at = this.position
    if (count < 0 || at + count > this.end) {
      throw new TidemarkError('ERR_SERDE', `${count} bytes expected at ${at}, but the data ends at ${this.end}`)
    }
    this.position = at + count
    return at
  }

  u8(): number {
    return this.bytes[this.#take(1)] as number
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2))
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4))
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  varuint(): number {
    let result = 0
    let scale = 1
    for (;;) {
      const byte = this.u8()
      result += (byte & 127) * scale
      if (byte < 128) return result
      scale *= 128
    }
  }

  varint(): number {
    let result = 0n
    let shift = 0n
    for (;;) {
      const byte = this.u8()
      result |= BigInt(byte & 127) << shift
      if (byte < 128) break
      shift += 7n
    }
    return Number((result >> 1n) ^ -(result & 1n))
  }

  /** Length (varuint) and bytes, as a view of the input. */
  block(): Uint8Array {
    const count = this.varuint()
    const at = this.#take(count)
    return this.bytes.subarray(at, at + count)
  }

  text(): string {
    return utf8.decode(this.block())
  }
}
