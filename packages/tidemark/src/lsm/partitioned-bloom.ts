import { BLOOM_ROUNDS, type CacheOwner, KIND_BLOOM } from './block-cache.ts'
import { BLOOM_LINE_BYTES, bloomLineHas, spreadHash } from './bloom.ts'
import type { MissingPart, SectionFile } from './section-file.ts'
import type { BloomTable } from './section-head.ts'

/**
 * The bloom filter of a section, in partitions of neighbouring lines that are loaded when they are first asked. A key's
 * hash says its line, so which partition it is costs no search.
 */
export class PartitionedBloom implements CacheOwner {
  readonly cacheGroup: object
  readonly cachedReads: Uint8Array
  readonly #file: SectionFile
  readonly #store: string
  readonly #table: BloomTable
  readonly #lines: number
  readonly #shift: number
  readonly #mask: number
  readonly #parts: (Uint8Array | null)[]
  readonly #reads: Float64Array

  constructor(file: SectionFile, store: string, table: BloomTable) {
    this.cacheGroup = file
    this.#file = file
    this.#store = store
    this.#table = table
    this.#lines = table.lines
    this.#shift = table.shift
    this.#mask = 2 ** table.shift - 1
    this.#reads = file.cache.reads
    this.#parts = new Array<Uint8Array | null>(table.crcs.length).fill(null)
    this.cachedReads = new Uint8Array(table.crcs.length)
  }

  /** False only if no key with this murmur2 hash is in the section. */
  has(hash: number): boolean {
    const h = spreadHash(hash)
    const line = ((h >>> 0) * this.#lines * 2 ** -32) | 0
    const number = line >>> this.#shift
    const part = this.#parts[number] ?? this.#load(number)
    this.cachedReads[number] = BLOOM_ROUNDS
    this.#reads[KIND_BLOOM] = (this.#reads[KIND_BLOOM] as number) + 1
    return bloomLineHas(part, (line & this.#mask) * BLOOM_LINE_BYTES, h)
  }

  #load(number: number): Uint8Array {
    const bytes = this.#file.readVerified(this.#position(number), this.#size(number), this.#crc(number), this.#store)
    this.#keep(number, bytes)
    return bytes
  }

  #keep(number: number, bytes: Uint8Array): void {
    if (this.#file.cache.add(this, number, bytes.length, KIND_BLOOM)) this.#parts[number] = bytes
  }

  /** The partition that `has` would have to load for a hash, null if it is there. */
  missing(hash: number): MissingPart | null {
    const line = ((spreadHash(hash) >>> 0) * this.#lines * 2 ** -32) | 0
    const number = line >>> this.#shift
    if (this.#parts[number] !== null) return null
    return {
      store: this.#store,
      position: this.#position(number),
      sizeBytes: this.#size(number),
      crc: this.#crc(number),
      keep: (bytes) => {
        if (this.#parts[number] === null) this.#keep(number, bytes)
      },
    }
  }

  #position(number: number): number {
    return this.#table.position + number * (this.#mask + 1) * BLOOM_LINE_BYTES
  }

  #size(number: number): number {
    return Math.min(this.#mask + 1, this.#lines - number * (this.#mask + 1)) * BLOOM_LINE_BYTES
  }

  #crc(number: number): number {
    return this.#table.crcs[number] as number
  }

  /** How many partitions there are, and where each one is. */
  get partitions(): number {
    return this.#parts.length
  }

  place(number: number): { readonly position: number; readonly sizeBytes: number; readonly crc: number } {
    return { position: this.#position(number), sizeBytes: this.#size(number), crc: this.#crc(number) }
  }

  /** Takes all partitions from the file's bytes, which were verified, for good. */
  makeResident(bytes: Uint8Array): void {
    for (let i = 0; i < this.#parts.length; i++) {
      this.#parts[i] = bytes.subarray(this.#position(i), this.#position(i) + this.#size(i))
    }
  }

  evict(number: number): boolean {
    this.#parts[number] = null
    return true
  }
}
