import * as fs from 'node:fs'
import type { Disk, DiskFile, HostDisk } from './disk.ts'
import { diskError } from './os-error.ts'

const FLAGS = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
} as const

class NodeFile implements DiskFile {
  readonly path: string
  readonly #descriptor: number
  #open = true
  /** Calls under way on libuv's threads: the descriptor stays open until they are over. */
  #pending = 0

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    try {
      return fs.readSync(this.#descriptor, target, offset, length, position)
    } catch (error) {
      throw diskError('read', this.path, error)
    }
  }

  write(bytes: Uint8Array, position: number): void {
    try {
      let done = 0
      while (done < bytes.length) {
        done += fs.writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done)
      }
    } catch (error) {
      throw diskError('write', this.path, error)
    }
  }

  size(): number {
    try {
      return fs.fstatSync(this.#descriptor).size
    } catch (error) {
      throw diskError('read the size of', this.path, error)
    }
  }

  truncate(sizeBytes: number): void {
    try {
      fs.ftruncateSync(this.#descriptor, sizeBytes)
    } catch (error) {
      throw diskError('truncate', this.path, error)
    }
  }

  sync(): void {
    try {
      fs.fdatasyncSync(this.#descriptor)
    } catch (error) {
      throw diskError('sync', this.path, error)
    }
  }

  syncLater(): Promise<void> | null {
    return this.#later('sync', (done) => fs.fdatasync(this.#descriptor, (error) => done(error)))
  }

  readLater(target: Uint8Array, offset: number, length: number, position: number): Promise<number> | null {
    if (length === 0) return null
    return this.#later('read', (done) => fs.read(this.#descriptor, target, offset, length, position, done))
  }

  #later<T = void>(action: string, start: (done: (error: Error | null, result: T) => void) => void): Promise<T> {
    this.#pending++
    return new Promise((resolve, reject) => {
      const settle = (error: Error | null, result: T): void => {
        this.#pending--
        if (!this.#open && this.#pending === 0) this.#closeDescriptor()
        if (error === null) resolve(result)
        else reject(diskError(action, this.path, error))
      }
      start(settle)
    })
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    if (this.#pending === 0) this.#closeDescriptor()
  }

  #closeDescriptor(): void {
    try {
      fs.closeSync(this.#descriptor)
    } catch (error) {
      throw diskError('close', this.path, error)
    }
  }
}

function attempt<T>(action: string, path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw diskError(action, path, error)
  }
}

function list(path: string): string[] {
  try {
    return fs.readdirSync(path).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw diskError('list', path, error)
  }
}

function exists(path: string): boolean {
  return attempt('look for', path, () => fs.statSync(path, { throwIfNoEntry: false }) !== undefined)
}

function syncDirectory(path: string): void {
  // Windows cannot open a directory for this; its metadata are journalled by the file system.
  if (process.platform === 'win32') return
  attempt('sync the directory', path, () => {
    const descriptor = fs.openSync(path, fs.constants.O_RDONLY)
    try {
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
  })
}

function syncDirectoryLater(path: string): Promise<void> | null {
  if (process.platform === 'win32') return null
  const descriptor = attempt('sync the directory', path, () => fs.openSync(path, fs.constants.O_RDONLY))
  return new Promise((resolve, reject) => {
    fs.fsync(descriptor, (error) => {
      fs.closeSync(descriptor)
      if (error === null) resolve()
      else reject(diskError('sync the directory', path, error))
    })
  })
}

function removeLater(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.unlink(path, (error) => {
      if (error === null || error.code === 'ENOENT') resolve()
      else reject(diskError('remove', path, error))
    })
  })
}

/** The machine's own disk. */
export const nodeDisk: Disk & { readonly host: HostDisk } = {
  host: {
    freeBytes: (path) =>
      attempt('look for space in', path, () => {
        const { bavail, bsize } = fs.statfsSync(path)
        return bavail * bsize
      }),
    removeDirectory: (path) => attempt('remove the directory', path, () => fs.rmdirSync(path)),
    removeTree: (path) =>
      attempt('remove the directory', path, () => fs.rmSync(path, { recursive: true, force: true })),
  },
  open: (path, mode) =>
    new NodeFile(
      path,
      attempt('open', path, () => fs.openSync(path, FLAGS[mode], 0o644)),
    ),
  exists,
  size: (path) => attempt('read the size of', path, () => fs.statSync(path).size),
  list,
  makeDirectory: (path) => void attempt('make the directory', path, () => fs.mkdirSync(path, { recursive: true })),
  rename: (from, to) => attempt('rename', from, () => fs.renameSync(from, to)),
  link: (from, to) => attempt('make the link', to, () => fs.linkSync(from, to)),
  remove: (path) => attempt('remove', path, () => fs.unlinkSync(path)),
  removeLater,
  syncDirectory,
  syncDirectoryLater,
}
