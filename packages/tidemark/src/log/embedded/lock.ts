/**
 * The lock of a data directory: files `lock.<n>`, of which the one with the greatest n counts. It names the process that
 * holds it, or pid 0 once released. To take it, a process makes `lock.<n+1>` by a hard link of a file that is written
 * already: of any number of starters one succeeds (a compare-and-set on n), and nobody sees half a file. Numbers never
 * go down while one is held, since the greatest file is never removed.
 */
import { type Disk, readFile } from '../../disk/disk.ts'
import type { ProcessTable } from '../../disk/process-table.ts'
import { isTidemarkError, TidemarkError } from '../../errors/error.ts'

const ATTEMPTS = 20

interface Holder {
  /** 0: released. */
  readonly pid: number
  readonly identity: string
}

const RELEASED: Holder = { pid: 0, identity: '' }

export class DirectoryLock {
  readonly #disk: Disk
  readonly #directory: string
  readonly #number: number
  readonly #pid: number
  #held = true

  private constructor(disk: Disk, directory: string, number: number, pid: number) {
    this.#disk = disk
    this.#directory = directory
    this.#number = number
    this.#pid = pid
  }

  /**
   * Takes the lock, also over from a process that died. Throws ERR_DATA_DIR_LOCKED with the pid of a living holder,
   * this process included.
   */
  static acquire(disk: Disk, directory: string, processes: ProcessTable): DirectoryLock {
    const { pid } = processes
    const holder: Holder = { pid, identity: processes.identity(pid) ?? '' }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const highest = lockNumbers(disk, directory).at(-1) ?? 0
      const living = highest === 0 ? null : livingHolder(disk, directory, highest, processes)
      if (living !== null) throw locked(directory, living, pid)
      const number = highest + 1
      if (!claim(disk, directory, number, holder)) continue
      const others = lockNumbers(disk, directory).filter((other) => other !== number)
      if (others.some((other) => other > number)) {
        // Our number had been used and removed before we linked it: its successor holds the lock.
        remove(disk, lockPath(directory, number))
        continue
      }
      for (const other of others) remove(disk, lockPath(directory, other))
      return new DirectoryLock(disk, directory, number, pid)
    }
    throw new TidemarkError('ERR_DATA_DIR_LOCKED', `${directory} is being opened by several processes. Try again.`)
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    writeReleased(this.#disk, this.#directory, this.#number, this.#pid)
  }
}

/** The pid of the living process that has the directory open, null if none. */
export function lockHolder(disk: Disk, directory: string, processes: ProcessTable): number | null {
  const highest = lockNumbers(disk, directory).at(-1)
  return highest === undefined ? null : livingHolder(disk, directory, highest, processes)
}

/** Releases the lock on behalf of a thread of this process that has ended without doing so. */
export function releaseAbandonedLock(disk: Disk, directory: string, processes: ProcessTable): void {
  const highest = lockNumbers(disk, directory).at(-1)
  if (highest === undefined || livingHolder(disk, directory, highest, processes) !== processes.pid) return
  writeReleased(disk, directory, highest, processes.pid)
}

function lockPath(directory: string, number: number): string {
  return `${directory}/lock.${String(number).padStart(8, '0')}`
}

function lockNumbers(disk: Disk, directory: string): number[] {
  const numbers: number[] = []
  for (const name of disk.list(directory)) if (/^lock\.\d{8,15}$/.test(name)) numbers.push(Number(name.slice(5)))
  return numbers.sort((a, b) => a - b)
}

function livingHolder(disk: Disk, directory: string, number: number, processes: ProcessTable): number | null {
  const { pid, identity } = readHolder(disk, lockPath(directory, number))
  const now = pid === 0 ? null : processes.identity(pid)
  if (now === null) return null
  // The same pid with another start time is another process.
  return now === identity || now === '' || identity === '' ? pid : null
}

/** Without a readable holder the machine must have lost power after the link: a process writes before it links. */
function readHolder(disk: Disk, path: string): Holder {
  let text: string
  try {
    text = new TextDecoder().decode(readFile(disk, path))
  } catch (error) {
    // Its holder has just been followed by another one; the caller looks again when its own number is taken.
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return RELEASED
    throw error
  }
  const match = /^\{"pid":(\d+),"identity":"([^"]*)"\}\n$/.exec(text)
  return match === null ? RELEASED : { pid: Number(match[1]), identity: match[2] as string }
}

function claim(disk: Disk, directory: string, number: number, holder: Holder): boolean {
  const temporary = `${lockPath(directory, number)}.${holder.pid}.tmp`
  writeHolder(disk, temporary, holder)
  try {
    disk.link(temporary, lockPath(directory, number))
    return true
  } catch (error) {
    // NOT_FOUND: another thread of this process was here at the same time and has removed the temporary file.
    if (isTidemarkError(error, 'ERR_FILE_EXISTS') || isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) return false
    throw error
  } finally {
    remove(disk, temporary)
  }
}

function writeReleased(disk: Disk, directory: string, number: number, pid: number): void {
  const temporary = `${lockPath(directory, number)}.${pid}.tmp`
  writeHolder(disk, temporary, RELEASED)
  disk.rename(temporary, lockPath(directory, number))
}

function writeHolder(disk: Disk, path: string, holder: Holder): void {
  const file = disk.open(path, 'create')
  try {
    file.truncate(0)
    file.write(new TextEncoder().encode(`{"pid":${holder.pid},"identity":"${holder.identity}"}\n`), 0)
  } finally {
    file.close()
  }
}

function remove(disk: Disk, path: string): void {
  try {
    disk.remove(path)
  } catch (error) {
    if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw error
  }
}

function locked(directory: string, pid: number, own: number): TidemarkError {
  const who = pid === own ? `this process (${pid}) has it open already` : `process ${pid} has it open`
  return new TidemarkError(
    'ERR_DATA_DIR_LOCKED',
    `${directory} is locked: ${who}. Stop it first, or use another directory.`,
    { details: { directory, pid } },
  )
}
