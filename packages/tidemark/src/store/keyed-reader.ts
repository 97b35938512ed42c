import { TidemarkError } from '../errors/error.ts'
import type { KeyEncoder } from './key-encoder.ts'
import { prefixEnd } from './prefix.ts'
import type { ByteRange, RawIterator, RawStore } from './types.ts'
import { WindowKeys } from './window-key.ts'

/** How entries of one user key are told apart: by a number, or by two (a session's start and end). */
type Suffix = 'one' | 'two'

/**
 * What stores of several entries for each user key have in common: they stand together, in order of the numbers that end
 * their keys, under keys that are made as those of window stores are (see WindowKeys).
 */
export class KeyedReader<K> {
  protected readonly raw: RawStore
  protected readonly keys: KeyEncoder<K>
  protected readonly suffixes: WindowKeys
  readonly #committed: boolean

  constructor(raw: RawStore, keys: KeyEncoder<K>, suffix: Suffix, committed: boolean) {
    this.raw = raw
    this.keys = keys
    this.suffixes = new WindowKeys(raw.spec.name, suffix === 'one' ? 0 : null)
    this.#committed = committed
  }

  get name(): string {
    return this.raw.spec.name
  }

  /** About how many entries there are. */
  approximateCount(): number {
    return this.raw.approximateCount()
  }

  /** What all entries of a key start with is in `suffixes` then. ERR_NULL_KEY, ERR_SERDE. */
  protected encodeKey(key: K): void {
    this.keys.encode(key, this.raw.spec.name)
    this.suffixes.encodeKey(this.keys.bytes, this.keys.start, this.keys.end)
  }

  /** The value of the key that `suffixes` has encoded. */
  protected read(): unknown {
    const { bytes, end } = this.suffixes
    return this.#committed ? this.raw.getCommitted(bytes, 0, end) : this.raw.get(bytes, 0, end)
  }

  /** The entries of the key that was encoded last, from a number to below another; null is open. */
  protected rangeOfKey(from: number | null, to: number | null, reverse = false): RawIterator {
    const { suffixes } = this
    const start = suffixes.bytes.slice(0, suffixes.keyEnd)
    return this.#open({
      from: from === null ? start : this.#at(from),
      to: to === null ? prefixEnd(start) : this.#at(to),
      reverse,
      limit: Number.POSITIVE_INFINITY,
      prefixBytes: suffixes.keyEnd,
    })
  }

  #at(number: number): Uint8Array {
    this.suffixes.seek(number)
    return this.suffixes.bytes.slice(0, this.suffixes.end)
  }

  /** The entries of all keys. */
  protected rangeOfAll(reverse = false): RawIterator {
    return this.#open({ from: null, to: null, reverse, limit: Number.POSITIVE_INFINITY })
  }

  #open(range: ByteRange): RawIterator {
    return this.#committed ? this.raw.rangeCommitted(range) : this.raw.range(range)
  }

  /** The user's key of an encoded one. */
  protected userKey(bytes: Uint8Array): K {
    const user = this.suffixes.userKeyOf(bytes)
    return this.keys.serde.read(user, 0, user.length)
  }

  protected refuseNull(value: unknown): void {
    if (value !== null && value !== undefined) return
    throw new TidemarkError('ERR_NULL_VALUE', `store ${this.name}: the value is ${value}`, {
      details: { store: this.name },
    })
  }
}
