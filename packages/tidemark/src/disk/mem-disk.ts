import { invariant } from '../errors/error.ts'
import type { TidemarkError } from '../errors/error.ts'
import type { Disk, DiskFile } from './disk.ts'
import { Inode } from './mem/inode.ts'
import { Names, parentOf } from './mem/names.ts'
import { CrashRandom } from './mem/random.ts'
import { diskError } from './os-error.ts'

/** What changes the disk, or makes a change durable. */
export type MemDiskOperation =
  | 'create'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'rename'
  | 'link'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'

export interface MemDiskFault {
  readonly operation: MemDiskOperation
  readonly errno: 'ENOSPC' | 'EIO' | 'EACCES' | 'EDQUOT' | 'EXDEV'
  /** Only for paths that contain this. */
  readonly path?: string
  /** Lets this many matching operations pass first (default 0). */
  readonly skip?: number
  /** Fails so many times (default 1). */
  readonly times?: number
}

export interface MemDiskOptions {
  /** Beyond this, writes fail with ERR_DISK_FULL; what fits is written. */
  readonly capacityBytes?: number
  /** False keeps no account of what is synced: a crash then loses nothing, and memory holds each byte once. */
  readonly tracked?: boolean
}

interface ArmedFault {
  readonly fault: MemDiskFault
  skip: number
  times: number
}

/**
 * A disk in memory that knows what was synced, for tests and `testJob`. `crash` leaves what a machine that lost power
 * may leave: of each change that was not synced all, nothing, or some 512-byte sectors; of new names that were not synced
 * some. Same seed and same calls, same outcome. `failNext`, `stopAfter` and `capacityBytes` make operations fail.
 */
export class MemDisk implements Disk {
  capacityBytes: number
  /** Operations so far that changed the disk or synced. */
  operations = 0
  /** Called before each such operation; what it throws comes out of the call. */
  onOperation: ((operation: MemDiskOperation, path: string) => void) | null = null
  readonly #tracked: boolean
  readonly #names = new Names()
  #faults: ArmedFault[] = []
  #stopAt = Number.POSITIVE_INFINITY
  #life = 0

