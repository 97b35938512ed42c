import { FileObjects } from '../checkpoint/file-objects.ts'
import {
  readSavepoint,
  type Savepoint,
  type SavepointTask,
  TASK_MANIFEST,
  taskPrefix,
} from '../checkpoint/savepoint-format.ts'
import { type Disk, readFile } from '../disk/disk.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { Finding } from '../lsm/finding.ts'
import { decodeManifest } from '../lsm/manifest.ts'
import { verifyBase } from '../lsm/verify-base.ts'
import { runInTurns as inTurns } from '../lsm/run-in-turns.ts'
import type { DataReport, DirectoryReport } from './verify-data.ts'
import { findingOf } from './verify-log.ts'

/**
 * Verifies every byte of a savepoint in a directory: its description, each task's manifest against it, and all of the
 * files (see `verifyBase`). Never writes. ERR_SAVEPOINT_NOT_FOUND: there is no complete savepoint.
 */
export async function verifySavepoint(disk: Disk, directory: string): Promise<DataReport> {
  let savepoint: Savepoint
  try {
    savepoint = await readSavepoint(new FileObjects({ disk, directory }))
  } catch (error) {
    if (isTidemarkError(error, 'ERR_SAVEPOINT_NOT_FOUND')) throw error
    return { directories: [], tasks: [findingOf(error, `${directory}/savepoint`)], log: null, damages: 1 }
  }
  const directories: DirectoryReport[] = []
  const listed: Finding[] = []
  for (const task of savepoint.tasks) {
    const own = `${directory}/${taskPrefix(task.task).slice(0, -1)}`
    listed.push(...compare(disk, own, task))
    directories.push({ ...(await inTurns(verifyBase(disk, own))), directory: own, task: task.task })
  }
  const all = [...listed, ...directories.flatMap(({ findings }) => findings)]
  return { directories, tasks: listed, log: null, damages: all.filter(({ kind }) => kind === 'damage').length }
}

/** A task's manifest names the files that the description lists, with the checksums that it lists. */
function compare(disk: Disk, directory: string, task: SavepointTask): Finding[] {
  const path = `${directory}/${TASK_MANIFEST}`
  const damage = (what: string): Finding => ({ kind: 'damage', file: path, position: 0, store: null, what })
  if (!disk.exists(path)) return [damage('is missing, and the savepoint lists its task')]
  let files: readonly { readonly name: string; readonly checksum: number }[]
  try {
    ;({ files } = decodeManifest(readFile(disk, path), path))
  } catch (error) {
    // Told by `verifyBase`.
    if (isTidemarkError(error)) return []
    throw error
  }
  const text = (list: typeof files): string =>
    list
      .map(({ name, checksum }) => `${name} ${checksum}`)
      .toSorted()
      .join()
  if (text(files) === text(task.files)) return []
  return [damage('names other files than the savepoint lists for its task')]
}
