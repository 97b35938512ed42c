import { OrderedIndex } from './ordered-index.ts'
import { UndoLog } from './undo-log.ts'

/** The entry is a deletion: its value means nothing. */
export const DELETED = 1
/** The value is the encoded bytes (Uint8Array), not the decoded value. */
export const ENCODED = 2
/** Nothing was visible under this key below the map when the entry was made. */
export const FRESH = 4
const FLAGS = 255
/** What one entry costs besides its key and value, bytes: index slot, meta, value reference. */
const ENTRY_BYTES = 40
const SIZE_UNIT_SHIFT = 4
const MAX_SIZE_UNITS = 0x7fffff

const CHUNK_SHIFT = 12
const CHUNK_ENTRIES: number = 1 << CHUNK_SHIFT
const CHUNK_MASK: number = CHUNK_ENTRIES - 1
const FIRST_ENTRIES = 32
const ARENA_SHIFT = 18
const ARENA_BYTES: number = 1 << ARENA_SHIFT
const ARENA_MASK: number = ARENA_BYTES - 1
const FIRST_ARENA_BYTES = 512

/* Of an index segment: slots of two words {hash, entry + 1}, then {count, depth}. */
const TRAILER = 2
const FIRST_SLOTS = 64
const MAX_SLOTS = 8192
/** The directory takes the hash's low bits, the place in a segment comes from the bits above. */
const HOME_SHIFT = 13

function newSegment(slots: number, depth: number): Int32Array {
  const segment = new Int32Array(slots * 2 + TRAILER)
  segment[slots * 2 + 1] = depth
  return segment
}

/**
 * A hash map from byte keys to values with small flags, by a hash that the caller computes once for all layers
 * (murmur2). Entries are numbered in order of arrival and keep their number: `find` gives it, the `...At` methods take it.
 *
 * The index is extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979): a directory of segments with open
 * addressing, of which one is split at a time, so that no insert ever rehashes more than 8192 slots (a JS Map of 2 M
 * entries stalls for over 100 ms). Keys are copied into chunks; meta data are typed arrays; values are plain arrays in
 * chunks, so that numbers stay unboxed as long as all values of a chunk are numbers.
 *
 * Nothing is removed one by one: a deletion is an entry with the flag DELETED.
 */
export class ByteMap {
  /** Entries, deletions included. */
  size = 0
  /** Memory that the entries take, roughly. */
  bytes = 0
  /** Old values for open views; the order of keys once somebody asked for it. */
  readonly undo: UndoLog = new UndoLog()
  #order: OrderedIndex | null = null

  #directory: Int32Array[] = [newSegment(FIRST_SLOTS, 0)]
  #directoryMask = 0
  // Four words an entry: place of the key, its length, hash, size units << 8 | flags.
  #meta: Int32Array[] = [new Int32Array(FIRST_ENTRIES * 4)]
  #metaRoom: number = FIRST_ENTRIES
  #values: unknown[][] = []
  #arena: Uint8Array[] = [new Uint8Array(FIRST_ARENA_BYTES)]
  #arenaChunk = 0
  #arenaUsed = 0

