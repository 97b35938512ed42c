import { crc32 } from 'node:zlib'
import { type Disk, type DiskFile, readFile, replaceFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { ObjectSource, ObjectStore, Written } from './object-store.ts'

const PIECE_BYTES = 1024 * 1024

export interface FileObjectsOptions {
  readonly disk: Disk
  readonly directory: string
  /**
   * True: files of the same file system are linked rather than copied. Then damage of one is damage of both, so only for
   * what is no copy against damage (default false).
   */
  readonly link?: boolean
  /** Lets the event loop have its turn between two pieces of a copy. */
  readonly pause?: () => Promise<void>
}

/** A directory as a store of objects. It may be shared between machines, if links are atomic there. */
export class FileObjects implements ObjectStore {
  readonly where: string
  readonly #disk: Disk
  readonly #link: boolean
  readonly #pause: () => Promise<void>
  /** Directories whose names are durable. */
  readonly #made = new Set<string>()

  constructor(options: FileObjectsOptions) {
    this.where = options.directory
    this.#disk = options.disk
    this.#link = options.link ?? false
    this.#pause = options.pause ?? (() => Promise.resolve())
  }

  async put(name: string, source: ObjectSource): Promise<Written> {
    const { directory, file } = this.#place(name)
    this.#makeDirectory(directory)
    const path = `${directory}/${file}`
    let checksum: number | null
    if (source.kind === 'bytes') {
      replaceFile(this.#disk, directory, file, source.bytes)
      return { sizeBytes: source.bytes.length, checksum: crc32(source.bytes) }
    }
    const from = source.disk ?? this.#disk
    if (this.#link && from === this.#disk) checksum = await linkOrCopy(this.#disk, source.path, path, this.#pause)
    else checksum = await copyFile(from, source.path, this.#disk, path, this.#pause)
    await this.#disk.syncDirectoryLater(directory)
    return { sizeBytes: source.sizeBytes, checksum }
  }

  async putIfAbsent(name: string, bytes: Uint8Array, temporary: string): Promise<boolean> {
    const { directory, file } = this.#place(name)
    this.#makeDirectory(directory)
    const from = `${this.where}/${temporary}`
    write(this.#disk, from, bytes)
    // The names of data files must be durable before a record that lists them can be.
    this.#disk.syncDirectory(directory)
    try {
      this.#disk.link(from, `${directory}/${file}`)
    } catch (error) {
      // The temporary file is gone when another owner took this one for dead, and collected it.
      if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return false
      if (!isTidemarkError(error, 'ERR_FILE_EXISTS')) throw error
      this.#disk.remove(from)
      return false
    }
    this.#disk.remove(from)
    this.#disk.syncDirectory(directory)
    return true
  }

  #place(name: string): { readonly directory: string; readonly file: string } {
    const slash = name.lastIndexOf('/')
    return slash < 0
      ? { directory: this.where, file: name }
      : { directory: `${this.where}/${name.slice(0, slash)}`, file: name.slice(slash + 1) }
  }

  /** Makes a directory below `where`, and all names on the way to it durable. */
  #makeDirectory(directory: string): void {
    if (this.#made.has(directory)) return
    this.#disk.makeDirectory(directory)
    for (let at = directory; ; ) {
      const slash = at.lastIndexOf('/')
      // A path without a slash stands where the process started, which is there.
      if (slash === -1) break
      const parent = slash === 0 ? '/' : at.slice(0, slash)
      this.#disk.syncDirectory(parent)
      if (at === this.where || parent === '/') break
      at = parent
    }
    this.#made.add(directory)
  }

  get(name: string): Promise<Uint8Array | null> {
    try {
      return Promise.resolve(readFile(this.#disk, `${this.where}/${name}`))
    } catch (error) {
      return absent(error)
    }
  }

  async getRange(name: string, start: number, length: number): Promise<Uint8Array | null> {
    let file: DiskFile
    try {
      file = this.#disk.open(`${this.where}/${name}`, 'read')
    } catch (error) {
      return absent(error)
    }
    try {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        const count = (await file.readLater(bytes, done, length - done, start + done)) ?? length - done
        if (count === 0) break
        done += count
      }
      return bytes.subarray(0, done)
    } finally {
      file.close()
    }
  }

  async fetch(name: string, path: string, onBytes: (bytes: number) => void = () => {}): Promise<void> {
    const from = `${this.where}/${name}`
    if (!this.#link) await copyFile(this.#disk, from, this.#disk, path, this.#pause, onBytes)
    else if ((await linkOrCopy(this.#disk, from, path, this.#pause, onBytes)) === null) onBytes(this.#disk.size(path))
  }

  size(name: string): Promise<number | null> {
    try {
      return Promise.resolve(this.#disk.size(`${this.where}/${name}`))
    } catch (error) {
      return absent(error)
    }
  }

  list(prefix: string): Promise<string[]> {
    const { directory, file } = this.#place(prefix)
    const folder = prefix.slice(0, prefix.length - file.length)
    const names = this.#disk.list(directory).filter((name) => name.startsWith(file))
    return Promise.resolve(names.map((name) => folder + name))
  }

  async delete(name: string): Promise<void> {
    const { directory, file } = this.#place(name)
    try {
      this.#disk.remove(`${directory}/${file}`)
    } catch (error) {
      await absent(error)
      return
    }
    await this.#disk.syncDirectoryLater(directory)
  }

  dropUnfinished(): Promise<string[]> {
    return Promise.resolve([])
  }

  close(): void {}
}

/** Null for a file that is not there; rejects with any other error. */
async function absent(error: unknown): Promise<null> {
  if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return null
  throw error
}

function write(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'create')
  try {
    file.write(bytes, 0)
    file.sync()
  } finally {
    file.close()
  }
}

/**
 * The same content under another name: by a link, or, on another file system, by a copy that is made durable. The CRC-32
 * of what was copied; null when it was linked.
 */
export async function linkOrCopy(
  disk: Disk,
  from: string,
  to: string,
  pause: () => Promise<void>,
  onBytes: (bytes: number) => void = () => {},
): Promise<number | null> {
  if (disk.exists(to)) disk.remove(to)
  try {
    disk.link(from, to)
    return null
  } catch (error) {
    // Another file system, or one without links: the system's word for it differs, so anything but these two is copied.
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND') || isTidemarkError(error, 'ERR_DISK_FULL')) throw error
  }
  return copyFile(disk, from, disk, to, pause, onBytes)
}

/** Copies a file piece by piece, and makes the copy durable but for its name; the CRC-32 of what was copied. */
async function copyFile(
  fromDisk: Disk,
  from: string,
  toDisk: Disk,
  to: string,
  pause: () => Promise<void>,
  onBytes: (bytes: number) => void = () => {},
): Promise<number> {
  const source = fromDisk.open(from, 'read')
  try {
    const target = toDisk.open(to, 'create')
    try {
      target.truncate(0)
      const sizeBytes = source.size()
      const piece = new Uint8Array(Math.min(PIECE_BYTES, sizeBytes))
      let checksum = 0
      for (let at = 0; at < sizeBytes; ) {
        const wanted = Math.min(piece.length, sizeBytes - at)
        const count = (await source.readLater(piece, 0, wanted, at)) ?? wanted
        if (count === 0) break
        const bytes = piece.subarray(0, count)
        checksum = crc32(bytes, checksum)
        target.write(bytes, at)
        at += count
        onBytes(count)
        await pause()
      }
      await target.syncLater()
      return checksum
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
}
