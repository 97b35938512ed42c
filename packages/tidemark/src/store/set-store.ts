import { TidemarkError } from '../errors/error.ts'
import type { Serde } from '../serde/serde.ts'
import { KeyEncoder } from './key-encoder.ts'
import type { RangeOptions } from './kv-store.ts'
import { prefixEnd } from './prefix.ts'
import { SetKeys } from './set-key.ts'
import { StoreIterator } from './store-iterator.ts'
import { innerSerde } from '../serde/stored.ts'
import type { RawIterator, RawStore } from './types.ts'

const MEMBER = 0

/** One member of a set. */
export interface SetEntry<K, V> {
  readonly key: K
  readonly value: V
}

/** What can be read of a store of sets: as its task sees it, or as of the last commit. */
export class SetReader<K, V> {
  protected readonly raw: RawStore
  protected readonly keys: KeyEncoder<K>
  protected readonly members: KeyEncoder<V>
  protected readonly entry: SetKeys
  readonly #committed: boolean

  constructor(raw: RawStore, keys: KeyEncoder<K>, committed: boolean) {
    this.raw = raw
    this.keys = keys
    this.members = new KeyEncoder<V>(innerSerde(raw.spec.value) as unknown as Serde<V>)
    this.entry = new SetKeys(raw.spec.name)
    this.#committed = committed
  }

  get name(): string {
    return this.raw.spec.name
  }

  /** Errors: ERR_NULL_KEY, ERR_NULL_VALUE, ERR_SERDE. */
  has(key: K, member: V): boolean {
    this.encode(key, member)
    return this.read() !== undefined
  }

  /** How many members a set has; 0 for a key that has none. */
  size(key: K): number {
    this.encodeHead(key)
    return (this.read() as number | undefined) ?? 0
  }

  /** The members of a set, in byte order of the encoded members. */
  values(key: K, options: RangeOptions = {}): StoreIterator<V> {
    this.encodeHead(key)
    const from = this.entry.bytes.slice(0, this.entry.end)
    const to = prefixEnd(this.entry.bytes.slice(0, this.entry.keyEnd))
    return new StoreIterator(
      this.#open(from, to, options),
      (bytes) => (this.entry.isHead(bytes) ? undefined : this.memberOf(bytes)),
      options.limit,
    )
  }

  /** All members of all sets, by the bytes of the key, then of the member. */
  all(options: RangeOptions = {}): StoreIterator<SetEntry<K, V>> {
    return new StoreIterator(
      this.#open(null, null, options),
      (bytes) => {
        if (this.entry.isHead(bytes)) return undefined
        const user = this.entry.userKeyOf(bytes)
        return { key: this.keys.serde.read(user, 0, user.length), value: this.memberOf(bytes) }
      },
      options.limit,
    )
  }

  /** About how many members and sets there are. */
  approximateCount(): number {
    return this.raw.approximateCount()
  }

  protected memberOf(bytes: Uint8Array): V {
    return this.members.serde.read(bytes, this.entry.memberStart(bytes), bytes.length)
  }

  protected encodeHead(key: K): void {
    this.keys.encode(key, this.name)
    this.entry.encodeHead(this.keys.bytes, this.keys.start, this.keys.end)
  }

  protected encode(key: K, member: V): void {
    this.encodeHead(key)
    if (member === null || member === undefined) {
      throw new TidemarkError('ERR_NULL_VALUE', `store ${this.name}: the member is ${String(member)}`, {
        details: { store: this.name },
      })
    }
    this.members.encode(member, this.name)
    this.entry.encodeMember(this.members.bytes, this.members.start, this.members.end)
  }

  protected read(): unknown {
    const { bytes, end } = this.entry
    return this.#committed ? this.raw.getCommitted(bytes, 0, end) : this.raw.get(bytes, 0, end)
  }

  #open(from: Uint8Array | null, to: Uint8Array | null, options: RangeOptions): RawIterator {
    const range = { from, to, reverse: options.reverse ?? false, limit: Number.POSITIVE_INFINITY }
    return this.#committed ? this.raw.rangeCommitted(range) : this.raw.range(range)
  }
}

/** A store of sets as a task sees it. Each member is an entry of its own, found by its encoded bytes. */
export class SetStore<K, V> extends SetReader<K, V> {
  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never)) {
    super(raw, keys, false)
  }

  /** Returns false if it was there already. Errors: ERR_NULL_KEY, ERR_NULL_VALUE, ERR_KEY_TOO_LARGE, ERR_SERDE. */
  add(key: K, member: V): boolean {
    this.encode(key, member)
    if (this.read() !== undefined) return false
    this.raw.put(this.entry.bytes, 0, this.entry.end, MEMBER)
    this.#count(1)
    return true
  }

  /** Returns false if it was not there. */
  delete(key: K, member: V): boolean {
    this.encode(key, member)
    if (this.read() === undefined) return false
    this.raw.delete(this.entry.bytes, 0, this.entry.end)
    this.#count(-1)
    return true
  }

  #count(by: number): void {
    const { entry, raw } = this
    entry.backToHead()
    const size = ((this.read() as number | undefined) ?? 0) + by
    if (size === 0) raw.delete(entry.bytes, 0, entry.end)
    else raw.put(entry.bytes, 0, entry.end, size)
  }

  /** Removes all members of a set. */
  clear(key: K): void {
    const members = [...this.values(key)]
    for (const member of members) this.delete(key, member)
  }

  /** The same store as of the last commit: what queries see. */
  committed(): SetReader<K, V> {
    return new SetReader(this.raw, new KeyEncoder(this.keys.serde), true)
  }
}
