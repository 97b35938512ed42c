import { invariant, isTidemarkError } from '../errors/error.ts'
import type { WriteStatistics } from '../store/base-statistics.ts'
import type { BaseTime, SortedStore, Steps, StoreDescriptor } from '../store/types.ts'
import { asError } from './compaction.ts'
import type { Compactor } from './compaction.ts'
import { Compactions, hasExpired } from './compactions.ts'
import { bucketWidthOf, expiryOf } from './expiry.ts'
import type { LsmFailpoint } from './failpoints.ts'
import type { OpenFile } from './file-set.ts'
import { writeFlushFiles } from './flush-files.ts'
import { type Manifest, type ManifestProgress, TEMPORARY_NAME, type WindowState } from './manifest.ts'
import { runToEnd } from './open-files.ts'
import { isStalled } from './plan-merge.ts'
import type { StateFiles } from './state-files.ts'

export interface LsmWriterOptions {
  readonly files: StateFiles
  readonly compactor: Compactor
  readonly failpoint: (name: LsmFailpoint) => void
}

/** The writing side of a base: flushes, the results of compactions, and the manifest that names them. */
export class LsmWriter {
  readonly #files: StateFiles
  readonly #failpoint: (name: LsmFailpoint) => void
  readonly #compactions: Compactions
  #writing = false
  /** The write under way: given up when the base is closed. */
  #current: Steps | null = null
  #nextFile: number
  /** By store: windows that end up to here have expired, as of the next write's checkpoint. */
  readonly #expired = new Map<string, number>()
  #time: BaseTime
  /** What stopped a write in a way that leaves it open what is on disk. */
  #failure: Error | null = null
  #flushes = 0
  /** What `stalled` is of a manifest: it is asked for often. */
  #stalled = false
  #stallChecked: Manifest | null = null
  #flushedBytes = 0

  constructor(options: LsmWriterOptions) {
    this.#files = options.files
    this.#failpoint = options.failpoint
    this.#nextFile = options.files.manifest.nextFile
    this.#time = options.files.manifest.time
    this.#compactions = new Compactions(options, () => this.#nextFile++)
    for (const [store, { expiredMs }] of Object.entries(options.files.manifest.windows)) {
      if (expiredMs !== null) this.#expired.set(store, expiredMs)
    }
    this.#compactions.expiry = expiryOf(options.files.manifest.descriptors, options.files.manifest.windows, this.#time)
    // What the last owner left undone is done now, even if nothing is written.
    this.#compactions.start()
  }

  statistics(): WriteStatistics {
    const { compactions, compactedBytes, delayed, running } = this.#compactions.counts
    const flushedBytes = this.#flushedBytes
    return {
      flushes: this.#flushes,
      flushedBytes,
      compactions,
      compactedBytes,
      compactionsRunning: running,
      compactionsDelayed: delayed,
      stalled: this.stalled,
      writeAmplification: flushedBytes === 0 ? 0 : (flushedBytes + compactedBytes) / flushedBytes,
      retained: this.#files.retained().map(({ id, ownBytes }) => ({ id, ownBytes })),
    }
  }

  /** True when compaction is so far behind that the task must take no messages. */
  get stalled(): boolean {
    const { manifest } = this.#files
    if (manifest !== this.#stallChecked) {
      this.#stallChecked = manifest
      this.#stalled = isStalled(this.#compactions.planned())
    }
    return this.#stalled
  }

