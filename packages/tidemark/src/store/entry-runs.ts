import type { ByteMap } from './byte-map.ts'
import { MOST_AT_ONCE, type SortedRun, sortRun } from './sort-entries.ts'

const FIRST_TAIL = 128

/**
 * Entries of a map in the order they came, sorted a run of 8192 at a time: what it costs to have a large map ready for
 * its first range, about a tenth of a microsecond an entry, so that the range need not sort it.
 */
export class EntryRuns {
  /** Sorted by key, each. */
  readonly runs: SortedRun[] = []
  readonly #map: ByteMap
  #tail = new Int32Array(FIRST_TAIL)
  #used = 0

  constructor(map: ByteMap) {
    this.#map = map
  }

  add(entry: number): void {
    if (this.#used === this.#tail.length) {
      const grown = new Int32Array(this.#tail.length * 2)
      grown.set(this.#tail)
      this.#tail = grown
    }
    this.#tail[this.#used++] = entry
    if (this.#used === MOST_AT_ONCE) this.finish()
  }

  /** Makes a run of what came since the last one. */
  finish(): void {
    if (this.#used === 0) return
    this.runs.push(sortRun(this.#map, this.#tail.slice(0, this.#used)))
    this.#used = 0
  }

  /** Entries that are in runs. */
  get size(): number {
    return this.runs.reduce((sum, run) => sum + run.entries.length, 0)
  }
}