  constructor(options: MemDiskOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
    this.#tracked = options.tracked ?? true
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let sum = 0
    for (const inode of this.#names.inodes()) sum += inode.size
    return sum
  }

  /** True once `stopAfter` has struck. */
  get stopped(): boolean {
    return this.operations >= this.#stopAt
  }

  failNext(fault: MemDiskFault): void {
    this.#faults.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })
  }

  clearFaults(): void {
    this.#faults = []
  }

  /** After so many more operations every other one fails with ERR_DISK_IO, until `crash`. */
  stopAfter(operations: number): void {
    this.#stopAt = this.operations + operations
  }

  /** The machine loses power and starts again: open files are gone, faults are cleared. */
  crash(options: { readonly seed?: number } = {}): void {
    this.restart()
    if (!this.#tracked) return
    const random = new CrashRandom(options.seed ?? 0)
    const inodes = this.#names.allInodes()
    this.#names.crash(random)
    for (const inode of inodes) inode.crash(random)
  }

  /** Only the process ends: every write stays, open files are gone, faults are cleared. */
  restart(): void {
    this.#life++
    this.#faults = []
    this.#stopAt = Number.POSITIVE_INFINITY
  }

  open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    let node = this.#names.get(path)
    if (node === undefined) {
      if (mode !== 'create' || this.#names.get(parentOf(path)) !== 'directory') throw errno('open', path, 'ENOENT')
      this.#before('create', path)
      node = this.#names.get(path)
    }
    if (node === undefined) {
      node = new Inode(this.#tracked)
      this.#names.add(path, node)
    }
    if (node === 'directory') throw errno('open', path, 'EISDIR')
    return this.#file(path, node)
  }

  #file(path: string, inode: Inode): DiskFile {
    const life = this.#life
    let open = true
    const check = (action: string): void => {
      if (!open || life !== this.#life) throw errno(action, path, 'EBADF')
    }
    return {
      path,
      read: (target, offset, length, position) => {
        check('read')
        return inode.read(target, offset, length, position)
      },
      write: (bytes, position) => {
        check('write')
        this.#write(path, inode, bytes, position)
      },
      size: () => {
        check('read the size of')
        return inode.size
      },
      truncate: (sizeBytes) => {
        check('truncate')
        this.#before('truncate', path)
        inode.truncate(sizeBytes)
      },
      sync: () => {
        check('sync')
        this.#before('sync', path)
        inode.sync()
      },
      syncLater: () => {
        check('sync')
        this.#before('sync', path)
        inode.sync()
        return null
      },
      readLater: (target, offset, length, position) => {
        check('read')
        const count = inode.read(target, offset, length, position)
        return count === length ? null : Promise.resolve(count)
      },
      close: () => {
        open = false
      },
    }
  }

  #write(path: string, inode: Inode, bytes: Uint8Array, position: number): void {
    const fault = this.#fault('write', path)
    if (fault === 'ENOSPC' || fault === 'EDQUOT') inode.write(bytes.subarray(0, bytes.length >> 1), position)
    if (fault !== null) throw errno('write', path, fault)
    if (Number.isFinite(this.capacityBytes)) {
      const room = this.capacityBytes - this.usedBytes + inode.size - position
      if (room < bytes.length) {
        inode.write(bytes.subarray(0, Math.max(0, room)), position)
        throw errno('write', path, 'ENOSPC')
      }
    }
    inode.write(bytes, position)
  }

  exists(path: string): boolean {
    return this.#names.get(path) !== undefined
  }

  size(path: string): number {
    const node = this.#names.get(path)
    if (!(node instanceof Inode)) throw errno('read the size of', path, 'ENOENT')
    return node.size
  }

  list(path: string): string[] {
    return this.#names.list(path)
  }

  makeDirectory(path: string): void {
    const node = this.#names.get(path)
    if (node === 'directory') return
    if (node !== undefined) throw errno('make the directory', path, 'EEXIST')
    this.makeDirectory(parentOf(path))
    this.#before('makeDirectory', path)
    this.#names.add(path, 'directory')
  }

  rename(from: string, to: string): void {
    this.#before('rename', from)
    if (this.#names.get(from) === undefined) throw errno('rename', from, 'ENOENT')
    invariant(parentOf(from) === parentOf(to), 'a MemDisk renames within a directory')
    this.#names.rename(from, to)
  }

  link(from: string, to: string): void {
    // The hook first: what it does must not come between the look and the link.
    this.#before('link', to)
    const node = this.#names.get(from)
    if (node === undefined) throw errno('make the link', from, 'ENOENT')
    if (this.#names.get(to) !== undefined) throw errno('make the link', to, 'EEXIST')
    this.#names.add(to, node)
  }

  remove(path: string): void {
    this.#before('remove', path)
    if (!(this.#names.get(path) instanceof Inode)) throw errno('remove', path, 'ENOENT')
    this.#names.remove(path)
  }

  removeLater(path: string): null {
    if (this.exists(path)) this.remove(path)
    return null
  }

  syncDirectory(path: string): void {
    if (this.#names.get(path) !== 'directory') throw errno('sync the directory', path, 'ENOENT')
    this.#before('syncDirectory', path)
    this.#names.sync(path)
  }

  syncDirectoryLater(path: string): null {
    this.syncDirectory(path)
    return null
  }

  #before(operation: MemDiskOperation, path: string): void {
    const fault = this.#fault(operation, path)
    if (fault !== null) throw errno(operation, path, fault)
  }

  /** Counts the operation, and says how it is to fail; null lets it pass. */
  #fault(operation: MemDiskOperation, path: string): MemDiskFault['errno'] | null {
    if (this.operations >= this.#stopAt) return 'EIO'
    this.onOperation?.(operation, path)
    this.operations++
    for (const armed of this.#faults) {
      const { fault } = armed
      if (fault.operation !== operation || !path.includes(fault.path ?? '')) continue
      if (armed.skip-- > 0) continue
      if (--armed.times <= 0) this.#faults = this.#faults.filter((other) => other !== armed)
      return fault.errno
    }
    return null
  }
}

function errno(action: string, path: string, code: string): TidemarkError {
  return diskError(action, path, Object.assign(new Error(`${code}: simulated`), { code }))
}
