import type { Clock } from '../clock/clock.ts'
import type { BaseStatistics, FileTier, ReadStatistics, StoreFiles } from '../store/base-statistics.ts'
import type { BaseIterator, ByteRange, KeyBatch } from '../store/types.ts'
import type { BlockCache } from './block-cache.ts'
import type { FileSet } from './file-set.ts'
import { ForwardCursor } from './forward-cursor.ts'
import { LsmIterator } from './lsm-iterator.ts'
import { MergeCursor } from './merge-cursor.ts'
import { OpenIterators } from './open-iterators.ts'
import { Prefetcher } from './prefetch.ts'
import { ReadAround } from './read-around.ts'
import { ReadCounters } from './read-counters.ts'
import { ReverseCursor } from './reverse-cursor.ts'
import type { SortedFile } from './sorted-file.ts'

/** Iterators that may be open on one base when its options say nothing. */
export const MAX_ITERATORS = 1024
const MIB = 1024 * 1024
const TIER_FACTOR = 4

export interface BaseReadsOptions {
  readonly cache: BlockCache
  /** Names the base in errors. */
  readonly directory: string
  /** For the age of iterators, and to tell how fast the disk answers. */
  readonly clock?: Clock
  readonly maxIterators?: number
}

/** How a base is read beside single keys: ranges, prefetches, and what all of it has cost. */
export class BaseReads {
  /** For the files of the base. */
  readonly counters: ReadCounters = new ReadCounters()
  /** Null without a clock. */
  readonly around: ReadAround | null
  readonly #cache: BlockCache
  readonly #prefetcher: Prefetcher
  readonly #iterators: OpenIterators

  constructor(options: BaseReadsOptions) {
    const { cache, clock, directory, maxIterators } = options
    this.around = clock === undefined ? null : new ReadAround(clock)
    this.#cache = cache
    this.#prefetcher = new Prefetcher(cache, clock ?? null)
    this.#iterators = new OpenIterators(maxIterators ?? MAX_ITERATORS, clock ?? null, directory)
  }

  /** A stable view of the files of now, pinned until it is closed or exhausted. Throws ERR_TOO_MANY_ITERATORS. */
  scan(files: readonly SortedFile[], store: string, range: ByteRange): BaseIterator {
    this.#iterators.check(store)
    const { from, to, reverse, limit } = range
    const pinned: SortedFile[] = []
    const cursors: (ForwardCursor | ReverseCursor)[] = []
    for (const file of files) {
      const section = file.sections.get(store)
      if (section === undefined) continue
      file.retain()
      pinned.push(file)
      const Cursor = reverse ? ReverseCursor : ForwardCursor
      cursors.push(new Cursor(section, section, from, to))
    }
    return new LsmIterator(new MergeCursor(cursors, reverse), pinned, limit, this.#iterators)
  }

  /** As Base.prefetch. */
  prefetch(set: FileSet, store: string, keys: KeyBatch): Promise<void> | null {
    return this.#prefetcher.start(set.sectionsOf(store), keys)
  }

  statistics(files: readonly SortedFile[]): BaseStatistics {
    const stores = storeFiles(files)
    const sum = (of: 'entries' | 'deletions'): number => stores.reduce((total, store) => total + store[of], 0)
    return {
      files: files.length,
      bytes: files.reduce((total, file) => total + file.sizeBytes, 0),
      entries: sum('entries'),
      deletions: sum('deletions'),
      tiers: tiersOf(files),
      stores,
      reads: readStatistics(this.counters),
      cache: this.#cache.statistics(),
      iterators: this.#iterators.statistics(),
    }
  }
}

function readStatistics({ gets, checks, passes, found }: ReadCounters): ReadStatistics {
  const absent = checks - found
  return {
    gets,
    filesPerGet: gets === 0 ? 0 : checks / gets,
    readAmplification: gets === 0 ? 0 : passes / gets,
    bloomPasses: passes,
    bloomFalsePositives: passes - found,
    bloomFalsePositiveRate: absent === 0 ? 0 : (passes - found) / absent,
  }
}

function storeFiles(files: readonly SortedFile[]): StoreFiles[] {
  const stores = new Map<string, StoreFiles>()
  for (const file of files) {
    for (const [store, { head }] of file.sections) {
      const known = stores.get(store)
      const entries = (known?.entries ?? 0) + head.entries
      const deletions = (known?.deletions ?? 0) + head.deletions
      stores.set(store, {
        store,
        files: (known?.files ?? 0) + 1,
        bytes: (known?.bytes ?? 0) + head.storedBytes,
        plainBytes: (known?.plainBytes ?? 0) + head.plainBytes,
        entries,
        deletions,
        approximateKeys: Math.max(0, entries - 2 * deletions),
      })
    }
  }
  return [...stores.values()].sort((a, b) => (a.store < b.store ? -1 : 1))
}

function tiersOf(files: readonly SortedFile[]): FileTier[] {
  const tiers = new Map<number, FileTier>()
  for (const { sizeBytes, sections } of files) {
    let tier = 0
    while (sizeBytes >= MIB * TIER_FACTOR ** (tier + 1)) tier++
    let entries = tiers.get(tier)?.entries ?? 0
    for (const { head } of sections.values()) entries += head.entries
    const known = tiers.get(tier)
    tiers.set(tier, { tier, files: (known?.files ?? 0) + 1, bytes: (known?.bytes ?? 0) + sizeBytes, entries })
  }
  return [...tiers.values()].sort((a, b) => a.tier - b.tier)
}
