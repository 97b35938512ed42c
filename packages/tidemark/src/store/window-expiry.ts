import { keyAfter } from './prefix.ts'
import type { RawStore } from './types.ts'
import { WindowKeys } from './window-key.ts'

const NEVER = Number.POSITIVE_INFINITY
const PASSES_PER_RETENTION = 8

/**
 * Removes expired windows of one store. Entries are ordered by key, so that a pass looks at all of them, `most` at a
 * time; it starts only when the oldest window that the last pass left (or that was put since) has expired, and at most
 * eight times per retention. What is expired is out of sight before that (`isExpired`).
 */
export class WindowExpiry {
  readonly #raw: RawStore
  readonly #keys: WindowKeys
  readonly #retentionMs: number | null
  #watermarkMs = Number.NEGATIVE_INFINITY
  // A lower bound of all windows' ends; minus infinity until a first pass has seen the store.
  #oldestEndMs: number
  #nextPassMs = Number.NEGATIVE_INFINITY
  #passing = false
  /** Where the pass goes on: nothing is held open between two steps. */
  #from: Uint8Array | null = null
  #passOldestMs = NEVER

  constructor(raw: RawStore) {
    this.#raw = raw
    this.#keys = new WindowKeys(raw.spec.name, raw.spec.windowSizeMs)
    this.#retentionMs = raw.spec.retentionMs
    this.#oldestEndMs = raw.approximateCount() === 0 ? NEVER : Number.NEGATIVE_INFINITY
  }

  /** True if a window with this end is behind the watermark by the store's retention or more. */
  isExpired(endMs: number): boolean {
    if (this.#retentionMs === null) return false
    return endMs + this.#retentionMs <= this.#watermarkMs || endMs <= (this.#raw.windowsExpiredMs ?? -NEVER)
  }

  /** Tells of a put. */
  added(endMs: number): void {
    if (endMs < this.#oldestEndMs) this.#oldestEndMs = endMs
    if (endMs < this.#passOldestMs) this.#passOldestMs = endMs
  }

  /** One step; returns true if the pass is not over. */
  expire(watermarkMs: number, most: number): boolean {
    const retentionMs = this.#retentionMs
    if (retentionMs === null) return false
    if (watermarkMs > this.#watermarkMs) this.#watermarkMs = watermarkMs
    if (this.#dropped(retentionMs)) return false
    if (!this.#passing && !this.#begin(retentionMs)) return false
    return this.#step(most)
  }

  /** True if the store drops expired windows by itself, as whole files. */
  #dropped(retentionMs: number): boolean {
    const beforeEndMs = this.#watermarkMs - retentionMs
    return Number.isFinite(beforeEndMs) && this.#raw.expireWindows?.(beforeEndMs) === true
  }

  #begin(retentionMs: number): boolean {
    if (this.#oldestEndMs + retentionMs > this.#watermarkMs || this.#watermarkMs < this.#nextPassMs) return false
    this.#nextPassMs = this.#watermarkMs + Math.floor(retentionMs / PASSES_PER_RETENTION)
    this.#passOldestMs = NEVER
    this.#from = null
    this.#passing = true
    return true
  }

  #step(most: number): boolean {
    using entries = this.#raw.range({ from: this.#from, to: null, reverse: false, limit: most })
    let seen = 0
    while (entries.next()) {
      seen++
      const { key } = entries
      const endMs = this.#keys.endOf(key)
      if (this.isExpired(endMs)) this.#raw.delete(key, 0, key.length)
      else if (endMs < this.#passOldestMs) this.#passOldestMs = endMs
      this.#from = keyAfter(key)
    }
    if (seen === most) return true
    this.#passing = false
    this.#oldestEndMs = this.#passOldestMs
    return false
  }
}
