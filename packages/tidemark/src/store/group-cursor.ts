import type { ByteMap } from './byte-map.ts'

const NO_BYTES = new Uint8Array(0)

/** Walks some entries of one map, in the order given, as they were when the cursor was made: see LayerCursor. */
export class GroupCursor {
  bytes: Uint8Array = NO_BYTES
  start = 0
  end = 0
  readonly #map: ByteMap
  readonly #entries: Int32Array
  readonly #reverse: boolean
  readonly #view: number
  #entry = -1
  #at = 0
  #open = true

  constructor(map: ByteMap, entries: Int32Array, reverse: boolean) {
    this.#map = map
    this.#entries = entries
    this.#reverse = reverse
    this.#view = map.undo.open()
  }

  next(): boolean {
    const entries = this.#entries
    if (this.#at === entries.length) return false
    const entry = entries[this.#reverse ? entries.length - 1 - this.#at : this.#at] as number
    this.#at++
    this.#entry = entry
    const map = this.#map
    this.bytes = map.keyChunkAt(entry)
    this.start = map.keyStartAt(entry)
    this.end = this.start + map.keyLengthAt(entry)
    return true
  }

  get flags(): number {
    const old = this.#map.undo.seenBy(this.#view, this.#entry)
    return old === null ? this.#map.flagsAt(this.#entry) : old.flags
  }

  get value(): unknown {
    const old = this.#map.undo.seenBy(this.#view, this.#entry)
    return old === null ? this.#map.valueAt(this.#entry) : old.value
  }

  get deadlineMs(): number {
    const old = this.#map.undo.seenBy(this.#view, this.#entry)
    return old === null ? this.#map.deadlineAt(this.#entry) : old.deadlineMs
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#map.undo.close()
  }
}
