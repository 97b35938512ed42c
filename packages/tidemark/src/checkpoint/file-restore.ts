import { crc32 } from 'node:zlib'
import { readFile, replaceFile, type Disk, type DiskFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import { damaged, decodeSlot, encodeSlot, toCheckpoint, type CheckpointEntry } from './file-record.ts'
import type { Checkpoint, CheckpointFile, RestoreTarget } from './manager.ts'

const COMPLETE = 'RESTORED'
const CHUNK_BYTES = 1 << 20

/**
 * Fills a target with a checkpoint's files and marks it complete last (invariant C8). On any error the target is
 * emptied before the error goes on.
 */
export function restoreFiles(
  disk: Disk,
  directory: string,
  task: string,
  entry: CheckpointEntry,
  target: RestoreTarget,
): Checkpoint {
  wipe(target)
  try {
    target.disk.makeDirectory(target.directory)
    syncParent(target.disk, target.directory)
    for (const file of entry.files) copyFile(disk, `${directory}/${file.name}`, file, target)
    target.disk.syncDirectory(target.directory)
    replaceFile(target.disk, target.directory, COMPLETE, encodeSlot(entry))
  } catch (error) {
    wipe(target)
    throw error
  }
  return toCheckpoint(task, entry)
}

/**
 * The checkpoint whose state a directory holds, or null when it holds no complete state: then there is nothing to use in
 * it, whatever files are there. Throws ERR_CHECKPOINT_CORRUPT if the mark itself is damaged.
 */
export function restoredCheckpoint(task: string, target: RestoreTarget): Checkpoint | null {
  const path = `${target.directory}/${COMPLETE}`
  if (!target.disk.exists(path)) return null
  const entry = decodeSlot(readFile(target.disk, path), path)
  if (entry.kind !== 'checkpoint') throw damaged(path, 'it is not the record of a checkpoint')
  return toCheckpoint(task, entry)
}

/** Makes the name of a directory durable; one without a slash stands where the process started, which is there. */
export function syncParent(disk: Disk, directory: string): void {
  const slash = directory.lastIndexOf('/')
  if (slash !== -1) disk.syncDirectory(slash === 0 ? '/' : directory.slice(0, slash))
}

/** The mark goes first and durably: without it the rest is not a state, whatever of it a crash leaves. */
function wipe({ disk, directory }: RestoreTarget): void {
  const names = disk.list(directory)
  if (names.length === 0) return
  if (names.includes(COMPLETE)) {
    disk.remove(`${directory}/${COMPLETE}`)
    disk.syncDirectory(directory)
  }
  for (const name of names) if (name !== COMPLETE) disk.remove(`${directory}/${name}`)
  disk.syncDirectory(directory)
}

function copyFile(disk: Disk, path: string, file: CheckpointFile, target: RestoreTarget): void {
  const from = openListed(disk, path)
  try {
    const to = target.disk.open(`${target.directory}/${file.name}`, 'create')
    try {
      verify(from, path, file, (bytes, position) => to.write(bytes, position))
      to.sync()
    } finally {
      to.close()
    }
  } finally {
    from.close()
  }
}

/** Opens a file that a checkpoint lists. Throws ERR_CHECKPOINT_CORRUPT when it is missing. */
function openListed(disk: Disk, path: string): DiskFile {
  try {
    return disk.open(path, 'read')
  } catch (error) {
    if (isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) throw damaged(path, 'it is missing')
    throw error
  }
}

/** Reads a file once, hands each piece on, and throws ERR_CHECKPOINT_CORRUPT unless size and checksum are right. */
function verify(
  from: DiskFile,
  path: string,
  file: CheckpointFile,
  take: (bytes: Uint8Array, position: number) => void,
): void {
  const size = from.size()
  if (size !== file.sizeBytes) throw damaged(path, `it has ${size} bytes, not ${file.sizeBytes}`)
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, size))
  let checksum = 0
  for (let position = 0; position < size; ) {
    const count = from.read(chunk, 0, Math.min(chunk.length, size - position), position)
    if (count === 0) throw damaged(path, `it ends at ${position}, not at ${size}`)
    const bytes = chunk.subarray(0, count)
    checksum = crc32(bytes, checksum)
    take(bytes, position)
    position += count
  }
  if (checksum !== file.checksum) throw damaged(path, 'its checksum is wrong')
}
