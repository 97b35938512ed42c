import { ByteWriter } from '../serde/byte-writer.ts'
import type { ByteMap } from './byte-map.ts'
import { DELETED, ENCODED } from './entry-flags.ts'
import type { SortedCursor } from './types.ts'
import type { ValuePolicy } from './value-policy.ts'

/** The entries of a map in sorted order, encoded one at a time, as a base takes them. */
export class FlushCursor implements SortedCursor {
  keyBytes: Uint8Array = new Uint8Array(0)
  keyStart = 0
  keyEnd = 0
  hash = 0
  present = false
  valueBytes: Uint8Array
  valueStart = 0
  valueEnd = 0
  readonly #map: ByteMap
  readonly #policy: ValuePolicy
  readonly #sorted: Int32Array
  readonly #out = new ByteWriter(256)
  #at = 0

  constructor(map: ByteMap, policy: ValuePolicy, sorted: Int32Array) {
    this.#map = map
    this.#policy = policy
    this.#sorted = sorted
    this.valueBytes = this.#out.bytes
  }

  next(): boolean {
    if (this.#at === this.#sorted.length) return false
    const entry = this.#sorted[this.#at++] as number
    const map = this.#map
    this.keyBytes = map.keyChunkAt(entry)
    this.keyStart = map.keyStartAt(entry)
    this.keyEnd = this.keyStart + map.keyLengthAt(entry)
    this.hash = map.hashAt(entry)
    this.#showValue(entry, map.flagsAt(entry))
    return true
  }

  rewind(): void {
    this.#at = 0
  }

  #showValue(entry: number, flags: number): void {
    this.present = (flags & DELETED) === 0
    this.valueStart = 0
    this.valueEnd = 0
    if (!this.present) return
    if ((flags & ENCODED) !== 0 && !this.#policy.timed) {
      this.valueBytes = this.#map.valueAt(entry) as Uint8Array
      this.valueEnd = this.valueBytes.length
      return
    }
    const out = this.#out
    out.reset()
    this.#policy.encode(this.#map.valueAt(entry), flags, this.#map.deadlineAt(entry), out)
    this.valueBytes = out.bytes
    this.valueEnd = out.position
  }
}
