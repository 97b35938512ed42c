import { ByteIndex, firstPlace, segmentMask } from './byte-index.ts'
import { ENCODED } from './entry-flags.ts'
import { KeyGroups } from './key-groups.ts'
import { OrderedIndex } from './ordered-index.ts'
import { UndoLog } from './undo-log.ts'

/** The map's own: the value is a number and stands in the record. */
const NUMBER = 128
const FLAGS_SHIFT = 24
const LENGTH_MASK = 0xffffff
/** What an entry costs in the index, and an object in its list, bytes. */
const INDEX_BYTES = 14
const OBJECT_BYTES = 8

/*
 * A record takes whole units of 8 bytes:
 *
 *     0   u32   length of the key | flags << 24
 *     4   u32   hash of the key
 *     8   f64   the value, if it is a number; else u32 place in the list of values, u32 bytes it takes
 *     16        the key
 *               f64   in a map with deadlines: the deadline in ms, in the unit behind the key
 *
 * An entry's number is the place of its record, in units: chunk << 15 | unit in the chunk.
 */
const UNIT = 8
const HEADER_UNITS = 2
const CHUNK_SHIFT = 15
const CHUNK_UNITS: number = 1 << CHUNK_SHIFT
const UNIT_MASK: number = CHUNK_UNITS - 1
const FIRST_UNITS = 128
const VALUES_SHIFT = 12
const VALUES_MASK: number = (1 << VALUES_SHIFT) - 1
const PREPARE_ENTRIES = 2048
/** Emptying a larger map would take longer than a step may. */
const MAX_SPARE_ENTRIES = 200_000

/** What a map keeps beside its hash table. */
export interface MapLayout {
  /** Ready for a first range at any time, at about a tenth of a microsecond an entry; else the first range has to sort all entries. */
  readonly ordered: boolean
  /** How many bytes at the end of each key order the entries of a group (see KeyGroups); 0: there are no groups. */
  readonly suffixBytes: number
  /** Each entry has a deadline. */
  readonly deadlines: boolean
}

const PLAIN: MapLayout = { ordered: false, suffixBytes: 0, deadlines: false }

/**
 * A hash map from byte keys to values with small flags, by a hash that the caller computes once for all layers
 * (murmur2). An entry keeps its number (`find` gives it, the `...At` methods take it); later entries have higher ones.
 *
 * It is made for few cache misses: a lookup touches one slot of the index and one record, which has the key, the flags
 * and, if it is a number, the value. Other values stand in a list beside. Nothing is ever moved or rehashed as a whole
 * (see ByteIndex), and nothing is removed one by one: a deletion is an entry with the flag DELETED.
 */
export class ByteMap {
  /** Entries, deletions included. */
  size = 0
  /** Memory that the entries take, roughly. */
  bytes = 0
  /** Old values for open views. */
  readonly undo: UndoLog = new UndoLog()
  readonly #layout: MapLayout
  /** Units of a record behind its key. */
  readonly #tailUnits: number
  #order: OrderedIndex | null = null
  #groups: KeyGroups | null = null
  readonly #index = new ByteIndex()

  // Views of the same chunks, as bytes, words and numbers.
  readonly #bytes: Uint8Array[] = []
  readonly #words: Int32Array[] = []
  readonly #numbers: Float64Array[] = []
  /** How many units of each chunk are in use. */
  readonly #used: number[] = [0]
  #chunk = 0
  // Values that are no numbers, in chunks; places that are free again.
  #values: unknown[][] = []
  #valuesUsed = 0
  #freeValues: number[] = []

  constructor(layout: MapLayout = PLAIN) {
    this.#layout = layout
    this.#tailUnits = layout.deadlines ? 1 : 0
    this.#setChunk(0, FIRST_UNITS)
    this.#startIndexes()
  }

