import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { invariant, isTidemarkError } from '../errors/error.ts'
import type { BaseStatistics } from '../store/base-statistics.ts'
import type { Base, BaseIterator, ByteRange, KeyBatch, SortedStore, Steps, StoreDescriptor } from '../store/types.ts'
import { BaseReads } from './base-reads.ts'
import type { BlockCache } from './block-cache.ts'
import type { Compression } from './codec.ts'
import type { LsmFailpoint } from './failpoints.ts'
import { FileSet } from './file-set.ts'
import {
  type FileEntry,
  fileName,
  type Manifest,
  type ManifestProgress,
  TEMPORARY_NAME,
  writeManifest,
} from './manifest.ts'
import { type FilePlace, openForReading, openForWriting, openRetained, type OpenedFiles } from './open-files.ts'
import { planMerge } from './plan-merge.ts'
import { describeRetained, removeRetained, type RetainedState, writeRetained } from './retained.ts'
import type { Section } from './section.ts'
import { SortedFile } from './sorted-file.ts'
import { SortedFileWriter } from './sorted-file-writer.ts'

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
  /** For the age of open iterators in the statistics. */
  readonly clock?: Clock
  /** Iterators that may be open at a time; default MAX_ITERATORS. */
  readonly maxIterators?: number
  /** Called at the steps named in LSM_FAILPOINTS, for crash tests; what it throws comes out of `write`. */
  readonly failpoint?: (name: LsmFailpoint) => void
}

/**
 * Opens the sorted files of a directory as they were at the newest manifest. Opening for writing removes the files that
 * a crash left unnamed; there may be one writer only, which the caller ensures. ERR_STATE_CORRUPT: manifest or a file is
 * damaged or missing. ERR_FORMAT_NEWER: a later version wrote them. A read-only base of a directory without state is
 * empty.
 */
export function openLsmBase(options: LsmOptions): LsmBase {
  const { disk, directory, cache } = options
  const reads = new BaseReads(options)
  const place: FilePlace = {
    disk,
    directory,
    cache,
    resident: options.resident === true,
    compression: options.compression ?? 'none',
    counters: reads.counters,
  }
  const readOnly = options.readOnly === true
  const { checkpoint } = options
  invariant(checkpoint === undefined || readOnly, 'a retained checkpoint is opened read only')
  const opened = !readOnly
    ? openForWriting(place)
    : checkpoint === undefined
      ? openForReading(place, [])
      : openRetained(place, checkpoint)
  return new LsmBase(place, reads, readOnly, options.failpoint ?? null, opened)
}

/** A file that was written but that no manifest names yet. */
interface NewFile {
  readonly entry: FileEntry
  readonly file: SortedFile
}

/** The committed entries of a task in immutable sorted files, and a manifest that names them: see design/01, "LSM". */
export class LsmBase implements Base {
  valueBytes: Uint8Array = new Uint8Array(0)
  valueStart = 0
  valueEnd = 0
  readonly #place: FilePlace
  readonly #reads: BaseReads
  readonly #readOnly: boolean
  readonly #failpoint: ((name: LsmFailpoint) => void) | null
  #manifest: Manifest
  #set: FileSet
  /** The checkpoints that are kept, by ascending id. */
  #retained: readonly Manifest[]
  /** The sections of the store that was asked for last. */
  #lastStore: string | null = null
  #lastSections: readonly Section[] = []
  #writing = false
  #closed = false
  /** What stopped a write in a way that leaves it open what is on disk. */
  #failure: Error | null = null

  /** Use `openLsmBase`. */
  constructor(
    place: FilePlace,
    reads: BaseReads,
    readOnly: boolean,
    failpoint: ((name: LsmFailpoint) => void) | null,
    opened: OpenedFiles,
  ) {
    this.#place = place
    this.#reads = reads
    this.#readOnly = readOnly
    this.#failpoint = failpoint
    this.#manifest = opened.manifest
    this.#set = new FileSet(opened.files)
    this.#retained = opened.retained
  }

  get id(): number {
    return this.#manifest.id
  }

  get descriptors(): readonly StoreDescriptor[] {
    return this.#manifest.descriptors
  }

