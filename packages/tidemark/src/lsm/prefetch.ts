import type { Clock } from '../clock/clock.ts'
import type { KeyBatch } from '../store/types.ts'
import type { BlockCache } from './block-cache.ts'
import type { Section } from './section.ts'
import type { MissingPart, SectionFile } from './section-file.ts'

/** Reads under way at the same time: enough to keep a disk and the threads that read busy. */
const MAX_READS = 64
/** A prefetch loads at most this fraction of the cache: more would displace what it loaded itself. */
const MOST_OF_CACHE = 4
/** When nothing had to be loaded, up to so many of the next prefetches are left out, as long as no read has to wait. */
const MAX_SKIPPED = 15

/**
 * A disk that answers this fast, ms a read, has the file in the memory of the operating system: reading there in another
 * thread costs several times as much as reading at once, and nobody would be kept waiting.
 */
const FAST_READ_MS = 0.06
/** So many reads tell how fast the disk is: the first one that is not fast ends the trial. */
const TRIAL_READS = 4
/** Prefetches from one trial to the next. */
const TRIAL_EVERY = 32

/** A key that is still looked for: its bytes are copied, as the batch is valid during the call only. */
interface PendingKey {
  readonly key: Uint8Array
  readonly hash: number
  /** The newest file that may still hold it. */
  section: number
}

/** What one prefetch still has to do. */
interface Prefetch {
  readonly sections: readonly Section[]
  keys: PendingKey[]
  /** Parts that were loaded in rounds before: one that the cache did not keep is not loaded again. */
  readonly loaded: Set<string>
  /** What this round has to load. */
  wanted: Map<string, WantedPart>
  leftBytes: number
}

interface WantedPart {
  readonly file: SectionFile
  readonly part: MissingPart
}

/**
 * Loads what look-ups of some keys need into the cache, in rounds: every look-up goes on until it needs something that
 * is not there, newest file first, as the read itself would; then all that is missing is read at the same time.
 */
export class Prefetcher {
  readonly #cache: BlockCache
  /** How many calls in a row had nothing to load, how many of the next are left out, and the cache's `waits` then. */
  #quiet = 0
  #skip = 0
  #waits = 0
  readonly #clock: Clock | null
  /** Whether the last trial found the disk fast, and calls until the next. */
  #fast = false
  #untilTrial = 0

  /** Without a clock there are no trials, and every disk counts as slow. */
  constructor(cache: BlockCache, clock: Clock | null) {
    this.#cache = cache
    this.#clock = clock
  }

  /**
   * Null when nothing has to be read. `sections` are those of the store, newest first. Never rejects: a read of the key
   * itself meets the error.
   */
  start(sections: readonly Section[], keys: KeyBatch): Promise<void> | null {
    if (this.#fast && --this.#untilTrial > 0) return null
    if (keys.count === 0 || sections.length === 0 || this.#cache.capacityBytes === 0 || this.#left()) return null
    const prefetch: Prefetch = {
      sections,
      keys: [],
      loaded: new Set(),
      wanted: new Map(),
      leftBytes: this.#cache.capacityBytes / MOST_OF_CACHE,
    }
    for (let i = 0; i < keys.count; i++) {
      const start = keys.starts[i] as number
      const end = keys.ends[i] as number
      const hash = keys.hashes[i] as number
      const pending = advance(prefetch, keys.bytes, start, end, hash, 0)
      if (pending >= 0) prefetch.keys.push({ key: keys.bytes.slice(start, end), hash, section: pending })
    }
    if (prefetch.wanted.size === 0) {
      this.#quiet = Math.min(MAX_SKIPPED, this.#quiet * 2 + 1)
      this.#skip = this.#quiet
      this.#waits = this.#cache.waits
      return null
    }
    this.#quiet = 0
    if (this.#clock !== null && this.#isFast(this.#clock, prefetch)) return null
    for (const { file } of sections) file.retain()
    return this.#run(prefetch)
  }

  /** Tries the disk now and then, by reading the first parts that are wanted. */
  #isFast(clock: Clock, prefetch: Prefetch): boolean {
    if (--this.#untilTrial > 0) return this.#fast
    this.#untilTrial = TRIAL_EVERY
    this.#fast = false
    let reads = 0
    for (const { file, part } of prefetch.wanted.values()) {
      const start = clock.monotonicMs()
      let bytes: Uint8Array
      try {
        bytes = file.readVerified(part.position, part.sizeBytes, part.crc, part.store)
      } catch {
        // The read of the key meets the error again.
        return false
      }
      const ms = clock.monotonicMs() - start
      part.keep(bytes)
      if (ms >= FAST_READ_MS) return false
      if (++reads === TRIAL_READS) break
    }
    this.#fast = true
    return true
  }

  /** True if this call is left out. */
  #left(): boolean {
    if (this.#skip === 0) return false
    this.#skip--
    if (this.#cache.waits === this.#waits) return true
    this.#quiet = 0
    this.#skip = 0
    return false
  }

  async #run(prefetch: Prefetch): Promise<void> {
    try {
      while (prefetch.wanted.size > 0) {
        await this.#loadAll([...prefetch.wanted.values()])
        for (const name of prefetch.wanted.keys()) prefetch.loaded.add(name)
        prefetch.wanted = new Map()
        const { keys } = prefetch
        prefetch.keys = []
        for (const pending of keys) {
          const { key, hash } = pending
          pending.section = advance(prefetch, key, 0, key.length, hash, pending.section)
          if (pending.section >= 0) prefetch.keys.push(pending)
        }
      }
    } catch {
      // The read of the key meets the error again, and names it to whoever asked for the key.
    } finally {
      for (const { file } of prefetch.sections) file.release()
    }
  }

  async #loadAll(wanted: readonly WantedPart[]): Promise<void> {
    let next = 0
    const reader = async (): Promise<void> => {
      while (next < wanted.length) {
        const { file, part } = wanted[next++] as WantedPart
        const bytes = await file.readVerifiedLater(part)
        this.#cache.countPrefetched()
        part.keep(bytes)
      }
    }
    await Promise.all(Array.from({ length: Math.min(MAX_READS, wanted.length) }, reader))
  }
}

/**
 * Goes on with a key from a section on. Returns the section that needs a part first, which is wanted then; -1 when the
 * key needs nothing more, or nothing that the prefetch may load.
 */
function advance(prefetch: Prefetch, key: Uint8Array, start: number, end: number, hash: number, from: number): number {
  const { sections, wanted } = prefetch
  for (let i = from; i < sections.length; i++) {
    const section = sections[i] as Section
    const part = section.probe(key, start, end, hash)
    if (part === true) return -1
    if (part === false) continue
    const name = `${i}:${part.position}`
    if (wanted.has(name)) return i
    if (prefetch.loaded.has(name) || part.sizeBytes > prefetch.leftBytes) return -1
    prefetch.leftBytes -= part.sizeBytes
    wanted.set(name, { file: section.file, part })
    return i
  }
  return -1
}
