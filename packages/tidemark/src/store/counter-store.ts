import { TidemarkError } from '../errors/error.ts'
import { showValue } from '../serde/hex.ts'
import { KeyEncoder } from './key-encoder.ts'
import { type KeyValueEntry, KeyValueStore, type RangeOptions } from './kv-store.ts'
import type { StoreIterator } from './store-iterator.ts'
import type { RawStore, StoreSpec } from './types.ts'

/** What can be read of a store of counters. */
export interface CounterReader<K, N extends number | bigint> {
  readonly name: string
  get(key: K): N
  entries(options?: RangeOptions): StoreIterator<KeyValueEntry<K, N>>
  approximateCount(): number
}

/** The zero of a store of counters. */
export function zeroOf({ value }: StoreSpec): number | bigint {
  return value.name === 'int64' ? 0n : 0
}

/** A store of counters as a task sees it. A key that was never added to is 0. */
export class CounterStore<K, N extends number | bigint> implements CounterReader<K, N> {
  readonly #store: KeyValueStore<K, number | bigint>
  readonly #raw: RawStore
  readonly #zero: number | bigint

  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never)) {
    this.#raw = raw
    this.#store = new KeyValueStore(raw, keys)
    this.#zero = zeroOf(raw.spec)
  }

  get name(): string {
    return this.#store.name
  }

  get(key: K): N {
    return (this.#store.get(key) ?? this.#zero) as N
  }

  /** Adds (1 by default) and returns the new count. ERR_SERDE when the serde cannot hold it: the count stays as it was. */
  add(key: K, by?: N): N {
    if (by !== undefined && typeof by !== typeof this.#zero) throw this.#otherNumber(by)
    const before = this.#store.get(key) ?? this.#zero
    const after = (typeof before === 'bigint' ? before + ((by as bigint) ?? 1n) : before + ((by as number) ?? 1)) as N
    this.#store.put(key, after)
    return after
  }

  #otherNumber(by: unknown): TidemarkError {
    const wanted = typeof this.#zero === 'bigint' ? 'a bigint, as 1n' : 'a number'
    return new TidemarkError('ERR_SERDE', `store ${this.name}: ${showValue(by)} cannot be added, but only ${wanted}`, {
      details: { store: this.name },
    })
  }

  /** Back to 0; the entry goes. */
  reset(key: K): void {
    this.#store.delete(key)
  }

  /** Keys that were added to since they were last reset, in byte order of the encoded keys. */
  entries(options: RangeOptions = {}): StoreIterator<KeyValueEntry<K, N>> {
    return this.#store.entries(options) as unknown as StoreIterator<KeyValueEntry<K, N>>
  }

  approximateCount(): number {
    return this.#store.approximateCount()
  }

  /** The same store as of the last commit: what queries see. */
  committed(): CounterReader<K, N> {
    const reader = this.#store.committed()
    const zero = zeroOf(this.#raw.spec)
    return {
      name: reader.name,
      get: (key) => (reader.get(key) ?? zero) as N,
      entries: (options) => reader.entries(options) as unknown as StoreIterator<KeyValueEntry<K, N>>,
      approximateCount: () => reader.approximateCount(),
    }
  }
}
