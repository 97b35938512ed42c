import { type Disk, readFile, replaceFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'

/** What a blob is made of: bytes, or a file on the disk that will not change. */
export type BlobSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number }

/**
 * Where a savepoint is kept: blobs under names with `/` between their parts. A directory here; a bucket elsewhere. What
 * `put` has resolved for is durable; putting a name again replaces it, whole.
 */
export interface BlobStore {
  /** For messages. */
  readonly where: string
  put(name: string, source: BlobSource): Promise<void>
  /** Null when there is none. */
  get(name: string): Promise<Uint8Array | null>
  /** Puts a blob into a new file, durably but for its name. ERR_FILE_NOT_FOUND when there is none. */
  fetch(name: string, path: string): Promise<void>
  /** Size in bytes; null when there is none. */
  size(name: string): Promise<number | null>
  /** Names that start with a prefix, sorted. */
  list(prefix: string): Promise<string[]>
  /** Nothing happens if there is none. */
  delete(name: string): Promise<void>
}

const PIECE_BYTES = 1024 * 1024

/** A directory as a store of blobs: files are linked where the file system allows it, else copied. */
export class DirectoryBlobs implements BlobStore {
  readonly where: string
  readonly #disk: Disk
  readonly #pause: () => Promise<void>

  /** `pause` lets the event loop have its turn between two pieces of a copy. */
  constructor(disk: Disk, directory: string, pause: () => Promise<void>) {
    this.where = directory
    this.#disk = disk
    this.#pause = pause
  }

  async put(name: string, source: BlobSource): Promise<void> {
    const { directory, file } = this.#place(name)
    this.#disk.makeDirectory(directory)
    if (source.kind === 'bytes') return replaceFile(this.#disk, directory, file, source.bytes)
    await linkOrCopy(this.#disk, source.path, `${directory}/${file}`, this.#pause)
    this.#disk.syncDirectory(directory)
    this.#disk.syncDirectory(this.where)
  }

  #place(name: string): { readonly directory: string; readonly file: string } {
    const slash = name.lastIndexOf('/')
    return slash < 0
      ? { directory: this.where, file: name }
      : { directory: `${this.where}/${name.slice(0, slash)}`, file: name.slice(slash + 1) }
  }

  get(name: string): Promise<Uint8Array | null> {
    const path = `${this.where}/${name}`
    return Promise.resolve(this.#disk.exists(path) ? readFile(this.#disk, path) : null)
  }

  fetch(name: string, path: string): Promise<void> {
    return linkOrCopy(this.#disk, `${this.where}/${name}`, path, this.#pause)
  }

  size(name: string): Promise<number | null> {
    const path = `${this.where}/${name}`
    return Promise.resolve(this.#disk.exists(path) ? this.#disk.size(path) : null)
  }

  list(prefix: string): Promise<string[]> {
    const { directory, file } = this.#place(prefix)
    const folder = prefix.slice(0, prefix.length - file.length)
    const names = this.#disk.list(directory).filter((name) => name.startsWith(file))
    return Promise.resolve(names.map((name) => folder + name))
  }

  delete(name: string): Promise<void> {
    const { directory, file } = this.#place(name)
    if (this.#disk.exists(`${directory}/${file}`)) {
      this.#disk.remove(`${directory}/${file}`)
      this.#disk.syncDirectory(directory)
    }
    return Promise.resolve()
  }
}

/** The same content under another name: by a link, or, on another file system, by a copy that is made durable. */
export async function linkOrCopy(disk: Disk, from: string, to: string, pause: () => Promise<void>): Promise<void> {
  if (disk.exists(to)) disk.remove(to)
  try {
    disk.link(from, to)
    return
  } catch (error) {
    // Another file system, or one without links: the system's word for it differs, so anything but these two is copied.
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND') || isTidemarkError(error, 'ERR_DISK_FULL')) throw error
  }
  const source = disk.open(from, 'read')
  try {
    const target = disk.open(to, 'create')
    try {
      target.truncate(0)
      const piece = new Uint8Array(PIECE_BYTES)
      for (let at = 0; ; ) {
        const count = source.read(piece, 0, piece.length, at)
        if (count === 0) break
        target.write(piece.subarray(0, count), at)
        at += count
        await pause()
      }
      target.sync()
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
}
