import type { Clock } from '../clock/clock.ts'
import type { DiskFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import { readExactly } from './file-reads.ts'

/** What is read in place of a block. A disk gives this much in two to four times the time of a block. */
export const REGION_BYTES: number = 128 * 1024
/** A read that takes this long, ms, did not come from the memory of the operating system. */
const SLOW_MS = 0.06
/** While reads are fast, one of so many is timed. */
const TIMED_EVERY = 32
/** So many fast reads in a row, and reads count as fast again. */
const CALM_READS = 256
/** Reads of regions that were loaded are judged in groups of so many: */
const JUDGED_READS = 256
/** with so many slow ones among them, regions leave the memory before they are of use. */
const USELESS_READS = 64
/** Then blocks are read alone for so many slow reads, and each time for longer. */
const FIRST_REST = 4096
const LONGEST_REST = 1 << 20

/**
 * Finds out whether the files of a base are in the memory of the operating system, and reads the neighbourhood of a block
 * along with it while they are not: what the disk gives in addition costs little, and the next reads nearby find it in
 * memory. Where the memory does not keep it until then, it stops for a while. Of one thread.
 */
export class ReadAround {
  readonly clock: Clock
  /** Regions that were loaded so far. */
  loads = 0
  /** Loaded regions are marked with this; another one forgets them all. */
  mark = 1
  #slow = false
  #untilTimed = TIMED_EVERY
  #fastInARow = 0
  #judged = 0
  #useless = 0
  #rest = 0
  #nextRest = FIRST_REST
  #scratch: Uint8Array | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** True if the next read is to go through a file's `Surroundings`. */
  get watches(): boolean {
    return this.#slow || --this.#untilTimed <= 0
  }

  /** True if a block in a region that was not loaded is to be read with the region. */
  get loadsRegions(): boolean {
    return this.#slow && this.#rest === 0
  }

  get scratch(): Uint8Array {
    return (this.#scratch ??= new Uint8Array(REGION_BYTES))
  }

  /** What a timed read has shown. `loaded`: the block was in a region that was loaded before. */
  took(ms: number, loaded: boolean): void {
    const slow = ms >= SLOW_MS
    this.#untilTimed = TIMED_EVERY
    if (slow) {
      this.#slow = true
      this.#fastInARow = 0
      if (this.#rest > 0 && --this.#rest === 0) this.mark = (this.mark % 255) + 1
    } else if (this.#slow && ++this.#fastInARow >= CALM_READS) this.#slow = false
    if (loaded && this.#rest === 0) this.#judge(slow)
  }

  #judge(slow: boolean): void {
    if (slow) this.#useless++
    if (++this.#judged < JUDGED_READS) return
    if (this.#useless >= USELESS_READS) {
      this.#rest = this.#nextRest
      this.#nextRest = Math.min(LONGEST_REST, this.#nextRest * 4)
    } else this.#nextRest = FIRST_REST
    this.#judged = 0
    this.#useless = 0
  }
}

/** The regions of one file. */
export class Surroundings {
  readonly #around: ReadAround
  readonly #file: DiskFile
  readonly #fileBytes: number
  /** By region: the mark with which it was loaded. */
  #marks: Uint8Array | null = null

  constructor(around: ReadAround, file: DiskFile, fileBytes: number) {
    this.#around = around
    this.#file = file
    this.#fileBytes = fileBytes
  }

  /** As `readExactly`, and takes the time. */
  read(position: number, length: number, store: string, target: Uint8Array): Uint8Array {
    const around = this.#around
    const region = Math.floor(position / REGION_BYTES)
    this.#marks ??= new Uint8Array(Math.ceil(this.#fileBytes / REGION_BYTES))
    const loaded = this.#marks[region] === around.mark
    const startMs = around.clock.monotonicMs()
    const whole = !loaded && around.loadsRegions && this.#readRegion(region, position, length, target)
    if (!whole) readExactly(this.#file, position, length, store, target)
    around.took(around.clock.monotonicMs() - startMs, loaded)
    return target
  }

  /** False if the block is not all in the region, or the region cannot be read: then the block is read alone. */
  #readRegion(region: number, position: number, length: number, target: Uint8Array): boolean {
    const around = this.#around
    const start = region * REGION_BYTES
    const size = Math.min(REGION_BYTES, this.#fileBytes - start)
    if (position + length > start + size) return false
    const { scratch } = around
    try {
      if (this.#file.read(scratch, 0, size, start) < size) return false
    } catch (error) {
      // Another block of the region may be the one that cannot be read.
      if (isTidemarkError(error, 'ERR_DISK_IO')) return false
      throw error
    }
    ;(this.#marks as Uint8Array)[region] = around.mark
    around.loads++
    target.set(scratch.subarray(position - start, position - start + length))
    return true
  }
}
