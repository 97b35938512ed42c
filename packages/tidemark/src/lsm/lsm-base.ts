import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { invariant } from '../errors/error.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type {
  Base,
  BaseIterator,
  BaseTime,
  ByteRange,
  KeyBatch,
  SortedStore,
  Steps,
  StoreDescriptor,
} from '../store/types.ts'
import { BaseReads } from './base-reads.ts'
import type { BlockCache } from './block-cache.ts'
import type { Compression } from './codec.ts'
import type { Compactor } from './compaction.ts'
import { expiryOf } from './expiry.ts'
import type { LsmFailpoint } from './failpoints.ts'
import { inlineCompactor } from './inline-compactor.ts'
import { countLive } from './live-count.ts'
import { estimateLive } from './live-sample.ts'
import type { LiveShare } from './live-share.ts'
import { LsmWriter } from './lsm-writer.ts'
import type { Manifest } from './manifest.ts'
import { type FilePlace, openForReading, openForWriting, openRetained, type OpenedFiles } from './open-files.ts'
import type { RetainedState } from './retained.ts'
import type { Section } from './section.ts'
import { StateFiles } from './state-files.ts'

export interface LsmOptions {
  readonly disk: Disk
  /** Of this base alone. Made when missing, unless read only. */
  readonly directory: string
  /** Shared by the bases of a thread. */
  readonly cache: BlockCache
  /** For a reader beside the owner, in another thread or process: it changes nothing, `write` throws. */
  readonly readOnly?: boolean
  /** Read only: opens this retained checkpoint instead of the newest state. */
  readonly checkpoint?: number
  /** Keeps the files' content in memory: no read goes to the disk after opening. */
  readonly resident?: boolean
  /** How blocks of new files are stored; files are read whatever they were written with. Default: 'none'. */
  readonly compression?: Compression
  /** Bytes after which a block of a new file ends, before compression; default 4 KiB, with compression 16 KiB. */
  readonly blockBytes?: number
  /** For the age of open iterators, and to tell whether a prefetch is worth its cost: without it, it always is. */
  readonly clock?: Clock
  /** Iterators that may be open at a time; default MAX_ITERATORS. */
  readonly maxIterators?: number
  /** Merges files; by default as part of `write`, in its steps. */
  readonly compactor?: Compactor
  /** Called at the steps named in LSM_FAILPOINTS, for crash tests; what it throws comes out of `write`. */
  readonly failpoint?: (name: LsmFailpoint) => void
}

/**
 * Opens the sorted files of a directory as they were at the newest manifest. Opening for writing removes the files that
 * a crash left unnamed; there may be one writer only, which the caller ensures. ERR_STATE_CORRUPT: manifest or a file is
 * damaged or missing. ERR_FORMAT_NEWER, ERR_FORMAT_OLDER: another version wrote them. ERR_FILE_NOT_FOUND: `checkpoint` is
 * not retained. A read-only base of a directory without state is empty.
 */
export function openLsmBase(options: LsmOptions): LsmBase {
  const { disk, directory, cache, checkpoint, compression = 'none', failpoint = noFailpoint } = options
  const reads = new BaseReads(options)
  const { counters, around } = reads
  const { blockBytes, resident = false } = options
  const place: FilePlace = { disk, directory, cache, resident, compression, blockBytes, counters, around }
  invariant(checkpoint === undefined || options.readOnly === true, 'a retained checkpoint is opened read only')
  if (options.readOnly === true) {
    const opened = checkpoint === undefined ? openForReading(place, []) : openRetained(place, checkpoint)
    return new LsmBase(place, reads, opened, failpoint, null)
  }
  return new LsmBase(
    place,
    reads,
    openForWriting(place),
    failpoint,
    options.compactor ?? inlineCompactor(disk, failpoint),
  )
}

function noFailpoint(): void {}

/** The committed entries of a task in immutable sorted files, and a manifest that names them: see design/01, "LSM". */
export class LsmBase implements Base {
  valueBytes: Uint8Array = new Uint8Array(0)
  valueStart = 0
  valueEnd = 0
  readonly #files: StateFiles
  readonly #reads: BaseReads
  /** Null for a base that only reads. */
  readonly #writer: LsmWriter | null
  /** The sections of the store that was asked for last; null when the next key may be in others. */
  #lastStore: string | null = null
  #lastSections: readonly Section[] = []
  /** The manifest that these are of. */
  #lastManifest: Manifest | null = null

  /** Use `openLsmBase`. */
  constructor(
    place: FilePlace,
    reads: BaseReads,
    opened: OpenedFiles,
    failpoint: (name: LsmFailpoint) => void,
    compactor: Compactor | null,
  ) {
    const files = new StateFiles(place, opened)
    this.#files = files
    this.#reads = reads
    this.#writer = compactor === null ? null : new LsmWriter({ files, compactor, failpoint })
  }

  get id(): number {
    return this.#files.manifest.id
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#files.manifest.descriptors
  }