  /** The entry with this key, or -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const segment = this.#directory[hash & this.#directoryMask] as Int32Array
    const mask = segment.length - (TRAILER + 2)
    let at = (hash >>> HOME_SHIFT) & mask
    for (;;) {
      const entry = (segment[at + 1] as number) - 1
      if (entry < 0) return -1
      if (segment[at] === hash && this.#equals(entry, bytes, start, end)) return entry
      at = (at + 2) & mask
    }
  }

  #equals(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const meta = this.#meta[entry >>> CHUNK_SHIFT] as Int32Array
    const at = (entry & CHUNK_MASK) << 2
    if (meta[at + 1] !== end - start) return false
    const place = meta[at] as number
    const chunk = this.#arena[place >>> ARENA_SHIFT] as Uint8Array
    let k = place & ARENA_MASK
    for (let i = start; i < end; i++) if (chunk[k++] !== bytes[i]) return false
    return true
  }

  /** Adds an entry under a key that is not there (`find` said so); copies the key; returns the entry. */
  insert(
    bytes: Uint8Array,
    start: number,
    end: number,
    hash: number,
    value: unknown,
    flags: number,
    valueBytes: number,
  ): number {
    const entry = this.size
    const place = this.#keep(bytes, start, end)
    if (entry === this.#metaRoom) this.#growMeta()
    const meta = this.#meta[entry >>> CHUNK_SHIFT] as Int32Array
    const at = (entry & CHUNK_MASK) << 2
    const units = sizeUnits(valueBytes)
    meta[at] = place
    meta[at + 1] = end - start
    meta[at + 2] = hash
    meta[at + 3] = (units << 8) | flags
    this.#valuesFor(entry).push(value)
    this.size = entry + 1
    this.bytes += end - start + ENTRY_BYTES + (units << SIZE_UNIT_SHIFT)
    this.#link(entry, hash)
    if (this.#order !== null) this.#order.insert(entry)
    return entry
  }

  #valuesFor(entry: number): unknown[] {
    if ((entry & CHUNK_MASK) === 0) {
      const values: unknown[] = []
      this.#values.push(values)
      return values
    }
    return this.#values[entry >>> CHUNK_SHIFT] as unknown[]
  }

  #keep(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    let chunk = this.#arena[this.#arenaChunk] as Uint8Array
    if (this.#arenaUsed + length > chunk.length) chunk = this.#growArena(length)
    const at = this.#arenaUsed
    if (length > 32) {
      chunk.set(bytes.subarray(start, end), at)
    } else {
      for (let i = 0; i < length; i++) chunk[at + i] = bytes[start + i] as number
    }
    this.#arenaUsed = at + length
    return (this.#arenaChunk << ARENA_SHIFT) | at
  }

  #growArena(length: number): Uint8Array {
    const chunk = this.#arena[this.#arenaChunk] as Uint8Array
    if (chunk.length < ARENA_BYTES) {
      // Only the first chunk starts small.
      const grown = new Uint8Array(
        Math.min(ARENA_BYTES, Math.max(chunk.length * 4, 2 ** Math.ceil(Math.log2(this.#arenaUsed + length)))),
      )
      grown.set(chunk)
      this.#arena[this.#arenaChunk] = grown
      if (this.#arenaUsed + length <= grown.length) return grown
    }
    this.#arenaChunk++
    this.#arenaUsed = 0
    let next = this.#arena[this.#arenaChunk]
    if (next === undefined) {
      next = new Uint8Array(ARENA_BYTES)
      this.#arena.push(next)
    }
    return next
  }

  #growMeta(): void {
    const last = this.#meta.length - 1
    const chunk = this.#meta[last] as Int32Array
    if (chunk.length < CHUNK_ENTRIES * 4) {
      const grown = new Int32Array(chunk.length * 2)
      grown.set(chunk)
      this.#meta[last] = grown
      this.#metaRoom = grown.length >> 2
    } else {
      this.#meta.push(new Int32Array(CHUNK_ENTRIES * 4))
      this.#metaRoom += CHUNK_ENTRIES
    }
  }

  #link(entry: number, hash: number): void {
    let segment = this.#directory[hash & this.#directoryMask] as Int32Array
    const slots = (segment.length - TRAILER) >> 1
    // At most three quarters full.
    if ((segment[slots * 2] as number) >= slots - (slots >> 2)) {
      this.#split(segment, slots, hash)
      segment = this.#directory[hash & this.#directoryMask] as Int32Array
    }
    occupy(segment, hash, entry + 1)
  }

  #split(segment: Int32Array, slots: number, hash: number): void {
    const depth = segment[slots * 2 + 1] as number
    if (slots < MAX_SLOTS) {
      // As long as it is small there is but one segment.
      const grown = newSegment(slots * 2, depth)
      for (let i = 0; i < slots * 2; i += 2) {
        if (segment[i + 1] !== 0) occupy(grown, segment[i] as number, segment[i + 1] as number)
      }
      this.#directory[0] = grown
      return
    }
    if (1 << depth > this.#directoryMask) {
      this.#directory = this.#directory.concat(this.#directory)
      this.#directoryMask = this.#directoryMask * 2 + 1
    }
    const zero = newSegment(MAX_SLOTS, depth + 1)
    const one = newSegment(MAX_SLOTS, depth + 1)
    const bit = 1 << depth
    for (let i = 0; i < slots * 2; i += 2) {
      const entryHash = segment[i] as number
      if (segment[i + 1] !== 0) occupy((entryHash & bit) === 0 ? zero : one, entryHash, segment[i + 1] as number)
    }
    for (let i = hash & (bit - 1); i <= this.#directoryMask; i += bit) this.#directory[i] = (i & bit) === 0 ? zero : one
  }

  valueAt(entry: number): unknown {
    return (this.#values[entry >>> CHUNK_SHIFT] as unknown[])[entry & CHUNK_MASK]
  }

  flagsAt(entry: number): number {
    return ((this.#meta[entry >>> CHUNK_SHIFT] as Int32Array)[((entry & CHUNK_MASK) << 2) + 3] as number) & FLAGS
  }

  /** Bytes of the value as they were told, rounded up to 16. */
  valueBytesAt(entry: number): number {
    const word = (this.#meta[entry >>> CHUNK_SHIFT] as Int32Array)[((entry & CHUNK_MASK) << 2) + 3] as number
    return (word >>> 8) << SIZE_UNIT_SHIFT
  }

  /** Sets value, flags and the value's bytes of an entry. */
  setAt(entry: number, value: unknown, flags: number, valueBytes: number): void {
    const meta = this.#meta[entry >>> CHUNK_SHIFT] as Int32Array
    const at = ((entry & CHUNK_MASK) << 2) + 3
    const values = this.#values[entry >>> CHUNK_SHIFT] as unknown[]
    const before = meta[at] as number
    if (this.undo.views !== 0) this.undo.save(entry, values[entry & CHUNK_MASK], before & FLAGS)
    const units = sizeUnits(valueBytes)
    const after = (units << 8) | flags
    if (before !== after) {
      meta[at] = after
      this.bytes += (units - (before >>> 8)) << SIZE_UNIT_SHIFT
    }
    values[entry & CHUNK_MASK] = value
  }

  /** Puts the decoded value in the place of its encoded bytes: for readers nothing has changed. */
  decodedAt(entry: number, value: unknown): void {
    const meta = this.#meta[entry >>> CHUNK_SHIFT] as Int32Array
    const at = ((entry & CHUNK_MASK) << 2) + 3
    meta[at] = (meta[at] as number) & ~ENCODED
    ;(this.#values[entry >>> CHUNK_SHIFT] as unknown[])[entry & CHUNK_MASK] = value
  }

  hashAt(entry: number): number {
    return (this.#meta[entry >>> CHUNK_SHIFT] as Int32Array)[((entry & CHUNK_MASK) << 2) + 2] as number
  }

  /** The key of an entry is keyChunkAt[keyStartAt, keyStartAt + keyLengthAt); valid until the next insert. */
  keyChunkAt(entry: number): Uint8Array {
    const place = (this.#meta[entry >>> CHUNK_SHIFT] as Int32Array)[(entry & CHUNK_MASK) << 2] as number
    return this.#arena[place >>> ARENA_SHIFT] as Uint8Array
  }

  keyStartAt(entry: number): number {
    const place = (this.#meta[entry >>> CHUNK_SHIFT] as Int32Array)[(entry & CHUNK_MASK) << 2] as number
    return place & ARENA_MASK
  }

  keyLengthAt(entry: number): number {
    return (this.#meta[entry >>> CHUNK_SHIFT] as Int32Array)[((entry & CHUNK_MASK) << 2) + 1] as number
  }

  /** A copy of an entry's key. */
  keyAt(entry: number): Uint8Array {
    const start = this.keyStartAt(entry)
    return this.keyChunkAt(entry).slice(start, start + this.keyLengthAt(entry))
  }

  /** The entries in order of their keys: built at the first call, kept up by inserts from then on. */
  get order(): OrderedIndex {
    this.#order ??= new OrderedIndex(this)
    return this.#order
  }

  /** Keeps the order from now on; only worth it while there is little to sort. */
  keepOrder(): void {
    this.#order ??= new OrderedIndex(this)
  }

  get ordered(): boolean {
    return this.#order !== null
  }

  /** Entries that fit without growing. */
  get room(): number {
    return this.#metaRoom
  }

  /**
   * Empties the map and keeps its memory for the next use. The caller knows that no view is open. (Order is forgotten.)
   */
  clear(): void {
    for (let i = 0; i <= this.#directoryMask; i++) {
      const segment = this.#directory[i] as Int32Array
      const depth = segment[segment.length - 1] as number
      // Segments that the directory names more than once are emptied once.
      if (i >> depth === 0) segment.fill(0, 0, segment.length - 1)
    }
    this.#values = []
    this.#arenaChunk = 0
    this.#arenaUsed = 0
    this.size = 0
    this.bytes = 0
    this.#order = null
  }
}

function sizeUnits(valueBytes: number): number {
  const units = (valueBytes + 15) >> SIZE_UNIT_SHIFT
  return units > MAX_SIZE_UNITS ? MAX_SIZE_UNITS : units
}

function occupy(segment: Int32Array, hash: number, entryPlusOne: number): void {
  const trailer = segment.length - TRAILER
  const mask = trailer - 2
  let at = (hash >>> HOME_SHIFT) & mask
  while (segment[at + 1] !== 0) at = (at + 2) & mask
  segment[at] = hash
  segment[at + 1] = entryPlusOne
  segment[trailer] = (segment[trailer] as number) + 1
}