  /** True when a write, if only of nothing, should come soon: it ends a stall, or tells what compaction has met. */
  get wantsWrite(): boolean {
    if (this.#writing) return false
    if (this.#failure !== null || this.#compactions.failure !== null) return true
    return this.stalled && (this.#compactions.finished || !this.#compactions.busy)
  }

  expire(store: string, beforeEndMs: number): void {
    this.#expired.set(store, Math.max(beforeEndMs, this.#expired.get(store) ?? Number.NEGATIVE_INFINITY))
  }

  advance(time: BaseTime): void {
    this.#time = {
      eventMs: later(this.#time.eventMs, time.eventMs),
      processingMs: later(this.#time.processingMs, time.processingMs),
    }
  }

  write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    const current = this.#write(id, descriptors, stores)
    if (!this.#writing) this.#current = current
    return current
  }

  *#write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    this.#start(id)
    try {
      yield* this.#flush(id, descriptors, stores)
      this.#compactions.start()
      yield* this.#compactions.steps()
      this.#failIfCompactionDid()
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_DISK_FULL')) this.#failure = asError(error)
      throw error
    } finally {
      this.#writing = false
      this.#current = null
    }
  }

  #start(id: number): void {
    const { place, manifest, closed } = this.#files
    invariant(!closed, `a write to the base of ${place.directory} comes before it is closed`)
    invariant(!this.#writing, `the base of ${place.directory} has one write at a time`)
    const follows = id >= manifest.id || id === 0
    invariant(follows, `checkpoint ${id} is not older than ${manifest.id}, which is in ${place.directory}`)
    this.#failIfCompactionDid()
    if (this.#failure !== null) throw this.#failure
    this.#writing = true
  }

  /** A damaged file or a failed sync ends the base's writing, whichever thread met it; a full disk only delays. */
  #failIfCompactionDid(): void {
    const { failure } = this.#compactions
    if (failure === null) return
    this.#failure ??= failure
    throw this.#failure
  }

  *#flush(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps {
    this.#failpoint('flush-before-file')
    const windows = this.#windows(descriptors)
    const expiry = expiryOf(descriptors, windows, this.#time)
    this.#compactions.expiry = expiry
    const { place, set } = this.#files
    const made = yield* writeFlushFiles({
      place,
      stores,
      older: set,
      windows,
      expiry,
      nextNumber: () => this.#nextFile++,
    })
    this.#failpoint('flush-after-file')
    this.#failpoint('flush-before-manifest')
    yield* this.#install({ ...this.#files.manifest, id, descriptors, windows, time: this.#time }, made)
    this.#flushes++
    for (const { file } of made) this.#flushedBytes += file.sizeBytes
    this.#failpoint('flush-after-manifest')
  }

  /** The window stores that have buckets. A bucket's width stays as long as there are files of that width. */
  #windows(descriptors: readonly StoreDescriptor[]): Record<string, WindowState> {
    const windows: Record<string, WindowState> = {}
    const { manifest } = this.#files
    for (const [store, known] of Object.entries(manifest.windows)) {
      if (manifest.files.some(({ bucket }) => bucket?.store === store)) windows[store] = known
    }
    for (const descriptor of descriptors) {
      const bucketMs = bucketWidthOf(descriptor)
      const known = windows[descriptor.name]
      if (known === undefined && bucketMs === null) continue
      windows[descriptor.name] = {
        bucketMs: known?.bucketMs ?? (bucketMs as number),
        sizeMs: descriptor.windowSizeMs,
        expiredMs: this.#expired.get(descriptor.name) ?? null,
      }
    }
    return windows
  }

  /** One manifest for all that is new: the files of a flush, merges that are done, buckets that have expired. */
  *#install(base: Manifest, made: readonly OpenFile[]): Steps {
    const merged = yield* this.#compactions.take(base.windows)
    const open = [...made, ...withoutExpired(merged.open, base.windows)]
    const manifest = { ...base, nextFile: this.#nextFile, files: open.map(({ entry }) => entry) }
    if (merged.count > 0) this.#failpoint('merge-before-manifest')
    const progress: ManifestProgress = { renaming: false }
    let installed = false
    let failure: unknown = null
    try {
      yield* this.#files.install(manifest, open, progress, () => {
        installed = true
        if (merged.count > 0) this.#failpoint('merge-after-manifest')
        if (merged.count > 0) this.#failpoint('merge-before-remove')
        this.#compactions.installed()
      })
    } catch (error) {
      failure = error
      throw error
    } finally {
      if (!installed) this.#undo(made, progress, failure)
    }
  }

  /** After a failure, or when the write is given up (no error), before the manifest counts. */
  #undo(made: readonly OpenFile[], progress: ManifestProgress, error: unknown): void {
    const { disk, directory } = this.#files.place
    this.#compactions.putBack()
    for (const { file } of made) file.release()
    if (progress.renaming) {
      this.#failure = asError(error ?? `a write to the base of ${directory} was given up as its manifest was renamed`)
      return
    }
    if (error !== null && !isTidemarkError(error, 'ERR_DISK_FULL')) return
    for (const path of [`${directory}/${TEMPORARY_NAME}`, ...made.map(({ file }) => file.path)]) {
      if (disk.exists(path)) disk.remove(path)
    }
  }

  retain(id: number, createdAtMs: number): void {
    const { place, manifest } = this.#files
    this.#checkOpen()
    invariant(id >= manifest.id, `checkpoint ${id} is not older than ${manifest.id}, which is in ${place.directory}`)
    this.#files.retain(id, createdAtMs, this.#failpoint)
  }

  release(id: number): void {
    this.#checkOpen()
    this.#files.release(id, this.#failpoint)
  }

  #checkOpen(): void {
    invariant(!this.#files.closed, `the base of ${this.#files.place.directory} is open`)
  }

  /** Gives up a write under way, names merges that are done in the manifest, gives up the others. */
  close(): void {
    const files = this.#files
    this.#current?.return()
    this.#current = null
    try {
      if (this.#failure === null && this.#compactions.finished) this.#installNow()
    } finally {
      this.#compactions.close()
      files.close()
    }
  }

  #installNow(): void {
    const { manifest } = this.#files
    const merged = runToEnd(this.#compactions.take(manifest.windows))
    this.#failpoint('merge-before-manifest')
    this.#files.installNow(
      { ...manifest, nextFile: this.#nextFile, files: merged.open.map(({ entry }) => entry) },
      merged.open,
      () => {
        this.#failpoint('merge-after-manifest')
        this.#failpoint('merge-before-remove')
        this.#compactions.installed()
      },
    )
  }
}

function later(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b)
}

/** Buckets go as a whole once the last of their windows has expired. */
function withoutExpired(open: readonly OpenFile[], windows: Readonly<Record<string, WindowState>>): OpenFile[] {
  return open.filter(({ entry }) => !hasExpired(entry.bucket, windows))
}
