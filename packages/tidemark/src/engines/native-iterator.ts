import { invariant } from '../errors/error.ts'
import type { BaseIterator } from '../store/types.ts'
import type { NativeScan, Rows } from './native.ts'
import { withoutPrefix } from './store-keys.ts'
import { isSealed, SUM_BYTES } from './value-sums.ts'

const FIRST_ROWS = 16
const MOST_ROWS = 1024
const EMPTY = new Uint8Array(0)

/** Entries of a store from a database, fetched in growing chunks: a crossing to native code costs more than an entry. */
export class NativeIterator implements BaseIterator {
  key: Uint8Array = EMPTY
  valueBytes: Uint8Array = EMPTY
  readonly valueStart = 0
  valueEnd = 0
  readonly #scan: NativeScan | null
  readonly #onClose: (iterator: NativeIterator) => void
  #rows: Rows = []
  #at = 0
  #fetch = FIRST_ROWS
  #open: boolean
  readonly #damaged: ((key: Uint8Array) => Error) | null

  /** Without a scan it is empty. `damaged` makes the error for an entry that fails its checksum; null where none have one. */
  constructor(
    scan: NativeScan | null,
    onClose: (iterator: NativeIterator) => void,
    damaged: ((key: Uint8Array) => Error) | null,
  ) {
    this.#scan = scan
    this.#onClose = onClose
    this.#damaged = damaged
    this.#open = scan !== null
  }

  next(): boolean {
    if (!this.#open) return false
    if (this.#at === this.#rows.length && !this.#fetchMore()) {
      this.close()
      return false
    }
    const key = this.#rows[this.#at] as Uint8Array
    const value = this.#rows[this.#at + 1] as Uint8Array
    this.#at += 2
    this.key = withoutPrefix(key)
    this.valueBytes = value
    this.valueEnd = value.length
    if (this.#damaged === null) return true
    if (!isSealed(key, value)) {
      this.close()
      throw this.#damaged(this.key)
    }
    this.valueEnd -= SUM_BYTES
    return true
  }

  #fetchMore(): boolean {
    invariant(this.#scan !== null, 'an open iterator has a scan')
    this.#rows = this.#scan.next(this.#fetch)
    this.#at = 0
    this.#fetch = Math.min(MOST_ROWS, this.#fetch * 4)
    return this.#rows.length > 0
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#rows = []
    this.#onClose(this)
    this.#scan?.close()
  }
}
