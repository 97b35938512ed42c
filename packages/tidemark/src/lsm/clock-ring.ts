import type { CacheOwner } from './block-cache.ts'

/** The parts of a cache in the order of their coming, and the hand that goes round over them. */
export class ClockRing {
  /** Slots: whose part, its number, its cost and its kind; no owner when the slot is free. */
  readonly #owners: (CacheOwner | null)[] = []
  readonly #indexes: number[] = []
  readonly #costs: number[] = []
  readonly #kinds: number[] = []
  readonly #free: number[] = []
  readonly #bytesByKind: number[] = [0, 0, 0, 0]
  readonly #partsByKind: number[] = [0, 0, 0, 0]
  readonly #evictionsByKind: number[] = [0, 0, 0, 0]
  #hand = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  bytesOf(kind: number): number {
    return this.#bytesByKind[kind] as number
  }

  partsOf(kind: number): number {
    return this.#partsByKind[kind] as number
  }

  evictionsOf(kind: number): number {
    return this.#evictionsByKind[kind] as number
  }

  add(owner: CacheOwner, index: number, cost: number, kind: number): void {
    const slot = this.#free.pop() ?? this.#owners.length
    this.#owners[slot] = owner
    this.#indexes[slot] = index
    this.#costs[slot] = cost
    this.#kinds[slot] = kind
    this.#count(slot, 1)
  }

  /**
   * Moves the hand to the first part that may go, and lets it go. There must be one: parts that others hang on may go
   * once these are gone, which come round too.
   */
  evictOne(): void {
    for (;;) {
      if (this.#hand >= this.#owners.length) this.#hand = 0
      const slot = this.#hand++
      const owner = this.#owners[slot] ?? null
      if (owner === null) continue
      const index = this.#indexes[slot] as number
      const rounds = owner.cachedReads[index] as number
      if (rounds > 0) {
        owner.cachedReads[index] = rounds - 1
        continue
      }
      if (!owner.evict(index)) continue
      const kind = this.#kinds[slot] as number
      this.#evictionsByKind[kind] = (this.#evictionsByKind[kind] as number) + 1
      this.#clear(slot)
      return
    }
  }

  /** Drops all parts of a group of owners, those that others hang on last. */
  drop(group: object): void {
    let kept = true
    while (kept) {
      kept = false
      for (let slot = 0; slot < this.#owners.length; slot++) {
        const owner = this.#owners[slot] ?? null
        if (owner === null || owner.cacheGroup !== group) continue
        if (owner.evict(this.#indexes[slot] as number)) this.#clear(slot)
        else kept = true
      }
    }
  }

  #clear(slot: number): void {
    this.#count(slot, -1)
    this.#owners[slot] = null
    this.#free.push(slot)
  }

  #count(slot: number, sign: number): void {
    const kind = this.#kinds[slot] as number
    const cost = (this.#costs[slot] as number) * sign
    this.#bytes += cost
    this.#bytesByKind[kind] = (this.#bytesByKind[kind] as number) + cost
    this.#partsByKind[kind] = (this.#partsByKind[kind] as number) + sign
  }
}
