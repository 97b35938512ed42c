import { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'
import type { RawStore } from '../store/types.ts'

const BY_KEY = 0x6b
const BY_TIME = 0x74
const SIGN = -0x8000_0000_0000_0000n
const encoder = new TextEncoder()
const NO_BYTES = new Uint8Array(0)

/** One declared timer: at most one time per key. Times are ms since 1970, of the clock that the timer was declared for. */
export class TimerQueue {
  readonly name: string
  readonly #store: RawStore
  readonly #prefix: Uint8Array
  readonly #writer = new ByteWriter(128)
  #earliestMs: number

  readonly #key: Serde<unknown>

  constructor(name: string, key: Serde<unknown>, store: RawStore) {
    this.name = name
    this.#key = key
    this.#store = store
    this.#prefix = encoder.encode(`${name}\0`)
    this.#earliestMs = this.#findEarliest()
  }

  get earliestMs(): number {
    return this.#earliestMs
  }

  /** Sets (or moves) the timer of a key. */
  set(key: unknown, timeMs: number): void {
    const encoded = this.#encode(key)
    this.#remove(encoded)
    const byKey = this.#byKey(encoded)
    this.#store.put(byKey, 0, byKey.length, timeMs)
    const byTime = this.#byTime(timeMs, encoded)
    this.#store.put(byTime, 0, byTime.length, timeMs)
    if (timeMs < this.#earliestMs) this.#earliestMs = timeMs
  }

  delete(key: unknown): void {
    this.#remove(this.#encode(key))
  }

  /** When the key's timer is due, or undefined. */
  get(key: unknown): number | undefined {
    const byKey = this.#byKey(this.#encode(key))
    return this.#store.get(byKey, 0, byKey.length) as number | undefined
  }

  /** Takes the next timer that is due at `nowMs`, in order of time; null when none is. */
  take(nowMs: number): { readonly key: unknown; readonly timeMs: number } | null {
    if (this.#earliestMs > nowMs) return null
    const from = this.#byTime(Number.MIN_SAFE_INTEGER, NO_BYTES)
    const to = this.#byTime(Math.floor(nowMs) + 1, NO_BYTES)
    using cursor = this.#store.range({ from, to, reverse: false, limit: 1 })
    if (!cursor.next()) {
      this.#earliestMs = this.#findEarliest()
      return null
    }
    const timeMs = cursor.value as number
    const encoded = cursor.key.slice(from.length)
    this.#remove(encoded)
    this.#earliestMs = this.#findEarliest()
    return { key: this.#key.read(encoded, 0, encoded.length), timeMs }
  }

  #remove(encoded: Uint8Array): void {
    const byKey = this.#byKey(encoded)
    const before = this.#store.get(byKey, 0, byKey.length) as number | undefined
    if (before === undefined) return
    this.#store.delete(byKey, 0, byKey.length)
    const byTime = this.#byTime(before, encoded)
    this.#store.delete(byTime, 0, byTime.length)
  }

  #findEarliest(): number {
    const from = this.#byTime(Number.MIN_SAFE_INTEGER, NO_BYTES)
    const to = this.#byTime(Number.MAX_SAFE_INTEGER, NO_BYTES)
    using cursor = this.#store.range({ from, to, reverse: false, limit: 1 })
    return cursor.next() ? (cursor.value as number) : Number.POSITIVE_INFINITY
  }

  #encode(key: unknown): Uint8Array {
    const writer = this.#writer
    writer.reset()
    this.#key.write(key, writer)
    return writer.copy()
  }

  #byKey(encoded: Uint8Array): Uint8Array {
    const writer = this.#writer
    writer.reset()
    writer.u8(BY_KEY)
    writer.raw(this.#prefix)
    writer.raw(encoded)
    return writer.copy()
  }

  #byTime(timeMs: number, encoded: Uint8Array): Uint8Array {
    const writer = this.#writer
    writer.reset()
    writer.u8(BY_TIME)
    writer.raw(this.#prefix)
    writer.i64(BigInt(Math.floor(timeMs)) ^ SIGN)
    writer.raw(encoded)
    return writer.copy()
  }
}
