const SLAB_SHIFT = 16
const SLAB_INTS: number = 1 << SLAB_SHIFT
const SLAB_MASK: number = SLAB_INTS - 1

/**
 * Many small arrays of int32 in few large ones: rooms of 1, 2, 4, ... ints, given back to a list of their size. An array
 * of more than 65536 ints has a slab of its own.
 */
export class IntSlabs {
  readonly #slabs: Int32Array[] = []
  /** By the logarithm of the room. */
  readonly #free: number[][] = []
  #slab = -1
  #used: number = SLAB_INTS

  /** Takes room for `ints` (a power of two); returns its place. */
  take(ints: number): number {
    const again = this.#free[Math.log2(ints)]?.pop()
    if (again !== undefined) return again
    if (ints > SLAB_INTS) {
      this.#slabs.push(new Int32Array(ints))
      return (this.#slabs.length - 1) * SLAB_INTS
    }
    if (this.#used + ints > SLAB_INTS) {
      this.#slabs.push(new Int32Array(SLAB_INTS))
      this.#slab = this.#slabs.length - 1
      this.#used = 0
    }
    const place = this.#slab * SLAB_INTS + this.#used
    this.#used += ints
    return place
  }

  giveBack(place: number, ints: number): void {
    const size = Math.log2(ints)
    while (this.#free.length <= size) this.#free.push([])
    ;(this.#free[size] as number[]).push(place)
  }

  /** The array that a place is in; the room there begins at `startOf(place)`. */
  arrayAt(place: number): Int32Array {
    return this.#slabs[Math.floor(place / SLAB_INTS)] as Int32Array
  }

  startOf(place: number): number {
    return place & SLAB_MASK
  }
}
