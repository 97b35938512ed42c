import type { Disk, DiskFile } from './disk.ts'

class BlockingFile implements DiskFile {
  readonly #file: DiskFile

  constructor(file: DiskFile) {
    this.#file = file
  }

  get path(): string {
    return this.#file.path
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    return this.#file.read(target, offset, length, position)
  }

  readLater(target: Uint8Array, offset: number, length: number, position: number): Promise<number> | null {
    const count = this.#file.read(target, offset, length, position)
    return count === length ? null : Promise.resolve(count)
  }

  write(bytes: Uint8Array, position: number): void {
    this.#file.write(bytes, position)
  }

  size(): number {
    return this.#file.size()
  }

  truncate(sizeBytes: number): void {
    this.#file.truncate(sizeBytes)
  }

  sync(): void {
    this.#file.sync()
  }

  syncLater(): null {
    this.#file.sync()
    return null
  }

  close(): void {
    this.#file.close()
  }
}

/** A disk that does everything at once, for a thread whose work is nothing else: it takes no thread of libuv's few. */
export function blockingDisk(disk: Disk): Disk {
  return {
    open: (path, mode) => new BlockingFile(disk.open(path, mode)),
    exists: (path) => disk.exists(path),
    size: (path) => disk.size(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeLater: (path) => {
      if (disk.exists(path)) disk.remove(path)
      return null
    },
    syncDirectory: (path) => disk.syncDirectory(path),
    syncDirectoryLater: (path) => {
      disk.syncDirectory(path)
      return null
    },
  }
}
