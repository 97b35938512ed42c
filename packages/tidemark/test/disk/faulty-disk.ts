import type { Disk, DiskFile } from '../../src/disk/disk.ts'
import { diskError } from '../../src/disk/os-error.ts'

/** A disk that fails reads with EIO when told, in every way to read; all else is that of another one. */
export class FaultyDisk {
  readonly disk: Disk
  /** True: this read fails. Asked before each. */
  fails: (path: string, position: number) => boolean = () => false

  constructor(inner: Disk) {
    const wrap = (file: DiskFile): DiskFile => ({
      path: file.path,
      read: (target, offset, length, position) => {
        this.#check(file.path, position)
        return file.read(target, offset, length, position)
      },
      readLater: async (target, offset, length, position) => {
        this.#check(file.path, position)
        return file.read(target, offset, length, position)
      },
      write: (bytes, position) => file.write(bytes, position),
      size: () => file.size(),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      sync: () => file.sync(),
      syncLater: () => file.syncLater(),
      close: () => file.close(),
    })
    this.disk = {
      open: (path, mode) => wrap(inner.open(path, mode)),
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

  #check(path: string, position: number): void {
    if (this.fails(path, position)) {
      throw diskError('read', path, Object.assign(new Error('EIO: simulated'), { code: 'EIO' }))
    }
  }
}
