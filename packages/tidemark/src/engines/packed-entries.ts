import { seal, SUM_BYTES } from './value-sums.ts'

const CHUNK_BYTES = 256 * 1024
const HEAD_BYTES = 8
/** In place of the length of a value: the entry is a deletion. */
const DELETION = 0xffff_ffff

/** Entries one after another in a buffer, as they go to the thread of an engine: lengths of key and value, key, value. */
export class EntryPacker {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #view: DataView = new DataView(this.#bytes.buffer)
  #size = 0
  /** Bytes left free behind each value. */
  readonly #behind: number

  /** With `sealed` there is room behind each value, where the other thread puts its checksum (see `unpack`). */
  constructor(options: { readonly sealed: boolean }) {
    this.#behind = options.sealed ? SUM_BYTES : 0
  }

  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#size >= CHUNK_BYTES
  }

  /** Appends an entry; its value is `value[start, end)`, or null for a deletion. */
  add(key: Uint8Array, value: Uint8Array | null, start: number, end: number): void {
    const length = value === null ? 0 : end - start
    const behind = value === null ? 0 : this.#behind
    const at = this.#reserve(HEAD_BYTES + key.length + length + behind)
    this.#view.setUint32(at, key.length)
    this.#view.setUint32(at + 4, value === null ? DELETION : length + behind)
    this.#bytes.set(key, at + HEAD_BYTES)
    if (value === null) return
    const target = at + HEAD_BYTES + key.length
    // Short values: a loop is faster than a view.
    if (length <= 32) for (let i = 0; i < length; i++) this.#bytes[target + i] = value[start + i] as number
    else this.#bytes.set(value.subarray(start, end), target)
  }

  #reserve(length: number): number {
    const at = this.#size
    this.#size += length
    if (this.#size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(CHUNK_BYTES + 4096, this.#size, at === 0 ? 0 : this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return at
  }

  /** What was packed, for the other thread; the packer starts anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#size)
    this.#bytes = new Uint8Array(0)
    this.#view = new DataView(this.#bytes.buffer)
    this.#size = 0
    return taken
  }
}

/**
 * Gives the entries of a buffer in turn; value null is a deletion. With `sealed` each value ends with its checksum, which is
 * made here: not on the thread that processes messages.
 */
export function unpack(
  bytes: Uint8Array,
  sealed: boolean,
  entry: (key: Uint8Array, value: Uint8Array | null) => void,
): void {
  // Buffers, because not all native packages take other views.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at < buffer.length) {
    const value = at + HEAD_BYTES + buffer.readUInt32BE(at)
    const length = buffer.readUInt32BE(at + 4)
    const end = length === DELETION ? value : value + length
    if (sealed && length !== DELETION) seal(buffer, at + HEAD_BYTES, end)
    entry(buffer.subarray(at + HEAD_BYTES, value), length === DELETION ? null : buffer.subarray(value, end))
    at = end
  }
}
