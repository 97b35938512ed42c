import type { LsmBase } from '../lsm/lsm-base.ts'
import type { Base, BaseIterator, Steps, StoreDescriptor } from '../store/types.ts'
import { ListedCursor } from '../lsm/listed-cursor.ts'

/** Of one batch: entries that are looked at, and bytes of changes with what they cost in memory. */
export const FILL_ENTRIES: number = 32 * 1024
const BATCH_BYTES = 8 * 1024 * 1024
const STEP_ENTRIES = 256

/**
 * Brings a shadow to what its engine holds, whatever it held before: both are read side by side, in order of keys, and what
 * differs is written, one batch at a time. Between two batches both may be written, if what is written is the same for
 * both: what is behind the place that was reached stays equal by that.
 */
export class ShadowFill {
  readonly #main: Base
  readonly #shadow: LsmBase
  readonly #stores: readonly string[]
  readonly #mostEntries: number
  #at = 0
  #from: Uint8Array | null = null

  /** The shadow is the state of no checkpoint from the first batch on. */
  constructor(main: Base, shadow: LsmBase, mostEntries: number = FILL_ENTRIES) {
    this.#mostEntries = mostEntries
    this.#main = main
    this.#shadow = shadow
    const names = [...main.descriptors, ...shadow.descriptors].map(({ name }) => name)
    this.#stores = [...new Set(names)].toSorted()
  }

  /** All is equal. */
  get ended(): boolean {
    return this.#at === this.#stores.length
  }

  /** One batch. */
  *next(descriptors: readonly StoreDescriptor[]): Steps {
    const changes: ListedCursor = new ListedCursor()
    let name: string | undefined
    let looked = 0
    // Small stores share a batch; the changes of one are written before those of the next are looked for.
    while (!this.ended && changes.count === 0 && looked < this.#mostEntries) {
      name = this.#stores[this.#at] as string
      looked += yield* this.#compare(name, changes, this.#mostEntries - looked)
    }
    if (name === undefined || (changes.count === 0 && this.#shadow.id === 0)) return
    const stores = changes.count === 0 ? [] : [{ name, count: changes.count, cursor: changes }]
    yield* this.#shadow.write(0, descriptors, stores)
  }

  /** Adds what differs in a store from the place that was reached, and moves on; how many entries it has looked at. */
  *#compare(name: string, changes: ListedCursor, most: number): Steps<number> {
    const range = { from: this.#from, to: null, reverse: false, limit: Number.POSITIVE_INFINITY }
    const there = this.#main.scan(name, range)
    try {
      const copies = this.#shadow.scan(name, range)
      try {
        return yield* this.#walk(there, copies, changes, most)
      } finally {
        copies.close()
      }
    } finally {
      there.close()
    }
  }

  *#walk(there: BaseIterator, copies: BaseIterator, changes: ListedCursor, most: number): Steps<number> {
    let looked = 0
    let isThere = there.next()
    let isCopy = copies.next()
    while (isThere || isCopy) {
      const order = !isThere ? 1 : !isCopy ? -1 : Buffer.compare(there.key, copies.key)
      if (looked === most || changes.sizeBytes >= BATCH_BYTES) {
        this.#from = (order > 0 ? copies.key : there.key).slice()
        return looked
      }
      if (order > 0) changes.add(copies.key, null)
      else if (order < 0 || !sameValue(there, copies)) {
        changes.add(there.key, there.valueBytes, there.valueStart, there.valueEnd)
      }
      if (order <= 0) isThere = there.next()
      if (order >= 0) isCopy = copies.next()
      if (++looked % STEP_ENTRIES === 0) yield
    }
    this.#at++
    this.#from = null
    return looked
  }
}

function sameValue(a: BaseIterator, b: BaseIterator): boolean {
  const { valueBytes, valueStart, valueEnd } = b
  return (
    Buffer.compare(a.valueBytes.subarray(a.valueStart, a.valueEnd), valueBytes.subarray(valueStart, valueEnd)) === 0
  )
}
