import type { ByteMap } from './byte-map.ts'
import { DELETED, ENCODED } from './entry-flags.ts'
import type { ValuePolicy } from './value-policy.ts'

/**
 * What was put into a store since the last freeze, each key once with its last value, in the order in which keys were first
 * written; what was deleted is left out. Nothing may be written to the store while it is used.
 */
export class ChangeCursor {
  /** The current entry's key is bytes[start, end). The bytes stay as they are until the map is used anew. */
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
  value: unknown = undefined
  readonly #map: ByteMap
  readonly #policy: ValuePolicy
  #next: number

  constructor(map: ByteMap, policy: ValuePolicy) {
    this.#map = map
    this.#policy = policy
    this.#next = map.firstEntry
  }

  /** Goes on to the next entry; false at the end. */
  next(): boolean {
    const map = this.#map
    for (let entry = this.#next; entry >= 0; entry = map.nextEntry(entry)) {
      const flags = map.flagsAt(entry)
      if ((flags & DELETED) !== 0) continue
      this.bytes = map.keyChunkAt(entry)
      this.start = map.keyStartAt(entry)
      this.end = this.start + map.keyLengthAt(entry)
      const kept = map.valueAt(entry)
      this.value = (flags & ENCODED) === 0 ? kept : this.#policy.expose(kept, flags)
      this.#next = map.nextEntry(entry)
      return true
    }
    this.#next = -1
    return false
  }
}
