import { TidemarkError } from '../errors/error.ts'
import { readKeyTime, TIME_BYTES, writeKeyTime } from '../serde/time-bytes.ts'

/*
 * Keys of window stores: the user key's bytes with every 00 written as 00 ff, then 00 01, then the window's start, then,
 * only in stores without a fixed window size, its end. Times are 8 bytes, big-endian, with the sign bit flipped. So the
 * entries of one key stand together, by start, and keys stand in the order of their bytes: 00 01 (end of key) is below
 * 00 ff (a zero byte of a longer key), which is below any other byte. (The escape is that of FoundationDB's tuple layer.)
 */
const ESCAPE = 0
const ESCAPED_ZERO = 0xff
const END_OF_KEY = 1

/**
 * Makes and takes apart the keys of one window store. After `encode`, the key is `bytes[0, end)` until the next call.
 */
export class WindowKeys {
  readonly sizeMs: number | null
  bytes: Uint8Array
  end = 0
  readonly #store: string
  /** How much of the last key all entries of its user key start with. */
  keyEnd = 0

  constructor(store: string, sizeMs: number | null) {
    this.#store = store
    this.sizeMs = sizeMs
    this.bytes = new Uint8Array(256)
  }

  /** The key of a window: `key[start, end)` is the user's key. `windowEnd` is not used if the store's windows are fixed. */
  encode(key: Uint8Array, start: number, end: number, windowStart: number, windowEnd: number): void {
    this.encodeKey(key, start, end)
    this.#time(windowStart)
    if (this.sizeMs === null) this.#time(windowEnd)
  }

  /** Only the part that all windows of a key start with. */
  encodeKey(key: Uint8Array, start: number, end: number): void {
    const most = (end - start) * 2 + 2 + 2 * TIME_BYTES
    if (most > this.bytes.length) this.bytes = new Uint8Array(most * 2)
    const bytes = this.bytes
    let at = 0
    for (let i = start; i < end; i++) {
      const byte = key[i] as number
      bytes[at++] = byte
      if (byte === ESCAPE) bytes[at++] = ESCAPED_ZERO
    }
    bytes[at++] = ESCAPE
    bytes[at++] = END_OF_KEY
    this.end = at
    this.keyEnd = at
  }

  /** After `encodeKey` or `encode`: the same key at another time, without an end: where a scan by start begins. */
  seek(windowStart: number): void {
    this.end = this.keyEnd
    this.#time(windowStart)
  }

  #time(ms: number): void {
    if (!Number.isSafeInteger(ms)) {
      throw new TidemarkError(
        'ERR_WINDOW_INVALID',
        `store ${this.#store}: a window's start and end must be whole milliseconds, not ${String(ms)}`,
        { details: { store: this.#store } },
      )
    }
    writeKeyTime(this.bytes, this.end, ms)
    this.end += TIME_BYTES
  }

  /** Start of the window of an encoded key. */
  startOf(key: Uint8Array): number {
    return readKeyTime(key, key.length - (this.sizeMs === null ? 2 * TIME_BYTES : TIME_BYTES))
  }

  /** End of the window of an encoded key. */
  endOf(key: Uint8Array): number {
    return this.sizeMs === null ? readKeyTime(key, key.length - TIME_BYTES) : this.startOf(key) + this.sizeMs
  }

  /** The user's key bytes, unescaped, of an encoded key. ERR_STATE_CORRUPT if it is not one. */
  userKeyOf(key: Uint8Array): Uint8Array {
    const end = key.length - (this.sizeMs === null ? 2 * TIME_BYTES : TIME_BYTES) - 2
    if (end < 0 || key[end] !== ESCAPE || key[end + 1] !== END_OF_KEY) throw this.malformed(key)
    return this.unescape(key, end)
  }

  /** The user's key that key[0, end) is the escaped form of. */
  unescape(key: Uint8Array, end: number): Uint8Array {
    const user = new Uint8Array(end)
    let length = 0
    for (let i = 0; i < end; i++) {
      const byte = key[i] as number
      user[length++] = byte
      if (byte === ESCAPE && key[++i] !== ESCAPED_ZERO) throw this.malformed(key)
    }
    return user.subarray(0, length)
  }

  /** What to throw for bytes that are no key of this store. */
  malformed(key: Uint8Array): TidemarkError {
    return new TidemarkError(
      'ERR_STATE_CORRUPT',
      `store ${this.#store}: a key of ${key.length} bytes is not a window key. Restore the state from a checkpoint`,
      { details: { store: this.#store } },
    )
  }
}

/** How many bytes of a window key are its times: the part by which the entries of one user key are ordered. */
export function timeBytes(windowSizeMs: number | null): number {
  return windowSizeMs === null ? 2 * TIME_BYTES : TIME_BYTES
}
