import type { Disk, DiskFile } from '../../src/disk/disk.ts'
import { TidemarkError } from '../../src/errors/error.ts'

/** A disk that counts what is read of sorted files, reads later on a timer's turn, and fails reads when told. */
export class CountingDisk {
  reads = 0
  bytes = 0
  laterReads = 0
  /** Most reads under way at the same time. */
  mostLater = 0
  #later = 0
  /** Called before each read: what it throws is what the disk says. */
  beforeRead: (path: string, position: number) => void = () => {}
  readonly disk: Disk

  constructor(inner: Disk) {
    this.disk = {
      open: (path, mode) => this.#wrap(inner.open(path, mode)),
      exists: (path) => inner.exists(path),
      size: (path) => inner.size(path),
      list: (path) => inner.list(path),
      makeDirectory: (path) => inner.makeDirectory(path),
      rename: (from, to) => inner.rename(from, to),
      link: (from, to) => inner.link(from, to),
      remove: (path) => inner.remove(path),
      removeLater: (path) => inner.removeLater(path),
      syncDirectory: (path) => inner.syncDirectory(path),
      syncDirectoryLater: (path) => inner.syncDirectoryLater(path),
    }
  }

  reset(): void {
    this.reads = 0
    this.bytes = 0
    this.laterReads = 0
    this.mostLater = 0
  }

  #wrap(file: DiskFile): DiskFile {
    if (!file.path.endsWith('.sorted')) return file
    return {
      path: file.path,
      read: (target, offset, length, position) => {
        this.beforeRead(file.path, position)
        this.reads++
        this.bytes += length
        return file.read(target, offset, length, position)
      },
      readLater: async (target, offset, length, position) => {
        this.laterReads++
        this.mostLater = Math.max(this.mostLater, ++this.#later)
        await new Promise((done) => setImmediate(done))
        this.#later--
        this.beforeRead(file.path, position)
        return file.read(target, offset, length, position)
      },
      write: (bytes, position) => file.write(bytes, position),
      size: () => file.size(),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sync: () => file.sync(),
      syncLater: () => file.syncLater(),
      close: () => file.close(),
    }
  }
}

/** What a disk says that cannot read. */
export function readFailure(path: string): TidemarkError {
  return new TidemarkError('ERR_DISK_IO', `cannot read ${path}: the operating system says EIO. Check the disk.`, {
    details: { path, errno: 'EIO' },
  })
}
