import type { BaseIterator } from '../store/types.ts'
import type { MergeCursor } from './merge-cursor.ts'
import type { OpenIterator, OpenIterators } from './open-iterators.ts'
import type { SortedFile } from './sorted-file.ts'

/** A stable view of the files that it pins, from its creation until it is closed or exhausted. */
export class LsmIterator implements BaseIterator, OpenIterator {
  openedMs = 0
  older: OpenIterator | null = null
  newer: OpenIterator | null = null
  readonly #cursor: MergeCursor
  readonly #pinned: readonly SortedFile[]
  readonly #register: OpenIterators
  #left: number
  #open = true

  /** Takes over one use of each pinned file. */
  constructor(cursor: MergeCursor, pinned: readonly SortedFile[], limit: number, register: OpenIterators) {
    this.#cursor = cursor
    this.#pinned = pinned
    this.#left = limit
    this.#register = register
    register.opened(this)
  }

  next(): boolean {
    if (!this.#open) return false
    const cursor = this.#cursor
    while (this.#left > 0 && cursor.next()) {
      if (!cursor.present) continue
      this.#left--
      return true
    }
    this.close()
    return false
  }

  get key(): Uint8Array {
    return this.#cursor.key
  }

  get valueBytes(): Uint8Array {
    return this.#cursor.valueBytes
  }

  get valueStart(): number {
    return this.#cursor.valueStart
  }

  get valueEnd(): number {
    return this.#cursor.valueEnd
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#register.closed(this)
    for (const file of this.#pinned) file.release()
  }
}
