/** One cache that a budget bounds. */
export interface CacheMember {
  /** Bytes that are held now. */
  readonly cacheBytes: number
  /** Frees about half of what is held. */
  shrink(): void
}

const CHECK_STEP_BYTES = 65_536

/** A bound in bytes for the caches of clean (committed, decoded) values of all tasks of a container. */
export class CacheBudget {
  readonly limitBytes: number
  #usedBytes = 0
  #nextCheck: number
  readonly #members = new Set<CacheMember>()

  constructor(limitBytes: number = 64 * 1024 * 1024) {
    this.limitBytes = limitBytes
    this.#nextCheck = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  join(member: CacheMember): void {
    this.#members.add(member)
    this.add(member.cacheBytes)
  }

  leave(member: CacheMember): void {
    if (this.#members.delete(member)) this.add(-member.cacheBytes)
  }

  /** Bytes that a member may hold: what the others leave, and at least its fair share. */
  roomFor(member: CacheMember): number {
    return Math.max(
      this.limitBytes - (this.#usedBytes - member.cacheBytes),
      this.limitBytes / Math.max(1, this.#members.size),
    )
  }

  /** Tells of a change of a member's bytes; over the limit the largest members are shrunk. */
  add(bytes: number): void {
    this.#usedBytes += bytes
    if (this.#usedBytes > this.#nextCheck) this.#enforce()
  }

  #enforce(): void {
    let tries = this.#members.size * 2
    while (this.#usedBytes > this.limitBytes && tries-- > 0) {
      let largest: CacheMember | null = null
      for (const member of this.#members) {
        if (largest === null || member.cacheBytes > largest.cacheBytes) largest = member
      }
      if (largest === null || largest.cacheBytes === 0) break
      largest.shrink()
    }
    this.#nextCheck = Math.max(this.limitBytes, this.#usedBytes + CHECK_STEP_BYTES)
  }
}
