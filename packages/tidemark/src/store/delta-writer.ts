import { crc32c } from '../log/crc/crc32c.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { DELTA_VERSION } from './delta.ts'
import { writeDescriptor } from './descriptor.ts'
import type { StoreDescriptor } from './types.ts'

/** Makes deltas (format: delta.ts) of entries that are encoded already. */
export class DeltaWriter {
  readonly #body = new ByteWriter(64 * 1024)
  #store = 0
  /** Since the last `finish`. */
  entries = 0
  /** The last place of a store that has an entry, 1 for the first; 0 without entries. */
  highest = 0

  /** Roughly what the delta would take. */
  get sizeBytes(): number {
    return this.#body.position
  }

  /** `store`: its place in the list that `finish` gets, from 1 on. `valueStart` -1: a deletion. */
  add(
    store: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const body = this.#body
    if (store !== this.#store) {
      if (this.#store !== 0) body.varuint(0)
      this.#store = store
      this.highest = Math.max(this.highest, store)
      body.varuint(store)
      body.u8(0)
    }
    body.varuint(keyEnd - keyStart + 1)
    body.raw(key, keyStart, keyEnd)
    if (valueStart < 0) body.varuint(0)
    else {
      body.varuint(valueEnd - valueStart + 1)
      body.raw(value, valueStart, valueEnd)
    }
    this.entries++
  }

  /** The delta of what was added since the last call, which was not nothing. */
  finish(id: number, previous: number, stores: readonly StoreDescriptor[]): Uint8Array {
    const out = new ByteWriter(this.#body.position + 1024)
    out.u8(DELTA_VERSION)
    out.varuint(id)
    out.varuint(previous)
    out.varuint(stores.length)
    for (const store of stores) writeDescriptor(store, out)
    out.raw(this.#body.bytes, 0, this.#body.position)
    out.varuint(0)
    out.varuint(0)
    out.i32(crc32c(out.bytes, 0, out.position) | 0)
    this.#body.reset()
    this.#store = 0
    this.highest = 0
    this.entries = 0
    return out.copy()
  }
}
