import type { RawIterator, RawStore } from './types.ts'
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
  #pass: RawIterator | null = null
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
    if (this.#pass === null && !this.#begin(retentionMs)) return false
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
    this.#pass = this.#raw.range({ from: null, to: null, reverse: false, limit: NEVER })
    return true
  }

  #step(most: number): boolean {
    const pass = this.#pass as RawIterator
    for (let i = 0; i < most; i++) {
      if (!pass.next()) {
        pass.close()
        this.#pass = null
        this.#oldestEndMs = this.#passOldestMs
        return false
      }
      const key = pass.key
      const endMs = this.#keys.endOf(key)
      if (this.isExpired(endMs)) this.#raw.delete(key, 0, key.length)
      else if (endMs < this.#passOldestMs) this.#passOldestMs = endMs
    }
    return true
  }
}
