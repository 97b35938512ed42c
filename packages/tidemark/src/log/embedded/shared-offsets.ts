import { invariant } from '../../errors/error.ts'
import type { OffsetsView } from '../types.ts'

/** Partitions that one log can have, over all streams. */
export const MAX_SLOTS = 8192

const BYTES_PER_SLOT = 16

/**
 * Start and end offset of every partition in shared memory: two 64-bit integers a slot, start then end. The log stores
 * an end after the journal is synced and the segment is written, so that a reader that sees it finds the bytes.
 */
export class SharedOffsets implements OffsetsView {
  readonly shared: SharedArrayBuffer
  readonly slots: number
  readonly #cells: BigInt64Array

  constructor(shared: SharedArrayBuffer) {
    invariant(shared.byteLength % BYTES_PER_SLOT === 0, 'shared offsets have 16 bytes a slot')
    this.shared = shared
    this.slots = shared.byteLength / BYTES_PER_SLOT
    this.#cells = new BigInt64Array(shared)
  }

  /** All offsets 0. */
  static allocate(slots: number = MAX_SLOTS): SharedOffsets {
    return new SharedOffsets(new SharedArrayBuffer(slots * BYTES_PER_SLOT))
  }

  start(slot: number): number {
    return Number(Atomics.load(this.#cells, slot * 2))
  }

  end(slot: number): number {
    return Number(Atomics.load(this.#cells, slot * 2 + 1))
  }

  /** For the log only. */
  setStart(slot: number, offset: number): void {
    Atomics.store(this.#cells, slot * 2, BigInt(offset))
  }

  /** For the log only. */
  setEnd(slot: number, offset: number): void {
    Atomics.store(this.#cells, slot * 2 + 1, BigInt(offset))
  }

  /** For systems whose offsets several threads learn of: never goes back. */
  raiseStart(slot: number, offset: number): void {
    this.#raise(slot * 2, BigInt(offset))
  }

  raiseEnd(slot: number, offset: number): void {
    this.#raise(slot * 2 + 1, BigInt(offset))
  }

  #raise(cell: number, offset: bigint): void {
    for (let seen = Atomics.load(this.#cells, cell); seen < offset; ) {
      const before = Atomics.compareExchange(this.#cells, cell, seen, offset)
      if (before === seen) return
      seen = before
    }
  }
}
