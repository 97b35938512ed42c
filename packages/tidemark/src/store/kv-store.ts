import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { deepThaw } from '../serde/deep-freeze.ts'
import { KeyEncoder } from './key-encoder.ts'
import { prefixEnd } from './prefix.ts'
import { StoreIterator } from './store-iterator.ts'
import type { RawIterator, RawStore } from './types.ts'

/** Which way and how far. */
export interface RangeOptions {
  /** From the end to the start. */
  readonly reverse?: boolean
  /** At most this many entries. */
  readonly limit?: number
}

/** One entry of a key-value store. */
export interface KeyValueEntry<K, V> {
  readonly key: K
  readonly value: DeepReadonly<V>
}

/** What can be read of a key-value store: as its task sees it, or as of the last commit. */
export class KeyValueReader<K, V> {
  protected readonly raw: RawStore
  protected readonly keys: KeyEncoder<K>
  readonly #committed: boolean

  constructor(raw: RawStore, keys: KeyEncoder<K>, committed: boolean) {
    this.raw = raw
    this.keys = keys
    this.#committed = committed
  }

  get name(): string {
    return this.raw.spec.name
  }

  /** The value, or undefined. Errors: ERR_NULL_KEY, ERR_SERDE. */
  get(key: K): DeepReadonly<V> | undefined {
    const keys = this.keys
    keys.encode(key, this.raw.spec.name)
    const value = this.#committed
      ? this.raw.getCommitted(keys.bytes, keys.start, keys.end)
      : this.raw.get(keys.bytes, keys.start, keys.end)
    return value as DeepReadonly<V> | undefined
  }

  /** The values of several keys, in their order; undefined where there is none. */
  getAll(keys: Iterable<K>): (DeepReadonly<V> | undefined)[] {
    const values: (DeepReadonly<V> | undefined)[] = []
    for (const key of keys) values.push(this.get(key))
    return values
  }

  has(key: K): boolean {
    return this.get(key) !== undefined
  }

  /**
   * Entries with from <= key < to, in byte order of the encoded keys (the order of the keys, if the key's serde is
   * `ordered`). Null is open.
   */
  range(from: K | null, to: K | null, options: RangeOptions = {}): StoreIterator<KeyValueEntry<K, V>> {
    return this.#scan(from === null ? null : this.#copy(from), to === null ? null : this.#copy(to), options)
  }

  /** Entries whose encoded key starts with the encoding of `start`: for keys that are strings or bytes. */
  prefix(start: K, options: RangeOptions = {}): StoreIterator<KeyValueEntry<K, V>> {
    const from = this.#copy(start)
    return this.#scan(from, prefixEnd(from), options)
  }

  /** All entries, in byte order of the encoded keys. */
  entries(options: RangeOptions = {}): StoreIterator<KeyValueEntry<K, V>> {
    return this.#scan(null, null, options)
  }

  /** All entries as they are now, to be read once, at any later time, whatever is written in between. Close it. */
  snapshot(): StoreIterator<KeyValueEntry<K, V>> {
    return this.#scan(null, null, {})
  }

  /** About how many entries there are: exact for those in memory, from the files' counts for others. */
  approximateCount(): number {
    return this.raw.approximateCount()
  }

  #copy(key: K): Uint8Array {
    this.keys.encode(key, this.raw.spec.name)
    return this.keys.bytes.slice(this.keys.start, this.keys.end)
  }

  #scan(from: Uint8Array | null, to: Uint8Array | null, options: RangeOptions): StoreIterator<KeyValueEntry<K, V>> {
    const range = { from, to, reverse: options.reverse ?? false, limit: options.limit ?? Number.POSITIVE_INFINITY }
    const cursor: RawIterator = this.#committed ? this.raw.rangeCommitted(range) : this.raw.range(range)
    const serde = this.keys.serde
    return new StoreIterator(
      cursor,
      (bytes, value) => ({ key: serde.read(bytes, 0, bytes.length), value: value as DeepReadonly<V> }),
      options.limit,
    )
  }
}

/**
 * A key-value store as a task sees it. Reads and writes are synchronous; writes become durable with the task's next
 * commit. Null or undefined keys and values throw ERR_NULL_KEY and ERR_NULL_VALUE; `put` throws ERR_KEY_TOO_LARGE,
 * ERR_VALUE_TOO_LARGE and ERR_SERDE.
 */
export class KeyValueStore<K, V> extends KeyValueReader<K, V> {
  // Where the last `get` found its key, so that a `put` of the same key needs no second search.
  #stamp = -1
  #version = -1

  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never)) {
    super(raw, keys, false)
  }

  override get(key: K): DeepReadonly<V> | undefined {
    return this.#locate(key)
  }

  /**
   * Sets a key's value. A plain object or array is frozen to the bottom from here on: use `update`, or put a new one,
   * to change it.
   */
  put(key: K, value: V | DeepReadonly<V>): void {
    const keys = this.keys
    keys.encode(key, this.raw.spec.name)
    if (this.#version === keys.version && this.#stamp === this.raw.stamp) this.raw.replace(value)
    else this.raw.put(keys.bytes, keys.start, keys.end, value)
  }

  putAll(entries: Iterable<readonly [K, V | DeepReadonly<V>]>): void {
    for (const [key, value] of entries) this.put(key, value)
  }

  /** Puts the value if the key has none, and returns the one that was there, or undefined. */
  putIfAbsent(key: K, value: V | DeepReadonly<V>): DeepReadonly<V> | undefined {
    const there = this.#locate(key)
    if (there === undefined) this.raw.replace(value)
    return there
  }

  /**
   * Changes a value: `change` gets a draft, a copy of its own if it is an object, which it may change in place or
   * replace by what it returns; undefined if the key has none. Returns the new value.
   */
  update(key: K, change: (draft: V | undefined) => V | DeepReadonly<V> | void): DeepReadonly<V> {
    const there = this.#locate(key)
    const { stamp } = this.raw
    const { version } = this.keys
    const draft = (this.raw.spec.value.discipline === 'frozen' ? deepThaw(there) : there) as V | undefined
    const returned = change(draft)
    const value = returned === undefined ? draft : returned
    if (value === undefined) {
      throw new TidemarkError('ERR_NULL_VALUE', `store ${this.name}: update has nothing to put. Return the new value`, {
        details: { store: this.name },
      })
    }
    // The function may have used this store, or another one with this encoder: then the key has to be found again.
    if (this.raw.stamp === stamp && this.keys.version === version) this.raw.replace(value)
    else this.put(key, value)
    return value as DeepReadonly<V>
  }

  delete(key: K): void {
    const keys = this.keys
    keys.encode(key, this.raw.spec.name)
    this.raw.delete(keys.bytes, keys.start, keys.end)
  }

  deleteAll(keys: Iterable<K>): void {
    for (const key of keys) this.delete(key)
  }

  /** The same store as of the last commit: what queries see. */
  committed(): KeyValueReader<K, V> {
    return new KeyValueReader(this.raw, new KeyEncoder(this.keys.serde), true)
  }

  #locate(key: K): DeepReadonly<V> | undefined {
    const keys = this.keys
    keys.encode(key, this.raw.spec.name)
    this.raw.locate(keys.bytes, keys.start, keys.end)
    this.#stamp = this.raw.stamp
    this.#version = keys.version
    return this.raw.current() as DeepReadonly<V> | undefined
  }
}
