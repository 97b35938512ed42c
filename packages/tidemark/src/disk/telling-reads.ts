import type { Disk, DiskFile } from './disk.ts'

/** The disk with files that tell how many bytes were read of them; what is read again is not told again. */
export function tellingReads(disk: Disk, onRead: (bytes: number) => void): Disk {
  return {
    ...(disk.host === undefined ? {} : { host: disk.host }),
    open: (path, mode) => new TellingFile(disk.open(path, mode), onRead),
    exists: (path) => disk.exists(path),
    size: (path) => disk.size(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeLater: (path) => disk.removeLater(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    syncDirectoryLater: (path) => disk.syncDirectoryLater(path),
  }
}

class TellingFile implements DiskFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #onRead: (bytes: number) => void
  #furthest = 0

  constructor(file: DiskFile, onRead: (bytes: number) => void) {
    this.path = file.path
    this.#file = file
    this.#onRead = onRead
  }

  #tell(end: number): void {
    if (end <= this.#furthest) return
    const more = end - this.#furthest
    this.#furthest = end
    this.#onRead(more)
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const count = this.#file.read(target, offset, length, position)
    this.#tell(position + count)
    return count
  }

  readLater(target: Uint8Array, offset: number, length: number, position: number): Promise<number> | null {
    const reading = this.#file.readLater(target, offset, length, position)
    if (reading === null) {
      this.#tell(position + length)
      return null
    }
    return reading.then((count) => {
      this.#tell(position + count)
      return count
    })
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

  syncLater(): Promise<void> | null {
    return this.#file.syncLater()
  }

  close(): void {
    this.#file.close()
  }
}
