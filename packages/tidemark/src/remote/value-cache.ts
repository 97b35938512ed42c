import type { RemotePolicy } from '../api/remote-policy.ts'

type CachePolicy = NonNullable<RemotePolicy['cache']>

interface Cached {
  readonly value: unknown
  readonly untilMs: number
  readonly sizeBytes: number
}

/** What an entry takes beside its key and value, about. */
const ENTRY_BYTES = 64

/** What was read, for as long as it may be believed; the longest unused goes first. Pure: the caller has the clock. */
export class ValueCache {
  readonly #policy: CachePolicy
  // A Map keeps the order of insertion: whoever is used is put in again.
  readonly #entries = new Map<string, Cached>()
  #bytes = 0

  constructor(policy: CachePolicy) {
    this.#policy = policy
  }

  get size(): number {
    return this.#entries.size
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  /** The value is in `found.value` when true; undefined there: it is known that there is none. */
  get(id: string, nowMs: number, found: { value: unknown }): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined) return false
    if (nowMs >= entry.untilMs) {
      this.delete(id)
      return false
    }
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    found.value = entry.value
    return true
  }

  /** `sizeBytes`: of key and value as bytes. */
  set(id: string, value: unknown, sizeBytes: number, nowMs: number): void {
    this.delete(id)
    const { maxEntries, maxBytes, ttlMs, negativeTtlMs } = this.#policy
    const lifeMs = value === undefined ? negativeTtlMs : ttlMs
    const size = sizeBytes + ENTRY_BYTES
    if (lifeMs === 0 || size > maxBytes) return
    this.#entries.set(id, { value, untilMs: nowMs + lifeMs, sizeBytes: size })
    this.#bytes += size
    while (this.#entries.size > maxEntries || this.#bytes > maxBytes) {
      for (const oldest of this.#entries.keys()) {
        this.delete(oldest)
        break
      }
    }
  }

  delete(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#bytes -= entry.sizeBytes
  }
}
