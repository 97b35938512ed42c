import { bytes as bytesSerde } from '../serde/bytes.ts'
import { elementSerde, innerSerde, type ListHead, NO_VALUE } from '../serde/stored.ts'
import { KeyEncoder } from './key-encoder.ts'
import type { RangeOptions } from './kv-store.ts'
import { ListReader } from './list-store.ts'
import { SetKeys } from './set-key.ts'
import { StoreIterator } from './store-iterator.ts'
import type { RawStore, StoreSpec } from './types.ts'
import { WindowKeys } from './window-key.ts'

const HEADS = elementSerde(bytesSerde() as unknown as StoreSpec['value'])

/** One committed entry of a store, decoded. */
export interface StateEntry {
  readonly key: unknown
  /** Of a versioned store, null: the key has no value from then on. */
  readonly value: unknown
  /** Of windows and sessions. */
  readonly window?: { readonly start: number; readonly end: number }
  /** Of a versioned store: since when. */
  readonly atMs?: number
  /** Of a list. */
  readonly index?: number
}

/** Makes entries for tools and queries of what raw stores have, of any kind. */
export class EntryDecoder {
  readonly #spec: StoreSpec
  readonly #keys: WindowKeys | null
  readonly #sets: SetKeys | null
  readonly #lists: FirstPositions | null

  /** `raws`: the store of one task, or of several as one; their specs are the same. */
  constructor(spec: StoreSpec, raws: readonly RawStore[]) {
    const { name, kind, windowSizeMs } = spec
    this.#spec = spec
    if (kind === 'windows' || kind === 'session') this.#keys = new WindowKeys(name, windowSizeMs)
    else this.#keys = kind === 'versioned' || kind === 'list' ? new WindowKeys(name, 0) : null
    this.#sets = kind === 'set' ? new SetKeys(name) : null
    this.#lists = kind === 'list' ? new FirstPositions(raws) : null
  }

  /** True for an entry that is none of the user's: the head of a list or set. */
  isHead(bytes: Uint8Array): boolean {
    if (this.#sets !== null) return this.#sets.isHead(bytes)
    return this.#lists !== null && (this.#keys as WindowKeys).startOf(bytes) < 0
  }

  /** An entry that is no head. */
  decode(bytes: Uint8Array, value: unknown): StateEntry {
    const keys = this.#keys
    if (this.#sets !== null) return this.#member(this.#sets, bytes)
    if (keys === null) return { key: this.#key(bytes), value }
    const user = keys.userKeyOf(bytes)
    const key = this.#key(user)
    if (this.#lists !== null) return { key, index: keys.startOf(bytes) - this.#lists.of(key, user), value }
    if (this.#spec.kind === 'versioned') {
      return { key, atMs: keys.startOf(bytes), value: value === NO_VALUE ? null : value }
    }
    return { key, value, window: { start: keys.startOf(bytes), end: keys.endOf(bytes) } }
  }

  #key(bytes: Uint8Array): unknown {
    return this.#spec.key.read(bytes, 0, bytes.length)
  }

  #member(sets: SetKeys, bytes: Uint8Array): StateEntry {
    const member = innerSerde(this.#spec.value).read(bytes, sets.memberStart(bytes), bytes.length)
    return { key: this.#key(sets.userKeyOf(bytes)), value: member }
  }
}

/** All committed entries of a store of one task, decoded, heads left out; close it if it is not read to its end. */
export function decodedEntries(raw: RawStore, options: RangeOptions = {}): StoreIterator<StateEntry> {
  const decoder = new EntryDecoder(raw.spec, [raw])
  const reverse = options.reverse ?? false
  const cursor = raw.rangeCommitted({ from: null, to: null, reverse, limit: Number.POSITIVE_INFINITY })
  return new StoreIterator(
    cursor,
    (bytes, value) => (decoder.isHead(bytes) ? undefined : decoder.decode(bytes, value)),
    options.limit,
  )
}

/** Where lists begin; asked for the elements of one list after another. */
class FirstPositions {
  readonly #lists: readonly ListHeads[]
  #user: Uint8Array | null = null
  #first = 0

  constructor(raws: readonly RawStore[]) {
    this.#lists = raws.map((raw) => new ListHeads(raw, new KeyEncoder(raw.spec.key), true))
  }

  of(key: unknown, user: Uint8Array): number {
    if (this.#user === null || Buffer.compare(this.#user, user) !== 0) {
      this.#user = user
      this.#first = this.#lists.reduce((first, list) => Math.max(first, list.firstOf(key)), 0)
    }
    return this.#first
  }
}

class ListHeads extends ListReader<unknown, unknown> {
  firstOf(key: unknown): number {
    const head: unknown = this.headOf(key)
    // Of a store that was opened with its values as bytes.
    return (head instanceof Uint8Array ? (HEADS.read(head, 0, head.length) as ListHead) : (head as ListHead)).first
  }
}
