import { murmur2 } from '../hash/murmur2.ts'
import { storeOf } from '../store/generations.ts'
import type { Base, BaseIterator, SortedCursor, Steps } from '../store/types.ts'

const NO_BYTES = new Uint8Array(0)

/**
 * Removes a store, and what operators kept for it, from the committed state of a base, as the state of the same
 * checkpoint; how many entries it had. The files' space is free after the next merges. The store must have no other
 * writer. Errors of the base.
 */
export function* dropStore(base: Base, store: string): Steps<number> {
  const own = base.descriptors.filter((each) => storeOf(each) === store || isOf(storeOf(each), store))
  const names = own.map(({ name }) => name)
  let entries = 0
  for (const name of names) {
    const cursor = new DeletionCursor(() =>
      base.scan(name, { from: null, to: null, reverse: false, limit: Number.POSITIVE_INFINITY }),
    )
    const left = base.descriptors.filter((descriptor) => descriptor.name !== name)
    try {
      yield* base.write(base.id, left, [{ name, count: base.approximateCount(name), cursor }])
    } finally {
      cursor.close()
    }
    entries += cursor.count
  }
  return entries
}

/** What an operator keeps for a store of the user's: `$pending.STORE`. */
function isOf(name: string, store: string): boolean {
  return name.startsWith('$') && name.slice(name.indexOf('.') + 1) === store
}

/** A deletion of each entry of a scan. */
class DeletionCursor implements SortedCursor {
  keyBytes: Uint8Array = NO_BYTES
  readonly keyStart = 0
  keyEnd = 0
  hash = 0
  readonly present = false
  readonly valueBytes = NO_BYTES
  readonly valueStart = 0
  readonly valueEnd = 0
  count = 0
  readonly #scan: () => BaseIterator
  #entries: BaseIterator

  constructor(scan: () => BaseIterator) {
    this.#scan = scan
    this.#entries = scan()
  }

  next(): boolean {
    if (!this.#entries.next()) return false
    this.keyBytes = this.#entries.key
    this.keyEnd = this.keyBytes.length
    this.hash = murmur2(this.keyBytes, 0, this.keyEnd)
    this.count++
    return true
  }

  rewind(): void {
    this.#entries.close()
    this.#entries = this.#scan()
    this.count = 0
  }

  close(): void {
    this.#entries.close()
  }
}
