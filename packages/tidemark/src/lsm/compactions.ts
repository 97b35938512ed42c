import { isTidemarkError } from '../errors/error.ts'
import type { Steps } from '../store/types.ts'
import type { CompactionHandle, CompactionResult, CompactionTask, Compactor } from './compaction.ts'
import type { Expiry } from './expiry.ts'
import type { OpenFile } from './file-set.ts'
import type { FileBucket, FileEntry, WindowState } from './manifest.ts'
import { MAX_RUNNING, type PlannedFile, planMerge } from './plan-merge.ts'
import { SortedFile } from './sorted-file.ts'
import type { StateFiles } from './state-files.ts'

interface Running {
  readonly task: CompactionTask
  /** One use of each of these is held until the result is in the manifest, or there is none. */
  readonly pinned: readonly SortedFile[]
  handle: CompactionHandle | null
  result: CompactionResult | null
  /** The result, once it was opened to be named in a manifest. */
  opened: SortedFile | null
}

/** The files of a base with the merges that are done put in place of what they merged. */
export interface MergedFiles {
  readonly open: readonly OpenFile[]
  /** How many merges these are. */
  readonly count: number
}

export interface CompactionCounts {
  /** Merges whose result is in the manifest. */
  readonly compactions: number
  /** Bytes of their results. */
  readonly compactedBytes: number
  /** Merges that a full disk has ended; each is planned again. */
  readonly delayed: number
  readonly running: number
}

/** The compactions of one base: what is planned, what runs, and what waits to be named in a manifest. */
export class Compactions {
  readonly #counts = { compactions: 0, compactedBytes: 0, delayed: 0 }
  /** What compactions that start now may leave out. */
  expiry: Readonly<Record<string, Expiry>> = {}
  readonly #files: StateFiles
  readonly #compactor: Compactor
  readonly #nextNumber: () => number
  #running: readonly Running[] = []
  /** Results that `take` put in their places. */
  #taken: readonly Running[] = []
  #failure: Error | null = null
  #closed = false

  constructor(options: { readonly files: StateFiles; readonly compactor: Compactor }, nextNumber: () => number) {
    this.#files = options.files
    this.#compactor = options.compactor
    this.#nextNumber = nextNumber
  }

