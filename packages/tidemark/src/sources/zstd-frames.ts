const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const
const DICTIONARY_BYTES = [0, 1, 2, 4] as const

type Part = 'magic' | 'descriptor' | 'header' | 'block' | 'body' | 'skip size' | 'skip'

/**
 * Finds where zstd frames end (RFC 8878, section 3.1): node:zlib's decompressor drops what follows a frame in the same
 * write, so each frame must end a write. Bytes that are no frame are passed on as they are, for it to refuse.
 */
export class ZstdFrames {
  #part: Part = 'magic'
  /** Bytes of the part that are to come. */
  #left = 4
  /** The part's bytes so far, little endian. */
  #value = 0
  #scale = 1
  #checksum = false
  #lastBlock = false
  #foreign = false

  /** Cuts a piece so that each frame's end is the end of a cut. */
  cut(piece: Uint8Array): Uint8Array[] {
    const cuts: Uint8Array[] = []
    let from = 0
    let at = 0
    while (at < piece.length && !this.#foreign) {
      if (this.#part === 'body' || this.#part === 'skip' || this.#part === 'header') {
        const step = Math.min(this.#left, piece.length - at)
        this.#left -= step
        at += step
      } else {
        this.#value += (piece[at++] as number) * this.#scale
        this.#scale *= 256
        this.#left--
      }
      if (this.#left === 0 && this.#next()) {
        cuts.push(piece.subarray(from, at))
        from = at
      }
    }
    if (from < piece.length) cuts.push(piece.subarray(from))
    return cuts
  }

  /** Goes on after a whole part; true if the frame ended with it. */
  #next(): boolean {
    const value = this.#value
    switch (this.#part) {
      case 'magic':
        if (value === MAGIC) this.#expect('descriptor', 1)
        else if (value >= SKIPPABLE && value < SKIPPABLE + 16) this.#expect('skip size', 4)
        else this.#foreign = true
        return false
      case 'descriptor':
        return this.#descriptor(value)
      case 'header':
        this.#expect('block', 3)
        return false
      case 'block':
        return this.#block(value)
      case 'body':
        return this.#afterBlock()
      case 'skip size':
        this.#expect('skip', value)
        return value === 0 && this.#next()
      default:
        this.#expect('magic', 4)
        return true
    }
  }

  #descriptor(value: number): boolean {
    const singleSegment = (value & 0x20) !== 0
    const sizeFlag = value >> 6
    const contentSize = singleSegment && sizeFlag === 0 ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] as number)
    this.#checksum = (value & 4) !== 0
    const rest = (singleSegment ? 0 : 1) + (DICTIONARY_BYTES[value & 3] as number) + contentSize
    this.#expect('header', rest)
    return rest === 0 && this.#next()
  }

  #block(value: number): boolean {
    this.#lastBlock = (value & 1) === 1
    const isRunLength = ((value >> 1) & 3) === 1
    const size = isRunLength ? 1 : value >> 3
    this.#expect('body', size + (this.#lastBlock && this.#checksum ? 4 : 0))
    return this.#left === 0 && this.#afterBlock()
  }

  #afterBlock(): boolean {
    if (this.#lastBlock) this.#expect('magic', 4)
    else this.#expect('block', 3)
    return this.#lastBlock
  }

  #expect(part: Part, count: number): void {
    this.#part = part
    this.#left = count
    this.#value = 0
    this.#scale = 1
  }
}
