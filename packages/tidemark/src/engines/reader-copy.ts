import { type Disk, readFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { NativeEngine } from './native.ts'

const ATTEMPTS = 20
const NAME = /^reader-\d+-\d+$/
let copies = 0

/**
 * A copy of a RocksDB or LevelDB database that its owner may be writing, for a reader beside it: neither package can open
 * a database that another process has open. Tables are linked, since they never change; the journal, CURRENT and the
 * manifest are copied.
 *
 * In this order, what the copy holds is the database as it was at one moment. The journals come first: a part of the one
 * that is being written, and all of those before it. The manifest, copied later, says from which journal on to replay: if
 * that is one we have, the copy is of the moment when we copied it; if it is a later one, of the moment of the manifest.
 * Either way nothing is left out between. A table or manifest that is gone meanwhile means: start again. Returns the
 * directory, ready to be opened; remove it with `removeCopy`. ERR_FILE_NOT_FOUND when the owner is too quick, 20 times.
 */
export function copyForReading(
  disk: Disk,
  engine: NativeEngine,
  directory: string,
  parent: string,
  removeDirectory: (path: string) => void,
): string {
  for (let attempt = 1; ; attempt++) {
    const target = `${parent}/reader-${process.pid}-${++copies}`
    disk.makeDirectory(target)
    try {
      copyFiles(disk, engine, directory, target)
      return target
    } catch (error) {
      removeCopy(disk, target, removeDirectory)
      if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND') || attempt === ATTEMPTS) throw error
    }
  }
}

function copyFiles(disk: Disk, engine: NativeEngine, directory: string, target: string): void {
  for (const name of disk.list(directory)) if (engine.isJournal(name)) copyFile(disk, directory, target, name)
  const current = readFile(disk, `${directory}/${engine.currentFile}`)
  copyFile(disk, directory, target, Buffer.from(current).toString('utf8').trim())
  for (const name of disk.list(directory)) {
    if (engine.isTable(name)) disk.link(`${directory}/${name}`, `${target}/${name}`)
  }
  writeFile(disk, `${target}/${engine.currentFile}`, current)
}

function copyFile(disk: Disk, directory: string, target: string, name: string): void {
  writeFile(disk, `${target}/${name}`, readFile(disk, `${directory}/${name}`))
}

function writeFile(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'create')
  try {
    file.write(bytes, 0)
  } finally {
    file.close()
  }
}

export function removeCopy(disk: Disk, directory: string, removeDirectory: (path: string) => void): void {
  for (const name of disk.list(directory)) disk.remove(`${directory}/${name}`)
  removeDirectory(directory)
}

/** Removes the copies of readers that died before they could. */
export function removeDeadCopies(
  disk: Disk,
  parent: string,
  alive: (pid: number) => boolean,
  removeDirectory: (path: string) => void,
): void {
  for (const name of disk.list(parent)) {
    if (NAME.test(name) && !alive(Number(name.split('-')[1]))) removeCopy(disk, `${parent}/${name}`, removeDirectory)
  }
}