  #startIndexes(): void {
    const { ordered, suffixBytes } = this.#layout
    this.#order = ordered ? new OrderedIndex(this) : null
    this.#groups = suffixBytes > 0 ? new KeyGroups(this, suffixBytes) : null
  }

  #setChunk(chunk: number, units: number): void {
    const buffer = new ArrayBuffer(units * UNIT)
    const before = this.#bytes[chunk]
    const bytes = new Uint8Array(buffer)
    if (before !== undefined) bytes.set(before)
    this.#bytes[chunk] = bytes
    this.#words[chunk] = new Int32Array(buffer)
    this.#numbers[chunk] = new Float64Array(buffer)
  }

  /** The entry with this key, or -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const index = this.#index
    const segment = index.directory[hash & index.directoryMask] as Int32Array
    const mask = segmentMask(segment)
    let place = firstPlace(hash, mask)
    for (;;) {
      const entry = (segment[place + 1] as number) - 1
      if (entry === -1) return -1
      if (segment[place] === hash && this.#equals(entry, bytes, start, end)) return entry
      place = (place + 2) & mask
    }
  }

  /**
   * Brings into the processor's caches what `find` will look at for keys of these hashes. In loops that do nothing else the
   * waits for memory overlap, which is most of what finding costs where there are many entries. Puts the hashes that are not
   * here into `missing`, and returns how many they are; `missing` and `scratch` are as long as `hashes`.
   */
  touch(hashes: Int32Array, count: number, missing: Int32Array, scratch: Int32Array): number {
    const { directory, directoryMask } = this.#index
    const words = this.#words
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] as number
      const segment = directory[hash & directoryMask] as Int32Array
      scratch[i] = segment[firstPlace(hash, segmentMask(segment))] as number
    }
    let found = 0
    let lacking = 0
    for (let i = 0; i < count; i++) {
      const hash = hashes[i] as number
      const segment = directory[hash & directoryMask] as Int32Array
      const mask = segmentMask(segment)
      let place = firstPlace(hash, mask)
      while (segment[place] !== hash && segment[place + 1] !== 0) place = (place + 2) & mask
      const entry = (segment[place + 1] as number) - 1
      if (entry >= 0) scratch[found++] = entry
      else missing[lacking++] = hash
    }
    for (let i = 0; i < found; i++) {
      const entry = scratch[i] as number
      scratch[i] = (words[entry >>> CHUNK_SHIFT] as Int32Array)[(entry & UNIT_MASK) << 1] as number
    }
    return lacking
  }

  #equals(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const chunk = entry >>> CHUNK_SHIFT
    const unit = entry & UNIT_MASK
    const head = (this.#words[chunk] as Int32Array)[unit << 1] as number
    if ((head & LENGTH_MASK) !== end - start) return false
    const own = this.#bytes[chunk] as Uint8Array
    let k = (unit + HEADER_UNITS) * UNIT
    for (let i = start; i < end; i++) if (own[k++] !== bytes[i]) return false
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
    const length = end - start
    const units = unitsFor(length) + this.#tailUnits
    const chunk = this.#room(units)
    const unit = this.#used[chunk] as number
    this.#used[chunk] = unit + units
    const own = this.#bytes[chunk] as Uint8Array
    const at = (unit + HEADER_UNITS) * UNIT
    if (length > 32) own.set(bytes.subarray(start, end), at)
    else for (let i = 0; i < length; i++) own[at + i] = bytes[start + i] as number
    const words = this.#words[chunk] as Int32Array
    words[unit << 1] = length
    words[(unit << 1) + 1] = hash
    const entry = (chunk << CHUNK_SHIFT) | unit
    this.size++
    this.bytes += units * UNIT + INDEX_BYTES
    if (typeof value === 'number') this.#setNumber(chunk, unit, value, flags)
    else this.#setObject(chunk, unit, value, flags, valueBytes, -1)
    this.#index.add(hash, entry + 1)
    if (this.#order !== null) this.#order.insert(entry)
    if (this.#groups !== null) this.#groups.insert(entry)
    return entry
  }

  /** The chunk that has room for a record. */
  #room(units: number): number {
    const chunk = this.#chunk
    const used = this.#used[chunk] as number
    const has = (this.#numbers[chunk] as Float64Array).length
    if (used + units <= has) return chunk
    if (has < CHUNK_UNITS) {
      // Only the first chunk starts small.
      const wanted = Math.max(has * 4, 2 ** Math.ceil(Math.log2(used + units)))
      this.#setChunk(chunk, Math.min(CHUNK_UNITS, wanted))
      return this.#room(units)
    }
    this.#chunk = chunk + 1
    this.#used[chunk + 1] = 0
    if (this.#bytes.length === chunk + 1) this.#setChunk(chunk + 1, CHUNK_UNITS)
    return chunk + 1
  }

  #setNumber(chunk: number, unit: number, value: number, flags: number): void {
    const words = this.#words[chunk] as Int32Array
    words[unit << 1] = ((words[unit << 1] as number) & LENGTH_MASK) | ((flags | NUMBER) << FLAGS_SHIFT)
    ;(this.#numbers[chunk] as Float64Array)[unit + 1] = value
  }

  /** `place` is that of the value that was there before, or -1. */
  #setObject(chunk: number, unit: number, value: unknown, flags: number, valueBytes: number, place: number): void {
    const words = this.#words[chunk] as Int32Array
    const at = unit << 1
    let target = place
    if (target < 0) {
      target = this.#freeValues.pop() ?? this.#newPlace()
      words[at + 2] = target
    } else {
      this.bytes -= OBJECT_BYTES + (words[at + 3] as number)
    }
    words[at] = ((words[at] as number) & LENGTH_MASK) | (flags << FLAGS_SHIFT)
    words[at + 3] = valueBytes
    this.bytes += OBJECT_BYTES + valueBytes
    ;(this.#values[target >>> VALUES_SHIFT] as unknown[])[target & VALUES_MASK] = value
  }

  #newPlace(): number {
    const place = this.#valuesUsed++
    if ((place & VALUES_MASK) === 0) this.#values.push([])
    return place
  }

  valueAt(entry: number): unknown {
    const chunk = entry >>> CHUNK_SHIFT
    const unit = entry & UNIT_MASK
    const words = this.#words[chunk] as Int32Array
    // NUMBER is the sign bit.
    if ((words[unit << 1] as number) < 0) return (this.#numbers[chunk] as Float64Array)[unit + 1]
    const place = words[(unit << 1) + 2] as number
    return (this.#values[place >>> VALUES_SHIFT] as unknown[])[place & VALUES_MASK]
  }

  flagsAt(entry: number): number {
    const words = this.#words[entry >>> CHUNK_SHIFT] as Int32Array
    return ((words[(entry & UNIT_MASK) << 1] as number) >>> FLAGS_SHIFT) & ~NUMBER
  }

  /** Bytes of the value, as they were told. */
  valueBytesAt(entry: number): number {
    const words = this.#words[entry >>> CHUNK_SHIFT] as Int32Array
    const at = (entry & UNIT_MASK) << 1
    return (words[at] as number) < 0 ? 0 : (words[at + 3] as number)
  }

  /** Sets value, flags and the value's bytes of an entry. */
  setAt(entry: number, value: unknown, flags: number, valueBytes: number): void {
    if (this.undo.views !== 0) {
      this.undo.save(entry, this.valueAt(entry), this.flagsAt(entry), this.deadlineAt(entry))
    }
    const chunk = entry >>> CHUNK_SHIFT
    const unit = entry & UNIT_MASK
    const words = this.#words[chunk] as Int32Array
    const hadNumber = (words[unit << 1] as number) < 0
    if (typeof value === 'number') {
      if (!hadNumber) this.#dropObject(words, unit << 1)
      this.#setNumber(chunk, unit, value, flags)
    } else {
      this.#setObject(chunk, unit, value, flags, valueBytes, hadNumber ? -1 : (words[(unit << 1) + 2] as number))
    }
  }

  #dropObject(words: Int32Array, at: number): void {
    const place = words[at + 2] as number
    this.bytes -= OBJECT_BYTES + (words[at + 3] as number)
    ;(this.#values[place >>> VALUES_SHIFT] as unknown[])[place & VALUES_MASK] = undefined
    this.#freeValues.push(place)
  }

  /** Puts the decoded value in the place of its encoded bytes: for readers nothing has changed. */
  decodedAt(entry: number, value: unknown): void {
    const { undo } = this
    const { views } = undo
    undo.views = 0
    this.setAt(entry, value, this.flagsAt(entry) & ~ENCODED, this.valueBytesAt(entry))
    undo.views = views
  }

  /** When the entry ends, ms; infinity in a map without deadlines. */
  deadlineAt(entry: number): number {
    if (this.#tailUnits === 0) return Number.POSITIVE_INFINITY
    const unit = (entry & UNIT_MASK) + unitsFor(this.keyLengthAt(entry))
    return (this.#numbers[entry >>> CHUNK_SHIFT] as Float64Array)[unit] as number
  }

  /** To be called right behind `insert` and `setAt`, in a map with deadlines. */
  setDeadlineAt(entry: number, deadlineMs: number): void {
    const unit = (entry & UNIT_MASK) + unitsFor(this.keyLengthAt(entry))
    ;(this.#numbers[entry >>> CHUNK_SHIFT] as Float64Array)[unit] = deadlineMs
  }

  hashAt(entry: number): number {
    return (this.#words[entry >>> CHUNK_SHIFT] as Int32Array)[((entry & UNIT_MASK) << 1) + 1] as number
  }

  /** The key of an entry is keyChunkAt[keyStartAt, keyStartAt + keyLengthAt). Chunks that were given out never change. */
  keyChunkAt(entry: number): Uint8Array {
    return this.#bytes[entry >>> CHUNK_SHIFT] as Uint8Array
  }

  keyStartAt(entry: number): number {
    return ((entry & UNIT_MASK) + HEADER_UNITS) * UNIT
  }

  keyLengthAt(entry: number): number {
    return ((this.#words[entry >>> CHUNK_SHIFT] as Int32Array)[(entry & UNIT_MASK) << 1] as number) & LENGTH_MASK
  }

  /** A copy of an entry's key. */
  keyAt(entry: number): Uint8Array {
    const start = this.keyStartAt(entry)
    return this.keyChunkAt(entry).slice(start, start + this.keyLengthAt(entry))
  }

  /** The first entry, in order of arrival, or -1. */
  get firstEntry(): number {
    return this.size === 0 ? -1 : 0
  }

  /** The entry that came after this one, or -1. */
  nextEntry(entry: number): number {
    const chunk = entry >>> CHUNK_SHIFT
    const next = entry + unitsFor(this.keyLengthAt(entry)) + this.#tailUnits
    if (next >>> CHUNK_SHIFT === chunk && (next & UNIT_MASK) < (this.#used[chunk] as number)) return next
    return chunk < this.#chunk ? (chunk + 1) << CHUNK_SHIFT : -1
  }

  /** All later entries have this number or a higher one. */
  get endEntry(): number {
    return (this.#chunk << CHUNK_SHIFT) + (this.#used[this.#chunk] as number)
  }

  /** Up to `most` entries, as good as chosen at random: those with the lowest places in the index. */
  sample(most: number): number[] {
    return this.#index.sample(most).map((entryPlusOne) => entryPlusOne - 1)
  }

  /** The entries in order of their keys. If none was kept, all are sorted now: see `prepareOrder`. */
  get order(): OrderedIndex {
    this.keepOrder()
    return this.#order as OrderedIndex
  }

  /** Keeps an order from now on. */
  keepOrder(): void {
    if (this.#order !== null) return
    const order = new OrderedIndex(this)
    for (let entry = this.firstEntry; entry >= 0; entry = this.nextEntry(entry)) order.insert(entry)
    this.#order = order
  }

  /** As `keepOrder`, in steps; entries may be added meanwhile. */
  *prepareOrder(): Generator<void, void> {
    if (this.#order !== null) return
    const order = new OrderedIndex(this)
    let last = -1
    let next = this.firstEntry
    for (let done = 1; next >= 0; done++) {
      order.insert(next)
      last = next
      if (done % PREPARE_ENTRIES === 0) yield
      next = this.nextEntry(last)
    }
    this.#order ??= order
  }

  /** Nobody will ask for ranges any more: entries that are added now are in no order. Open views keep theirs. */
  dropOrder(): void {
    this.#order = null
    this.#groups = null
  }

  /** True while a range needs no sorting first. */
  get ordered(): boolean {
    return this.#order !== null
  }

  /** The entries by the first part of their keys, if the map keeps them so. */
  get groups(): KeyGroups | null {
    return this.#groups
  }

  /** Entries that the index has room for. */
  get room(): number {
    return this.#index.slots
  }

  /** Worth to be emptied and used again: neither too large nor hollow, and no view is open. */
  get reusable(): boolean {
    return this.undo.views === 0 && this.room <= MAX_SPARE_ENTRIES && this.size * 8 >= this.room
  }

  /** Empties the map and keeps its memory for the next use. The caller knows that no view is open. Order is forgotten. */
  clear(): void {
    this.#index.clear()
    this.#used.fill(0)
    this.#chunk = 0
    this.#values = []
    this.#valuesUsed = 0
    this.#freeValues = []
    this.size = 0
    this.bytes = 0
    this.#startIndexes()
  }
}

function unitsFor(keyLength: number): number {
  return HEADER_UNITS + ((keyLength + UNIT - 1) >>> 3)
}