  /** The files of now, a value that does not change: what a retained checkpoint writes down. */
  get manifest(): Manifest {
    return this.#files.manifest
  }

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    const sections =
      store === this.#lastStore && this.#lastManifest === this.#files.manifest
        ? this.#lastSections
        : this.#select(store, key, end)
    this.#reads.counters.gets++
    for (let i = 0; i < sections.length; i++) {
      const section = sections[i] as Section
      const found = section.get(key, start, end, hash)
      if (found === 0) continue
      if (found === 1) {
        this.valueBytes = section.valueBytes
        this.valueStart = section.valueStart
        this.valueEnd = section.valueEnd
      }
      return found
    }
    return 0
  }

  #select(store: string, key: Uint8Array, end: number): readonly Section[] {
    invariant(!this.#files.closed, `a read of store '${store}' comes before the base is closed`)
    const { set } = this.#files
    this.#lastStore = set.isPlain(store) ? store : null
    this.#lastManifest = this.#files.manifest
    this.#lastSections = set.sectionsFor(store, key, end)
    return this.#lastSections
  }

  /** ERR_TOO_MANY_ITERATORS when more are open than the base allows. */
  scan(store: string, range: ByteRange): BaseIterator {
    invariant(!this.#files.closed, `a scan of store '${store}' comes before the base is closed`)
    return this.#reads.scan(this.#files.set.files, store, range)
  }

  prefetch(store: string, keys: KeyBatch): Promise<void> | null {
    invariant(!this.#files.closed, `a prefetch of store '${store}' comes before the base is closed`)
    return this.#reads.prefetch(this.#files.set, store, keys)
  }

  /**
   * Adds the entries as files of their own, and puts merges that are done in place of what they merged; then starts the
   * merges that are due. With the manifest that names the files the state is that of `id`, for readers too; 0: that of no
   * checkpoint, until a later write says of which.
   * ERR_DISK_FULL leaves the base as it was before (`id` tells), and a later write may succeed. After any other error the
   * base can be read but not written: open it again. A merge that met such an error makes the next write throw it.
   */
  write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    return this.#owner('written').write(id, descriptors, stores)
  }

  expire(store: string, beforeEndMs: number): void {
    this.#owner('written').expire(store, beforeEndMs)
  }

  expiredBefore(store: string): number | null {
    return this.#files.manifest.windows[store]?.expiredMs ?? null
  }

  dropsWindows(): boolean {
    return this.#writer !== null
  }

  advance(time: BaseTime): void {
    this.#owner('written').advance(time)
  }

  get stalled(): boolean {
    return this.#writer?.stalled ?? false
  }

  get wantsWrite(): boolean {
    return this.#writer?.wantsWrite ?? false
  }

  #owner(what: string): LsmWriter {
    invariant(this.#writer !== null, `the base of ${this.#files.place.directory} is ${what} by its owner only`)
    return this.#writer
  }

  /**
   * Keeps the state of now as checkpoint `id`: its files stay until `release` (C5), through merges and restarts. The
   * caller has flushed, so that the files hold exactly the state of `id`; an id above the base's own says that nothing
   * changed since. Durable when it returns. The disk's errors: then it may or may not be retained, and can be again.
   */
  retain(id: number, createdAtMs: number): void {
    this.#owner('retained').retain(id, createdAtMs)
  }

  /** Gives a retained checkpoint up, and removes the files that only it had. Nothing happens if it is not retained. */
  release(id: number): void {
    this.#owner('released').release(id)
  }

  /** The checkpoints that are kept, by ascending id, with what they cost. */
  retained(): RetainedState[] {
    return this.#files.retained()
  }

  /** Read-only bases: goes on to the newest manifest; true if it is another one. */
  refresh(): boolean {
    invariant(this.#writer === null, 'only a read-only base is refreshed')
    return this.#files.refresh()
  }

  /** Entries less deletions, twice: a deletion is one entry, and stands for one below it. Overwritten ones are counted. */
  approximateCount(store: string): number {
    let count = 0
    for (const { head } of this.#files.set.sectionsOf(store)) count += head.entries - 2 * head.deletions
    return Math.max(0, count)
  }

  /**
   * How much of what the files hold of a store is live, as of their checkpoint: counted when `onEntries` is given (see
   * `countLive`), else estimated from samples (see `estimateLive`). For a base of its own: it goes through the cache, and
   * counts as reads.
   */
  live(store: string, onEntries: ((entries: number) => void) | null = null): Steps<LiveShare> {
    const { set, manifest } = this.#files
    const expiry = expiryOf(manifest.descriptors, manifest.windows, manifest.time)[store]
    if (onEntries === null) return estimateLive(set.sectionsOf(store), expiry)
    const sections = set.files.flatMap((file) => {
      const section = file.sections.get(store)
      return section === undefined ? [] : [{ file, section }]
    })
    return countLive(sections, expiry, onEntries)
  }

  statistics(): BaseStatistics {
    const read = this.#reads.statistics(this.#files.set.files)
    return this.#writer === null ? read : { ...read, writes: this.#writer.statistics() }
  }

  /**
   * Gives up a write under way, names the merges that are done in the manifest, and releases the files; iterators keep
   * those that they pin until they are closed.
   */
  close(): void {
    if (this.#files.closed) return
    this.#lastStore = null
    if (this.#writer === null) this.#files.close()
    else this.#writer.close()
  }
}
