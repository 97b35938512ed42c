import { DATA_ROUNDS, type CacheOwner, KIND_LARGE } from './block-cache.ts'
import { readUint32 } from './bytes.ts'
import { plainBlock } from './codec.ts'
import { corrupt } from './format.ts'
import type { MissingPart, SectionFile } from './section-file.ts'

/** Reads the reference of a large value, which an entry holds in place of it. */
export class LargeReference {
  position = 0
  storedBytes = 0
  plainBytes = 0
  codec = 0
  crc = 0

  read(bytes: Uint8Array, at: number): void {
    this.position = readUint32(bytes, at) * 2 ** 32 + readUint32(bytes, at + 4)
    this.storedBytes = readUint32(bytes, at + 8)
    this.plainBytes = readUint32(bytes, at + 12)
    this.codec = bytes[at + 16] as number
    this.crc = readUint32(bytes, at + 17)
  }
}

/** The values of a section that have a block of their own, as far as they are cached: found by their position. */
export class LargeValues implements CacheOwner {
  readonly cacheGroup: object
  /** By slot; slots are few, and used again. */
  readonly cachedReads: Uint8Array = new Uint8Array(1024)
  readonly #file: SectionFile
  readonly #store: string
  readonly #slots = new Map<number, number>()
  readonly #values: (Uint8Array | null)[] = []
  readonly #positions: number[] = []
  readonly #free: number[] = []
  readonly #reference = new LargeReference()

  constructor(file: SectionFile, store: string) {
    this.cacheGroup = file
    this.#file = file
    this.#store = store
  }

  /** The value whose reference is at block[at, ...). */
  load(block: Uint8Array, at: number): Uint8Array {
    const reference = this.#reference
    reference.read(block, at)
    const { position, storedBytes, crc } = reference
    const { cache } = this.#file
    cache.reads[KIND_LARGE] = (cache.reads[KIND_LARGE] as number) + 1
    const slot = this.#slots.get(position)
    if (slot !== undefined) {
      this.cachedReads[slot] = DATA_ROUNDS
      return this.#values[slot] as Uint8Array
    }
    const value = this.#plain(this.#file.readVerified(position, storedBytes, crc, this.#store), reference)
    this.#keep(position, value)
    return value
  }

  /** As `load`, past the cache. */
  loadOnce(block: Uint8Array, at: number): Uint8Array {
    const reference = this.#reference
    reference.read(block, at)
    return this.#plain(
      this.#file.readVerified(reference.position, reference.storedBytes, reference.crc, this.#store),
      reference,
    )
  }

  /** What `load` would have to read; null if it is there. */
  missing(block: Uint8Array, at: number): MissingPart | null {
    const reference = new LargeReference()
    reference.read(block, at)
    const { position, storedBytes, crc } = reference
    if (this.#slots.has(position)) return null
    return {
      store: this.#store,
      position,
      sizeBytes: storedBytes,
      crc,
      keep: (bytes) => {
        if (!this.#slots.has(position)) this.#keep(position, this.#plain(bytes, reference))
      },
    }
  }

  #plain(stored: Uint8Array, reference: LargeReference): Uint8Array {
    const value = plainBlock(stored, reference.codec, reference.plainBytes)
    if (value !== null && value.length === reference.plainBytes) return value
    throw corrupt(this.#file.path, reference.position, 'has a large value that cannot be decompressed', this.#store)
  }

  #keep(position: number, value: Uint8Array): void {
    const slot = this.#free.pop() ?? this.#values.length
    if (slot >= this.cachedReads.length || !this.#file.cache.add(this, slot, value.length, KIND_LARGE)) {
      this.#free.push(slot)
      return
    }
    this.#values[slot] = value
    this.#positions[slot] = position
    this.#slots.set(position, slot)
  }

  evict(slot: number): boolean {
    this.#slots.delete(this.#positions[slot] as number)
    this.#values[slot] = null
    this.#free.push(slot)
    return true
  }
}
