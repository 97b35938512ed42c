import type { Disk } from '../../disk/disk.ts'
import { checkJob, readFormat, writeFormat } from './format-file.ts'
import { TidemarkError } from '../../errors/error.ts'
import { journalDirectory } from './layout.ts'
import { journalNumbers } from './recovery.ts'

/** Makes a directory and its parents, with durable names. */
export function makeDurableDirectory(disk: Disk, path: string): void {
  if (path === '' || path === '.' || path === '/' || disk.exists(path)) return
  const slash = path.lastIndexOf('/')
  const parent = slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash)
  makeDurableDirectory(disk, parent)
  disk.makeDirectory(path)
  disk.syncDirectory(parent)
}

/** Checks format.json, or makes it in a new directory. Throws as readFormat and checkJob do. */
export function claimDirectory(disk: Disk, directory: string, job: string | null): void {
  const format = readFormat(disk, directory)
  if (format === null) {
    if (journalNumbers(disk, directory).length > 0) {
      throw new TidemarkError(
        'ERR_LOG_CORRUPT',
        `${directory} has a journal (${journalDirectory(directory)}) but no format.json: it was removed. Nothing was ` +
          'changed. Restore it from a copy.',
        { details: { directory } },
      )
    }
    writeFormat(disk, directory, job)
    return
  }
  checkJob(directory, format, job)
  if (format.job === null && job !== null) writeFormat(disk, directory, job)
}
