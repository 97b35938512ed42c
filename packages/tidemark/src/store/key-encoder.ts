import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'

const NO_BYTES = new Uint8Array(0)
/** Stands for "no key": never equal to a user's key. */
const NONE: unique symbol = Symbol('no key')

/**
 * Encodes keys of one serde, and knows the encoded key of the message at hand. After `encode`, the key is
 * `bytes[start, end)` until `version` changes. One encoder may serve all stores of a task whose keys have the same serde.
 */
export class KeyEncoder<K> {
  readonly serde: Serde<K>
  bytes: Uint8Array = NO_BYTES
  start = 0
  end = 0
  /** Changes whenever bytes, start and end change. */
  version = 0
  readonly #writer = new ByteWriter(128)
  #last: unknown = NONE
  #hintKey: unknown = NONE
  #hintBytes: Uint8Array = NO_BYTES
  #hintStart = 0
  #hintEnd = 0

  constructor(serde: Serde<K>) {
    this.serde = serde
  }

  /**
   * Says that `bytes[start, end)` is the encoding of `key`, as in the record at hand: a store call with the identical
   * key then uses these bytes. They must stay as they are until the next `hint` or `clearHint`. Objects are not taken,
   * since they could change.
   */
  hint(key: K, bytes: Uint8Array, start: number, end: number): void {
    if (typeof key === 'object') {
      this.clearHint()
      return
    }
    this.#hintKey = key
    this.#hintBytes = bytes
    this.#hintStart = start
    this.#hintEnd = end
    this.#last = NONE
    this.version++
  }

  /** Forgets the hint: its bytes are about to be reused. */
  clearHint(): void {
    this.#hintKey = NONE
    this.#hintBytes = NO_BYTES
    this.#last = NONE
    this.version++
  }

  /** Encodes a key, unless it is the last or the hinted one. Throws ERR_NULL_KEY and ERR_SERDE, naming the store. */
  encode(key: K, store: string): void {
    if (Object.is(key, this.#last)) return
    if (key === null || key === undefined) {
      throw new TidemarkError('ERR_NULL_KEY', `store ${store}: the key is ${key === null ? 'null' : 'undefined'}`, {
        details: { store },
      })
    }
    this.version++
    if (Object.is(key, this.#hintKey)) {
      this.bytes = this.#hintBytes
      this.start = this.#hintStart
      this.end = this.#hintEnd
      this.#last = key
      return
    }
    this.#last = NONE
    const writer = this.#writer
    writer.reset()
    this.serde.write(key, writer)
    this.bytes = writer.bytes
    this.start = 0
    this.end = writer.position
    if (typeof key !== 'object') this.#last = key
  }
}