  /** The files of now, a value that does not change: what a retained checkpoint writes down. */
  get manifest(): Manifest {
    return this.#manifest
  }

  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2 {
    const sections = store === this.#lastStore ? this.#lastSections : this.#select(store)
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

  #select(store: string): readonly Section[] {
    invariant(!this.#closed, `a read of store '${store}' comes before the base is closed`)
    this.#lastStore = store
    this.#lastSections = this.#set.sectionsOf(store)
    return this.#lastSections
  }

  /** ERR_TOO_MANY_ITERATORS when more are open than the base allows. */
  scan(store: string, range: ByteRange): BaseIterator {
    invariant(!this.#closed, `a scan of store '${store}' comes before the base is closed`)
    return this.#reads.scan(this.#set.files, store, range)
  }

  prefetch(store: string, keys: KeyBatch): Promise<void> | null {
    invariant(!this.#closed, `a prefetch of store '${store}' comes before the base is closed`)
    return this.#reads.prefetch(this.#set, store, keys)
  }

  /**
   * Adds the entries as one file, then merges files when there are too many. With the manifest that names the file the
   * state is that of `id`, for readers too; ERR_DISK_FULL leaves the base as it was before the step that failed (`id`
   * tells), and a later write may succeed. After any other error the base can be read but not written: open it again.
   */
  *write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    this.#startWrite(id)
    try {
      yield* this.#flush(id, descriptors, stores)
      yield* this.#mergeIfDue()
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_DISK_FULL')) this.#failure = asError(error)
      throw error
    } finally {
      this.#writing = false
    }
  }

  #startWrite(id: number): void {
    const { directory } = this.#place
    invariant(!this.#readOnly, `the base of ${directory} is written by its owner only`)
    invariant(!this.#closed, `a write to the base of ${directory} comes before it is closed`)
    invariant(!this.#writing, `the base of ${directory} has one write at a time`)
    invariant(id >= this.id, `checkpoint ${id} is not older than ${this.id}, which is in ${directory}`)
    if (this.#failure !== null) throw this.#failure
    this.#writing = true
  }

  *#flush(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    this.#failpoint?.('flush-before-file')
    const made = yield* this.#make(stores, this.#set)
    this.#failpoint?.('flush-after-file')
    this.#failpoint?.('flush-before-manifest')
    const manifest = { ...this.#manifest, id, descriptors }
    this.#install(manifest, 0, 0, made)
    this.#failpoint?.('flush-after-manifest')
  }

  *#mergeIfDue(): Steps {
    const plan = planMerge(this.#manifest.files)
    if (plan === null) return
    const from = plan[0] as number
    const to = from + plan.length
    const { files } = this.#set
    const merged = files.slice(from, to)
    const made = yield* this.#make(new FileSet(merged).merged(), new FileSet(files.slice(to)))
    this.#failpoint?.('merge-before-manifest')
    this.#install(this.#manifest, from, to, made)
    this.#failpoint?.('merge-after-manifest')
    this.#failpoint?.('merge-before-remove')
    const { disk } = this.#place
    for (const file of merged) {
      file.whenUnused(() => {
        if (!this.#closed && !this.#isRetained(nameOf(file.path))) disk.remove(file.path)
      })
      file.release()
    }
  }

  /** Writes a file that no manifest names yet, durable and open; null if there is nothing to write. */
  *#make(stores: Iterable<SortedStore>, older: FileSet): Steps<NewFile | null> {
    const { disk, directory } = this.#place
    const name = fileName(this.#manifest.nextFile)
    const path = `${directory}/${name}`
    let made: NewFile | null = null
    let crashed = false
    let writer: SortedFileWriter | null = null
    try {
      writer = new SortedFileWriter(disk, path, this.#place.compression)
      for (const store of stores) yield* writer.store(store, older.keysOf(store.name))
      if (writer.empty) return null
      const entry = yield* writer.finish(name)
      disk.syncDirectory(directory)
      const expected = entry
      const file = yield* SortedFile.open({ ...this.#place, path, expected })
      made = { entry, file }
      return made
    } catch (error) {
      crashed = !isTidemarkError(error, 'ERR_DISK_FULL')
      throw error
    } finally {
      writer?.close()
      if (made === null && !crashed && disk.exists(path)) disk.remove(path)
    }
  }

  /** Makes a manifest with the new file in place of files [from, to) the one that counts, on disk and for readers. */
  #install(base: Manifest, from: number, to: number, made: NewFile | null): void {
    const manifest: Manifest = {
      ...base,
      nextFile: made === null ? base.nextFile : base.nextFile + 1,
      files: base.files.toSpliced(from, to - from, ...(made === null ? [] : [made.entry])),
    }
    const { disk, directory } = this.#place
    const progress: ManifestProgress = { renaming: false }
    try {
      writeManifest(disk, directory, manifest, progress)
    } catch (error) {
      made?.file.release()
      if (progress.renaming) this.#failure = asError(error)
      else if (isTidemarkError(error, 'ERR_DISK_FULL')) this.#removeUnnamed(made)
      throw error
    }
    const files = this.#set.files.toSpliced(from, to - from, ...(made === null ? [] : [made.file]))
    this.#replace(manifest, files)
  }

  #removeUnnamed(made: NewFile | null): void {
    const { disk, directory } = this.#place
    const temporary = `${directory}/${TEMPORARY_NAME}`
    if (disk.exists(temporary)) disk.remove(temporary)
    if (made !== null) disk.remove(made.file.path)
  }

  #replace(manifest: Manifest, files: readonly SortedFile[]): void {
    this.#manifest = manifest
    this.#set = new FileSet(files)
    this.#lastStore = null
  }

  /**
   * Keeps the state of now as checkpoint `id`: its files stay until `release` (C5), through merges and restarts. The
   * caller has flushed, so that the files hold exactly the state of `id`; an id above the base's own says that nothing
   * changed since. Durable when it returns. The disk's errors: then it may or may not be retained, and can be again.
   */
  retain(id: number, createdAtMs: number): void {
    const { disk, directory } = this.#place
    this.#checkOwner()
    invariant(id >= this.id, `checkpoint ${id} is not older than ${this.id}, which is in ${directory}`)
    const manifest: Manifest = { ...this.#manifest, id, createdAtMs }
    writeRetained(disk, directory, manifest)
    const others = this.#retained.filter((other) => other.id !== id)
    this.#retained = [...others, manifest].sort((a, b) => a.id - b.id)
  }

  /** Gives a retained checkpoint up, and removes the files that only it had. Nothing happens if it is not retained. */
  release(id: number): void {
    const { disk, directory } = this.#place
    this.#checkOwner()
    const manifest = this.#retained.find((retained) => retained.id === id)
    if (manifest === undefined) return
    removeRetained(disk, directory, id)
    this.#retained = this.#retained.filter((retained) => retained !== manifest)
    const inUse = new Set(this.#set.files.map((file) => nameOf(file.path)))
    for (const { name } of manifest.files) {
      if (!inUse.has(name) && !this.#isRetained(name) && disk.exists(`${directory}/${name}`)) {
        disk.remove(`${directory}/${name}`)
      }
    }
  }

  /** The checkpoints that are kept, by ascending id, with what they cost. */
  retained(): RetainedState[] {
    return describeRetained(this.#retained, this.#manifest)
  }

  #isRetained(name: string): boolean {
    return this.#retained.some(({ files }) => files.some((file) => file.name === name))
  }

  #checkOwner(): void {
    invariant(
      !this.#readOnly && !this.#closed,
      `the base of ${this.#place.directory} is open, and written by its owner`,
    )
  }

  /** Read-only bases: goes on to the newest manifest; true if it is another one. */
  refresh(): boolean {
    invariant(this.#readOnly && !this.#closed, 'only an open read-only base is refreshed')
    const before = this.#set.files
    const { manifest, files } = openForReading(this.#place, before)
    const changed = manifest.id !== this.#manifest.id || manifest.nextFile !== this.#manifest.nextFile
    this.#replace(manifest, files)
    for (const file of before) file.release()
    return changed
  }

  /** Entries less deletions, twice: a deletion is one entry, and stands for one below it. Overwritten ones are counted. */
  approximateCount(store: string): number {
    let count = 0
    for (const { head } of this.#set.sectionsOf(store)) count += head.entries - 2 * head.deletions
    return Math.max(0, count)
  }

  statistics(): BaseStatistics {
    return this.#reads.statistics(this.#set.files)
  }

  /** Releases the files; iterators keep those that they pin until they are closed. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#lastStore = null
    for (const file of this.#set.files) file.release()
    this.#set = new FileSet([])
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
