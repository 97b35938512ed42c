import { LARGE_REFERENCE_BYTES, TAG_INLINE, TAG_LARGE } from './format.ts'

/**
 * Reads the head of an entry of a data block. The fields are of the entry last read: how many bytes its key shares with
 * the one before it, its tag, and where the rest of the key and the value are. Blocks are trusted: their CRC was checked.
 */
export class EntryReader {
  shared = 0
  tag = 0
  keyStart = 0
  keyEnd = 0
  /** The value is in front of this, from `keyEnd` on; of a large value its reference. */
  valueEnd = 0
  #at = 0

  read(bytes: Uint8Array, position: number): void {
    const shared = bytes[position] as number
    const unshared = bytes[position + 1] as number
    const tag = bytes[position + 2] as number
    if ((shared | unshared | tag) < 128 && tag !== TAG_LARGE) {
      this.shared = shared
      this.tag = tag
      this.keyStart = position + 3
      this.keyEnd = position + 3 + unshared
      this.valueEnd = tag >= TAG_INLINE ? this.keyEnd + tag - TAG_INLINE : this.keyEnd
    } else {
      this.#readLong(bytes, position)
    }
  }

  #readLong(bytes: Uint8Array, position: number): void {
    this.#at = position
    this.shared = this.#varuint(bytes)
    const unshared = this.#varuint(bytes)
    this.tag = this.#varuint(bytes)
    this.keyStart = this.#at
    this.keyEnd = this.#at + unshared
    this.valueEnd = this.keyEnd
    if (this.tag === TAG_LARGE) this.valueEnd += LARGE_REFERENCE_BYTES
    else if (this.tag >= TAG_INLINE) this.valueEnd += this.tag - TAG_INLINE
  }

  /** An unsigned LEB128 of at most 32 bits. */
  #varuint(bytes: Uint8Array): number {
    let value = 0
    let shift = 0
    for (;;) {
      const byte = bytes[this.#at++] as number
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
      shift += 7
    }
  }
}
