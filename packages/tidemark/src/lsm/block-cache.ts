/** Whose blocks are cached: they are in `cachedBlocks` of their owner, by number, null when they are not cached. */
export interface CacheOwner {
  readonly cachedBlocks: (Uint8Array | null)[]
  /** The owner sets 1 when it reads a cached block. */
  readonly cachedReads: Uint8Array
}

export interface BlockCacheStatistics {
  readonly bytes: number
  readonly capacityBytes: number
  readonly blocks: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

/** What a cached block costs beside its bytes, roughly: the object of its array and its places in the tables. */
const BLOCK_OVERHEAD_BYTES = 128
/** A block larger than this part of the cache would displace too much for one look-up. */
const LARGEST_PART = 8

/**
 * Blocks of sorted files, bounded in bytes, shared by all bases of a thread. Replacement is CLOCK with a first life of
 * one round: a block that is not read a second time until the hand comes round goes, so that a long scan does not
 * displace what is read often. A hit is for the owner alone: it takes the block from `cachedBlocks`, sets 1 in
 * `cachedReads` and counts it in `hits`: no hashing, no allocation.
 */
export class BlockCache {
  readonly #capacityBytes: number
  /** Slots of the clock: whose block, and its number; null when free. */
  readonly #owners: (CacheOwner | null)[] = []
  readonly #indexes: number[] = []
  readonly #free: number[] = []
  /** Counted up by owners. */
  hits = 0
  #hand = 0
  #bytes = 0
  #misses = 0
  #evictions = 0

  /** `capacityBytes` of 0 caches nothing. */
  constructor(options: { readonly capacityBytes: number }) {
    this.#capacityBytes = options.capacityBytes
  }

  /** Offers a block that was not here, after it was read and verified. */
  add(owner: CacheOwner, index: number, block: Uint8Array): void {
    this.#misses++
    const cost = block.length + BLOCK_OVERHEAD_BYTES
    if (cost * LARGEST_PART > this.#capacityBytes) return
    while (this.#bytes + cost > this.#capacityBytes) this.#evictOne()
    const slot = this.#free.pop() ?? this.#owners.length
    this.#owners[slot] = owner
    this.#indexes[slot] = index
    this.#bytes += cost
    owner.cachedBlocks[index] = block
    owner.cachedReads[index] = 0
  }

  /** Drops all blocks of some owners. */
  drop(owners: ReadonlySet<CacheOwner>): void {
    for (let slot = 0; slot < this.#owners.length; slot++) {
      const owner = this.#owners[slot] ?? null
      if (owner !== null && owners.has(owner)) this.#clear(slot, owner)
    }
  }

  statistics(): BlockCacheStatistics {
    return {
      bytes: this.#bytes,
      capacityBytes: this.#capacityBytes,
      blocks: this.#owners.length - this.#free.length,
      hits: this.hits,
      misses: this.#misses,
      evictions: this.#evictions,
    }
  }

  #evictOne(): void {
    for (;;) {
      if (this.#hand >= this.#owners.length) this.#hand = 0
      const slot = this.#hand++
      const owner = this.#owners[slot] ?? null
      if (owner === null) continue
      const index = this.#indexes[slot] as number
      if (owner.cachedReads[index] === 1) {
        owner.cachedReads[index] = 0
        continue
      }
      this.#evictions++
      this.#clear(slot, owner)
      return
    }
  }

  #clear(slot: number, owner: CacheOwner): void {
    const index = this.#indexes[slot] as number
    this.#bytes -= (owner.cachedBlocks[index] as Uint8Array).length + BLOCK_OVERHEAD_BYTES
    owner.cachedBlocks[index] = null
    this.#owners[slot] = null
    this.#free.push(slot)
  }
}
