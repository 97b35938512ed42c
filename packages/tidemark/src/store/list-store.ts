import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { showValue } from '../serde/hex.ts'
import { KeyEncoder } from './key-encoder.ts'
import { KeyedReader } from './keyed-reader.ts'
import type { RangeOptions } from './kv-store.ts'
import { StoreIterator } from './store-iterator.ts'
import { isListHead, listHead, type ListHead } from '../serde/stored.ts'
import type { RawIterator, RawStore } from './types.ts'

/** Where a list's head is: before all of its elements. */
const HEAD_POSITION = -1
const EMPTY = listHead(0, 0)

/** One element of a list. */
export interface ListEntry<K, V> {
  readonly key: K
  /** From 0, the oldest. */
  readonly index: number
  readonly value: DeepReadonly<V>
}

/** What can be read of a store of lists: as its task sees it, or as of the last commit. */
export class ListReader<K, V> extends KeyedReader<K> {
  constructor(raw: RawStore, keys: KeyEncoder<K>, committed: boolean) {
    super(raw, keys, 'one', committed)
  }

  /** How many elements a list has; 0 for a key that has none. Errors: ERR_NULL_KEY, ERR_SERDE. */
  length(key: K): number {
    const { first, end } = this.headOf(key)
    return end - first
  }

  /** One element, from 0, the oldest; from -1, the newest. Undefined when there is none there. */
  get(key: K, index: number): DeepReadonly<V> | undefined {
    const { first, end } = this.headOf(key)
    const position = index < 0 ? end + index : first + index
    if (!Number.isInteger(index) || position < first || position >= end) return undefined
    this.suffixes.seek(position)
    return this.read() as DeepReadonly<V>
  }

  /** Elements from index `from` to below `to`, as Array.slice takes them. */
  slice(key: K, from = 0, to: number = Number.POSITIVE_INFINITY): DeepReadonly<V>[] {
    const head = this.headOf(key)
    const length = head.end - head.first
    const start = head.first + clamp(from, length)
    const end = head.first + clamp(to, length)
    const values: DeepReadonly<V>[] = []
    if (start >= end) return values
    const cursor = this.rangeOfKey(start, end)
    while (cursor.next()) values.push(cursor.value as DeepReadonly<V>)
    cursor.close()
    return values
  }

  /** All elements, by the bytes of the key, then by index. */
  all(options: RangeOptions = {}): StoreIterator<ListEntry<K, V>> {
    const reverse = options.reverse ?? false
    const cursor = this.rangeOfAll(reverse)
    // Backwards a list's head comes behind its elements: a second cursor over the same view goes ahead to it.
    const heads = reverse ? new HeadCursor(cursor, this.rangeOfAll(true)) : null
    let key: K | undefined
    let first = 0
    let known = false
    return new StoreIterator(
      heads ?? cursor,
      (bytes, value) => {
        const isHead = isListHead(value)
        // Forwards a head begins its list, backwards it ends it.
        if (isHead ? !reverse : !known) {
          const user = this.suffixes.userKeyOf(bytes)
          key = this.keys.serde.read(user, 0, user.length)
          first = isHead ? value.first : (heads as HeadCursor).nextHead().first
        }
        known = !isHead || !reverse
        if (isHead) return undefined
        return { key: key as K, index: this.suffixes.startOf(bytes) - first, value: value as DeepReadonly<V> }
      },
      options.limit,
    )
  }

  /** About how many elements and lists there are. */
  override approximateCount(): number {
    return super.approximateCount()
  }

  /** The head of a list; afterwards `suffixes` stands on it. */
  protected headOf(key: K): ListHead {
    this.encodeKey(key)
    this.suffixes.seek(HEAD_POSITION)
    return (this.read() as ListHead | undefined) ?? EMPTY
  }
}

/** A cursor, and another one over the same view, which goes ahead of it. */
class HeadCursor implements RawIterator {
  readonly #cursor: RawIterator
  readonly #ahead: RawIterator

  constructor(cursor: RawIterator, ahead: RawIterator) {
    this.#cursor = cursor
    this.#ahead = ahead
  }

  get key(): Uint8Array {
    return this.#cursor.key
  }

  get value(): unknown {
    return this.#cursor.value
  }

  next(): boolean {
    return this.#cursor.next()
  }

  /** The next head that the cursor ahead comes to. */
  nextHead(): ListHead {
    while (this.#ahead.next()) if (isListHead(this.#ahead.value)) return this.#ahead.value
    return EMPTY
  }

  close(): void {
    this.#cursor.close()
    this.#ahead.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function clamp(index: number, length: number): number {
  const whole = Math.trunc(index) || 0
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length)
}

/**
 * A store of lists as a task sees it. Each element is an entry of its own, so that `append` writes the element and the
 * list's head, however long the list is.
 */
export class ListStore<K, V> extends ListReader<K, V> {
  constructor(raw: RawStore, keys: KeyEncoder<K> = new KeyEncoder<K>(raw.spec.key as never)) {
    super(raw, keys, false)
  }

  /**
   * Adds elements behind the last one; returns the new length. Errors: ERR_NULL_KEY, ERR_NULL_VALUE, ERR_KEY_TOO_LARGE,
   * ERR_VALUE_TOO_LARGE, ERR_SERDE; elements before the one that is refused stay added.
   */
  append(key: K, ...values: readonly (V | DeepReadonly<V>)[]): number {
    const { first, end } = this.headOf(key)
    let at = end
    try {
      for (const value of values) {
        this.refuseNull(value)
        this.suffixes.seek(at)
        this.raw.put(this.suffixes.bytes, 0, this.suffixes.end, value)
        at++
      }
    } finally {
      if (at > end) this.#putHead(first, at)
    }
    return at - first
  }

  #putHead(first: number, end: number): void {
    this.suffixes.seek(HEAD_POSITION)
    if (first === end) this.raw.delete(this.suffixes.bytes, 0, this.suffixes.end)
    else this.raw.put(this.suffixes.bytes, 0, this.suffixes.end, listHead(first, end))
  }

  /** Removes the oldest elements until at most `most` are left; returns how many went. ERR_OPTION. */
  trim(key: K, most: number): number {
    if (!Number.isInteger(most) || most < 0) {
      throw new TidemarkError(
        'ERR_OPTION',
        `store ${this.name}: trim leaves a whole number of elements, 0 or more, not ${showValue(most)}`,
        { details: { store: this.name } },
      )
    }
    const { first, end } = this.headOf(key)
    const keepFrom = Math.max(first, end - most)
    for (let position = first; position < keepFrom; position++) {
      this.suffixes.seek(position)
      this.raw.delete(this.suffixes.bytes, 0, this.suffixes.end)
    }
    if (keepFrom > first) this.#putHead(keepFrom, end)
    return keepFrom - first
  }

  /** Removes a whole list. */
  delete(key: K): void {
    this.trim(key, 0)
  }

  /** The same store as of the last commit: what queries see. */
  committed(): ListReader<K, V> {
    return new ListReader(this.raw, new KeyEncoder(this.keys.serde), true)
  }
}
