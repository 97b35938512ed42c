import type { Disk } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { SortedStore, Steps } from '../store/types.ts'
import { EntryBuffer } from './entry-buffer.ts'
import { bucketEndOf, type Expiry, ExpiringCursor, windowEndOf } from './expiry.ts'
import type { FileSet, OpenFile } from './file-set.ts'
import { type FileBucket, fileName, type WindowState } from './manifest.ts'
import type { FilePlace } from './open-files.ts'
import { SortedFile } from './sorted-file.ts'
import { SortedFileWriter } from './sorted-file-writer.ts'

/** Windows go to the files of so many buckets at a time; those of others wait in memory for the next turn. */
const OPEN_BUCKETS = 16
const STEP_ENTRIES = 512

export interface FlushOptions {
  readonly place: FilePlace
  readonly stores: readonly SortedStore[]
  /** The files that are there already: a deletion is kept only if they may hold its key. */
  readonly older: FileSet
  readonly windows: Readonly<Record<string, WindowState>>
  readonly expiry: Readonly<Record<string, Expiry>>
  /** Gives the number of the next file. */
  readonly nextNumber: () => number
}

/**
 * Writes the entries of a flush to files that no manifest names yet, durable and open: those of window stores with a
 * retention to a file for each bucket, all others to one file. When the disk is full, and when it is given up, nothing is
 * left behind.
 */
export function* writeFlushFiles(options: FlushOptions): Steps<OpenFile[]> {
  return yield* new FlushFiles(options).write()
}

interface Output {
  readonly name: string
  readonly path: string
  readonly writer: SortedFileWriter
  readonly bucket: FileBucket | null
}

class FlushFiles {
  readonly #options: FlushOptions
  readonly #disk: Disk
  readonly #outputs: Output[] = []
  readonly #made: OpenFile[] = []

  constructor(options: FlushOptions) {
    this.#options = options
    this.#disk = options.place.disk
  }

  *write(): Steps<OpenFile[]> {
    const { stores, windows } = this.#options
    let done = false
    let crashed = false
    try {
      yield* this.#writeGeneral(stores.filter(({ name }) => windows[name] === undefined))
      for (const store of stores) {
        const own = windows[store.name]
        if (own !== undefined) yield* this.#writeWindows(store, own)
      }
      const { length } = this.#made
      if (length > 0) {
        const wait = this.#disk.syncDirectoryLater(this.#options.place.directory)
        if (wait !== null) yield wait
      }
      done = true
      return this.#made
    } catch (error) {
      crashed = !isTidemarkError(error, 'ERR_DISK_FULL')
      throw error
    } finally {
      if (!done) this.#abandon(crashed)
    }
  }

  #abandon(crashed: boolean): void {
    for (const { writer } of this.#outputs) writer.close()
    for (const { file } of this.#made) file.release()
    if (crashed) return
    for (const { path } of this.#outputs) if (this.#disk.exists(path)) this.#disk.remove(path)
  }

  #create(bucket: FileBucket | null): Output {
    const { place, nextNumber } = this.#options
    const name = fileName(nextNumber())
    const path = `${place.directory}/${name}`
    const writer = new SortedFileWriter(this.#disk, path, place.compression, place.blockBytes)
    const output = { name, path, writer, bucket }
    this.#outputs.push(output)
    return output
  }

  *#finish({ name, path, writer, bucket }: Output): Steps {
    if (writer.empty) {
      writer.close()
      this.#disk.remove(path)
      return
    }
    const written = yield* writer.finish(name)
    const entry = bucket === null ? written : { ...written, bucket }
    const file = yield* SortedFile.open({ ...this.#options.place, path, expected: entry })
    this.#made.push({ entry, file })
  }

  *#writeGeneral(stores: readonly SortedStore[]): Steps {
    if (stores.length === 0) return
    const output = this.#create(null)
    for (const store of stores) {
      yield* output.writer.store(this.#unexpired(store), this.#options.older.keysOf(store.name))
    }
    yield* this.#finish(output)
  }

  #unexpired(store: SortedStore): SortedStore {
    const expiry = this.#options.expiry[store.name]
    return expiry === undefined ? store : { ...store, cursor: new ExpiringCursor(store.cursor, expiry) }
  }

  *#writeWindows(store: SortedStore, windows: WindowState): Steps {
    let rest: SortedStore | null = this.#unexpired(store)
    while (rest !== null) rest = yield* this.#writeBuckets(rest, windows)
  }

  /** Writes the entries of the first few buckets that are met, each to its file; returns the others, null if none. */
  *#writeBuckets(store: SortedStore, { bucketMs, sizeMs }: WindowState): Steps<SortedStore | null> {
    const { cursor, name, count } = store
    const older = this.#options.older.keysOf(name)
    const outputs = new Map<number, Output>()
    const waiting = new EntryBuffer()
    let left = STEP_ENTRIES
    while (cursor.next()) {
      const { keyBytes, keyStart, keyEnd } = cursor
      const endMs = bucketEndOf(windowEndOf(keyBytes, keyEnd, sizeMs), bucketMs)
      let output = outputs.get(endMs)
      if (output === undefined && outputs.size < OPEN_BUCKETS) {
        output = this.#create({ store: name, endMs })
        output.writer.begin(name, count)
        outputs.set(endMs, output)
      }
      if (output === undefined) waiting.add(cursor)
      else if (cursor.present || older.mayContain(keyBytes, keyStart, keyEnd, cursor.hash)) output.writer.add(cursor)
      if (--left > 0) continue
      left = STEP_ENTRIES
      for (const { writer } of outputs.values()) yield* writer.syncSome()
      yield
    }
    for (const output of outputs.values()) {
      output.writer.end()
      yield* this.#finish(output)
    }
    return waiting.count === 0 ? null : { name, count: waiting.count, cursor: waiting.cursor() }
  }
}
