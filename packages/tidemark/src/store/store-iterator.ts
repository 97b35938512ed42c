import type { RawIterator } from './types.ts'

/** Makes an entry of what a cursor stands on; undefined to pass over it. */
export type EntryReader<T> = (key: Uint8Array, value: unknown) => T | undefined

/**
 * Entries of a store, in order. The view is stable from creation, whatever is put or committed later. Close it (`using`,
 * or `close`) if it is not read to its end: `for ... of` does so by itself.
 */
export class StoreIterator<T> implements IterableIterator<T>, Disposable {
  readonly #cursor: RawIterator
  readonly #read: EntryReader<T>
  #left: number

  constructor(cursor: RawIterator, read: EntryReader<T>, limit: number = Number.POSITIVE_INFINITY) {
    this.#cursor = cursor
    this.#read = read
    this.#left = limit
  }

  next(): IteratorResult<T, undefined> {
    while (this.#left > 0 && this.#cursor.next()) {
      const value = this.#read(this.#cursor.key, this.#cursor.value)
      if (value === undefined) continue
      // At its limit it lets go at once: who asks for one entry need not ask for a second to be rid of it.
      if (--this.#left === 0) this.close()
      return { done: false, value }
    }
    this.close()
    return { done: true, value: undefined }
  }

  return(): IteratorResult<T, undefined> {
    this.close()
    return { done: true, value: undefined }
  }

  close(): void {
    this.#left = 0
    this.#cursor.close()
  }

  [Symbol.iterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