  get counts(): CompactionCounts {
    return { ...this.#counts, running: this.#running.filter(({ result }) => result === null).length }
  }

  /** True when there is a result that no manifest names yet. */
  get finished(): boolean {
    return this.#running.some(({ result }) => result !== null)
  }

  /** True when a merge is under way. */
  get busy(): boolean {
    return this.#running.some(({ result }) => result === null)
  }

  /** What a compaction met that must end the base's writing. */
  get failure(): Error | null {
    return this.#failure
  }

  /** The files of now, as the plan sees them. */
  planned(): PlannedFile[] {
    const busy = new Set(this.#running.flatMap(({ task }) => task.inputs.map(({ name }) => name)))
    return this.#files.manifest.files.map((file) => ({
      sizeBytes: file.sizeBytes,
      entries: file.stores.reduce((sum, { entries }) => sum + entries, 0),
      deletions: file.stores.reduce((sum, { deletions }) => sum + deletions, 0),
      group: groupOf(file.bucket),
      busy: busy.has(file.name),
    }))
  }

  /** Starts what is due. */
  start(): void {
    while (!this.#closed && this.#failure === null && this.#running.length < MAX_RUNNING) {
      const plan = planMerge(this.planned())
      if (plan === null) return
      this.#begin(plan)
    }
  }

  #begin(plan: readonly number[]): void {
    const { open } = this.#files.set
    const inputs = plan.map((index) => open[index] as OpenFile)
    const bucket = inputs[0]?.entry.bucket ?? null
    const older = open
      .slice((plan.at(-1) as number) + 1)
      .filter(({ entry }) => mayShareKeys(entry.bucket ?? null, bucket))
    const task: CompactionTask = {
      directory: this.#files.place.directory,
      inputs: inputs.map(({ entry }) => entry),
      older: older.map(({ entry }) => entry),
      number: this.#nextNumber(),
      bucket,
      compression: this.#files.place.compression,
      blockBytes: this.#files.place.blockBytes,
      expiry: this.expiry,
    }
    const pinned = [...inputs, ...older].map(({ file }) => file)
    for (const file of pinned) file.retain()
    const running: Running = { task, pinned, handle: null, result: null, opened: null }
    this.#running = [...this.#running, running]
    running.handle = this.#compactor.compact(task, (result) => this.#done(running, result))
  }

  #done(running: Running, result: CompactionResult): void {
    if (this.#closed) return
    if (result.error === null) {
      running.result = result
      return
    }
    this.#drop(running)
    if (isTidemarkError(result.error, 'ERR_DISK_FULL')) this.#counts.delayed++
    else this.#failure ??= result.error
  }

  #drop(running: Running): void {
    if (!this.#running.includes(running)) return
    this.#running = this.#running.filter((other) => other !== running)
    for (const file of running.pinned) file.release()
  }

  /** Does the work of a compactor that leaves it to the owner. */
  *steps(): Steps {
    for (const running of this.#running) {
      const { handle, result } = running
      if (result !== null || handle === null || handle.steps === null) continue
      try {
        yield* handle.steps
      } finally {
        // Given up on the way: it is planned again.
        if (running.result === null) this.#drop(running)
      }
    }
  }

  /** The files of now with all results in their places. What it opens is let go by `putBack`, or stays by `installed`. */
  *take(windows: Readonly<Record<string, WindowState>>): Steps<MergedFiles> {
    let open: readonly OpenFile[] = this.#files.set.open
    const taken = this.#running.filter(({ result }) => result !== null)
    this.#taken = taken
    for (const running of taken) {
      const { task } = running
      const result = running.result as CompactionResult
      const made = result.file === null ? null : yield* this.#open(running, result.file, windows)
      open = inPlace(open, task, made)
    }
    return { open, count: taken.length }
  }

  /** Opens a result; one of a bucket that has expired meanwhile is of no more use. */
  *#open(running: Running, entry: FileEntry, windows: Readonly<Record<string, WindowState>>): Steps<OpenFile | null> {
    const { place } = this.#files
    const path = `${place.directory}/${entry.name}`
    if (hasExpired(entry.bucket, windows)) {
      if (place.disk.exists(path)) place.disk.remove(path)
      return null
    }
    running.opened ??= yield* SortedFile.open({ ...place, path, expected: entry })
    return { entry, file: running.opened }
  }

  /** The manifest with what `take` gave is there. */
  installed(): void {
    for (const running of this.#taken) {
      this.#counts.compactions++
      this.#counts.compactedBytes += running.result?.file?.sizeBytes ?? 0
      this.#drop(running)
    }
    this.#taken = []
  }

  /** The manifest did not come to be: the results wait for the next one. */
  putBack(): void {
    for (const running of this.#taken) {
      running.opened?.release()
      running.opened = null
    }
    this.#taken = []
  }

  /** Gives up what runs. Results that are not in a manifest are removed when the base is opened. */
  close(): void {
    this.#closed = true
    for (const running of this.#running) {
      if (running.result === null) running.handle?.cancel()
      running.opened?.release()
      this.#drop(running)
    }
  }
}

/** True when the windows of a file have all expired. */
export function hasExpired(bucket: FileBucket | undefined, windows: Readonly<Record<string, WindowState>>): boolean {
  if (bucket === undefined) return false
  const expiredMs = windows[bucket.store]?.expiredMs ?? null
  return expiredMs !== null && bucket.endMs <= expiredMs
}

/** Files of different groups have no key in common. */
export function groupOf(bucket: FileBucket | undefined): string {
  return bucket === undefined ? '' : `${bucket.endMs} ${bucket.store}`
}

/** Keys of a bucket may be in files outside of buckets too, from before the store had a retention. */
function mayShareKeys(older: FileBucket | null, bucket: FileBucket | null): boolean {
  if (older === null) return true
  return bucket !== null && older.store === bucket.store && older.endMs === bucket.endMs
}

/**
 * The files with the result in place of the oldest that it was made of. Files of other groups between them have none of
 * their keys; general files that are newer than a bucket hold nothing of its store.
 */
function inPlace(open: readonly OpenFile[], task: CompactionTask, made: OpenFile | null): readonly OpenFile[] {
  const names = new Set(task.inputs.map(({ name }) => name))
  const last = task.inputs.at(-1)?.name
  return open.flatMap((file) => {
    const { name } = file.entry
    if (!names.has(name)) return [file]
    return name === last && made !== null ? [made] : []
  })
}
