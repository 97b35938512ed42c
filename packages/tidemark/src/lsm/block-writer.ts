import { ByteWriter } from '../serde/byte-writer.ts'
import { copyBytes, prefix32, sharedBytes } from './bytes.ts'
import { EntryReader } from './entry-reader.ts'
import { RESTART_BYTES, RESTART_INTERVAL, TAIL_BYTES } from './format.ts'

/** Room for three varuints of 32 bits. */
const HEADER_ROOM_BYTES = 15

/**
 * Builds one data block: entries with prefix compression, then the positions of the restarts. Each entry is varuint
 * shared, varuint unshared, varuint tag, the unshared bytes of the key, the value. `shared` is exactly the number of
 * bytes that the key has in common with the one before it, save at a restart, where it is 0: look-ups rely on it.
 */
export class BlockWriter {
  readonly out: ByteWriter = new ByteWriter(8 * 1024)
  #restarts = new Uint32Array(64)
  readonly #entry = new EntryReader()
  #restartCount = 0
  #inRun = 0

  get empty(): boolean {
    return this.#restartCount === 0
  }

  /** Bytes of the finished block. */
  get sizeBytes(): number {
    return this.out.position + RESTART_BYTES * this.#restartCount + TAIL_BYTES
  }

  /** Appends an entry; the value is bytes[valueStart, valueEnd), empty for a deletion, the ordinal for a large value. */
  add(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    shared: number,
    tag: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    let same = shared
    if (this.#inRun === 0) {
      same = 0
      this.#startRun()
    }
    if (++this.#inRun === RESTART_INTERVAL) this.#inRun = 0
    const out = this.out
    const from = keyStart + same
    const unshared = keyEnd - from
    out.ensure(HEADER_ROOM_BYTES + unshared + valueEnd - valueStart)
    let at = out.position
    if ((same | unshared | tag) < 128) {
      const bytes = out.bytes
      bytes[at] = same
      bytes[at + 1] = unshared
      bytes[at + 2] = tag
      at += 3
    } else {
      out.varuint(same)
      out.varuint(unshared)
      out.varuint(tag)
      at = out.position
    }
    copyBytes(key, from, keyEnd, out.bytes, at)
    at += unshared
    copyBytes(value, valueStart, valueEnd, out.bytes, at)
    out.position = at + valueEnd - valueStart
  }

  #startRun(): void {
    if (this.#restartCount === this.#restarts.length) {
      const grown = new Uint32Array(this.#restarts.length * 2)
      grown.set(this.#restarts)
      this.#restarts = grown
    }
    this.#restarts[this.#restartCount++] = this.out.position
  }

  /** Ends the block, with its last key: its bytes are out.bytes[0, out.position) until `reset`. */
  finish(lastKey: Uint8Array, lastLength: number): void {
    const { out } = this
    const entry = this.#entry
    entry.read(out.bytes, 0)
    const common = sharedBytes(out.bytes, entry.keyStart, entry.keyEnd, lastKey, 0, lastLength)
    for (let i = 0; i < this.#restartCount; i++) {
      const position = this.#restarts[i] as number
      entry.read(out.bytes, position)
      out.i32(prefix32(out.bytes, entry.keyStart + common, entry.keyEnd))
      out.i32(position)
    }
    out.i32(common)
    out.i32(this.#restartCount)
  }

  reset(): void {
    this.out.reset()
    this.#restartCount = 0
    this.#inRun = 0
  }
}
