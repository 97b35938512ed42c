/* Of a segment: slots of two words {hash, number}, 0 for an empty one, then {count, depth}. */
const TRAILER = 2
const FIRST_SLOTS = 64
const MAX_SLOTS = 8192
/** The directory takes the hash's low bits, the slot in a segment comes from the bits above. */
const SLOT_SHIFT = 13

/**
 * Finds numbers by hash: extendible hashing (R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong, 1979), a directory of
 * segments with open addressing, of which one is split at a time. So an insert never rehashes more than 8192 slots,
 * where a JS Map of 2 M entries stops the thread for more than 100 ms.
 *
 * A lookup is written out where it is used, since it is the hottest code there is: take the segment at
 * directory[hash & directoryMask], its mask from `segmentMask` and the first place from `firstPlace`; there and at every
 * (place + 2) & mask are a hash and, behind it, its number, until the number is 0.
 */
export class ByteIndex {
  directory: Int32Array[] = [newSegment(FIRST_SLOTS, 0)]
  directoryMask = 0

  /** Adds a number above 0; its key is not there yet. */
  add(hash: number, number: number): void {
    let segment = this.directory[hash & this.directoryMask] as Int32Array
    const slots = (segment.length - TRAILER) >> 1
    // At most three quarters full.
    if ((segment[slots * 2] as number) >= slots - (slots >> 2)) {
      this.#split(segment, slots, hash)
      segment = this.directory[hash & this.directoryMask] as Int32Array
    }
    occupy(segment, hash, number)
  }

  #split(segment: Int32Array, slots: number, hash: number): void {
    const depth = segment[slots * 2 + 1] as number
    if (slots < MAX_SLOTS) {
      // As long as it is small there is but one segment.
      const grown = newSegment(slots * 2, depth)
      for (let i = 0; i < slots * 2; i += 2) {
        if (segment[i + 1] !== 0) occupy(grown, segment[i] as number, segment[i + 1] as number)
      }
      this.directory[0] = grown
      return
    }
    const bit = 1 << depth
    if (bit > this.directoryMask) {
      this.directory = this.directory.concat(this.directory)
      this.directoryMask = this.directoryMask * 2 + 1
    }
    const zero = newSegment(MAX_SLOTS, depth + 1)
    const one = newSegment(MAX_SLOTS, depth + 1)
    for (let i = 0; i < slots * 2; i += 2) {
      const slotHash = segment[i] as number
      if (segment[i + 1] !== 0) occupy((slotHash & bit) === 0 ? zero : one, slotHash, segment[i + 1] as number)
    }
    for (let i = hash & (bit - 1); i <= this.directoryMask; i += bit) this.directory[i] = (i & bit) === 0 ? zero : one
  }

  /** Up to `most` numbers, by place. Since places are hashes, that is as good as random. */
  sample(most: number): number[] {
    const numbers: number[] = []
    for (const segment of this.#segments()) {
      for (let i = 1; i < segment.length - TRAILER; i += 2) {
        if (numbers.length === most) return numbers
        if (segment[i] !== 0) numbers.push(segment[i] as number)
      }
    }
    return numbers
  }

  /** Slots in all. */
  get slots(): number {
    let slots = 0
    for (const segment of this.#segments()) slots += (segment.length - TRAILER) >> 1
    return slots
  }

  clear(): void {
    for (const segment of this.#segments()) segment.fill(0, 0, segment.length - 1)
  }

  /** Each segment once: the directory names one of depth d by all numbers that end in the same d bits. */
  #segments(): Int32Array[] {
    return this.directory.filter((segment, i) => i >> (segment[segment.length - 1] as number) === 0)
  }
}

/** For the places of a lookup in a segment. */
export function segmentMask(segment: Int32Array): number {
  return segment.length - (TRAILER + 2)
}

export function firstPlace(hash: number, mask: number): number {
  return (hash >>> SLOT_SHIFT) & mask
}

function newSegment(slots: number, depth: number): Int32Array {
  const segment = new Int32Array(slots * 2 + TRAILER)
  segment[slots * 2 + 1] = depth
  return segment
}

function occupy(segment: Int32Array, hash: number, number: number): void {
  const trailer = segment.length - TRAILER
  const mask = segmentMask(segment)
  let at = firstPlace(hash, mask)
  while (segment[at + 1] !== 0) at = (at + 2) & mask
  segment[at] = hash
  segment[at + 1] = number
  segment[trailer] = (segment[trailer] as number) + 1
}
