import type { Disk } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { Steps } from '../store/types.ts'
import type { BlockCache } from './block-cache.ts'
import type { Compression } from './codec.ts'
import { type Expiry, ExpiringCursor } from './expiry.ts'
import type { LsmFailpoint } from './failpoints.ts'
import { FileSet, type OpenFile } from './file-set.ts'
import type { FileBucket, FileEntry } from './manifest.ts'
import { SortedFile } from './sorted-file.ts'
import { SortedFileWriter } from './sorted-file-writer.ts'

/** A merge of sorted files into one, as plain data that can cross threads. */
export interface CompactionTask {
  readonly directory: string
  /** The files to merge, newest first. */
  readonly inputs: readonly FileEntry[]
  /** Files with older entries of the same keys: where one of them may hold a key, its deletion is kept. */
  readonly older: readonly FileEntry[]
  /** The number that the owner keeps free for the result. */
  readonly number: number
  readonly bucket: FileBucket | null
  readonly compression: Compression
  /** See `LsmOptions`. */
  readonly blockBytes?: number | undefined
  /** By store: what has expired and need not be written. */
  readonly expiry: Readonly<Record<string, Expiry>>
}

/** What became of a task; `file` is null when no entry was left, or when there was an error. */
export interface CompactionResult {
  readonly file: FileEntry | null
  readonly error: Error | null
}

export interface CompactionHandle {
  /** The work, for whoever asked for it to do; null when it is done elsewhere. */
  readonly steps: Steps | null
  /** Gives the work up: `done` is not called any more, and what was written is removed, now or when the base is opened. */
  cancel(): void
}

/**
 * Merges sorted files for the bases of a node. `done` is called once, on the caller's thread, and never within `compact`.
 * The files of a task stay where they are until then. A result is durable, but no manifest names it yet.
 */
export interface Compactor {
  compact(task: CompactionTask, done: (result: CompactionResult) => void): CompactionHandle
}

export interface CompactFilesOptions {
  readonly disk: Disk
  readonly cache: BlockCache
  readonly task: CompactionTask
  /** Of the file to write: in `task.directory`, and used by nobody else. */
  readonly name: string
  readonly failpoint: (name: LsmFailpoint) => void
  /** Told after each step how many bytes have been written. */
  readonly onBytes?: (writtenBytes: number) => void
}

/**
 * Does a task in steps; returns what a manifest says of the result, null when no entry is left. When the disk is full, and
 * when it is given up by `return`, its file is removed. ERR_STATE_CORRUPT: an input is damaged; ERR_DISK_FULL,
 * ERR_DISK_IO.
 */
export function* compactFiles(options: CompactFilesOptions): Steps<FileEntry | null> {
  const { disk, cache, task, name, failpoint } = options
  const path = `${task.directory}/${name}`
  const opened: SortedFile[] = []
  let writer: SortedFileWriter | null = null
  let entry: FileEntry | null = null
  let crashed = false
  try {
    failpoint('compact-before-file')
    const inputs = yield* openAll(disk, cache, task.directory, task.inputs, opened)
    const older = new FileSet(yield* openAll(disk, cache, task.directory, task.older, opened), {})
    writer = new SortedFileWriter(disk, path, task.compression, task.blockBytes)
    for (const store of new FileSet(inputs, {}).merged()) {
      const expiry = task.expiry[store.name]
      const cursor = expiry === undefined ? store.cursor : new ExpiringCursor(store.cursor, expiry)
      const steps = writer.store({ ...store, cursor }, older.keysOf(store.name))
      for (let step = steps.next(); step.done !== true; step = steps.next()) {
        options.onBytes?.(writer.sizeBytes)
        yield step.value
      }
    }
    failpoint('compact-before-sync')
    if (!writer.empty) {
      const written = yield* writer.finish(name)
      const wait = disk.syncDirectoryLater(task.directory)
      if (wait !== null) yield wait
      entry = task.bucket === null ? written : { ...written, bucket: task.bucket }
    }
    failpoint('compact-after-file')
    return entry
  } catch (error) {
    crashed = !isTidemarkError(error, 'ERR_DISK_FULL')
    throw error
  } finally {
    for (const file of opened) file.release()
    writer?.close()
    if (entry === null && writer !== null && !crashed && disk.exists(path)) disk.remove(path)
  }
}

function* openAll(
  disk: Disk,
  cache: BlockCache,
  directory: string,
  entries: readonly FileEntry[],
  opened: SortedFile[],
): Steps<OpenFile[]> {
  const files: OpenFile[] = []
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`
    const file = yield* SortedFile.open({ disk, path, cache, expected: entry })
    opened.push(file)
    files.push({ entry, file })
  }
  return files
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
