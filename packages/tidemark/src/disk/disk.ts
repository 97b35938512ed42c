/**
 * The disk as the log and the state see it: synchronous, small, injected. Errors of the operating system come out as
 * TidemarkError (ERR_DISK_FULL, ERR_DISK_IO, ERR_DISK_ACCESS, ERR_FILE_NOT_FOUND) that name the path.
 */
export interface Disk {
  /** Only of a disk whose paths are those of the operating system, so that native packages can open them. */
  readonly host?: HostDisk
  /** Opens a file. `read`: must exist; `write`: read and write, must exist; `create`: read and write, made if missing. */
  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile
  exists(path: string): boolean
  /** Size of a file in bytes. */
  size(path: string): number
  /** Names in a directory, sorted; empty if there is no such directory. */
  list(path: string): string[]
  /** Makes a directory and its parents. */
  makeDirectory(path: string): void
  rename(from: string, to: string): void
  /** Hard link; throws ERR_FILE_EXISTS when `to` is there. */
  link(from: string, to: string): void
  remove(path: string): void
  /**
   * As `remove`, without blocking the thread: a large file takes the system a tenth of a second. Null when it is gone, else a
   * promise that settles when it is. A file that is gone already is no error.
   */
  removeLater(path: string): Promise<void> | null
  /** Makes renames, links and new names in a directory durable. */
  syncDirectory(path: string): void
  /** As `syncDirectory`, without blocking the thread: null when it is done, else a promise that settles when it is. */
  syncDirectoryLater(path: string): Promise<void> | null
}

/** What only the disk of the machine can do. */
export interface HostDisk {
  /** Removes an empty directory. */
  readonly removeDirectory: (path: string) => void
  /** Removes a directory with all that is in it; nothing happens if it is not there. */
  readonly removeTree: (path: string) => void
  /** Bytes that can still be written below a path. */
  readonly freeBytes: (path: string) => number
}

export interface DiskFile {
  readonly path: string
  /** Reads up to `length` bytes at `position` into `target` from `offset`; returns the bytes read (short at the end). */
  read(target: Uint8Array, offset: number, length: number, position: number): number
  /**
   * As `read`, without blocking the thread: null when all `length` bytes are there already, else a promise of the bytes
   * read (short at the end). `target` is the disk's until then. `close` takes effect when the promise has settled.
   */
  readLater(target: Uint8Array, offset: number, length: number, position: number): Promise<number> | null
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): void
  size(): number
  truncate(sizeBytes: number): void
  /** fdatasync. A failure is never retried: the caller must crash (design/00, principle 7). */
  sync(): void
  /**
   * As `sync`, without blocking the thread: null when it is done, else a promise that settles when it is. What is written
   * meanwhile may or may not be covered. `close` may be called at once: it takes effect when the promise has settled.
   */
  syncLater(): Promise<void> | null
  close(): void
}

/** Reads a whole file. */
export function readFile(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, 'read')
  try {
    const bytes = new Uint8Array(file.size())
    let done = 0
    while (done < bytes.length) {
      const n = file.read(bytes, done, bytes.length - done, done)
      if (n === 0) return bytes.subarray(0, done)
      done += n
    }
    return bytes
  } finally {
    file.close()
  }
}

/** Replaces a file atomically and durably: a reader sees the old content or the new, whole. */
export function replaceFile(disk: Disk, directory: string, name: string, bytes: Uint8Array): void {
  const temporary = `${directory}/${name}.tmp`
  const file = disk.open(temporary, 'create')
  try {
    file.truncate(0)
    file.write(bytes, 0)
    file.sync()
  } finally {
    file.close()
  }
  disk.rename(temporary, `${directory}/${name}`)
  disk.syncDirectory(directory)
}
