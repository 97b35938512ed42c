import type { Disk } from '../../disk/disk.ts'
import { checkJob, readFormat, writeFormat } from './format-file.ts'
import { isTidemarkError, TidemarkError } from '../../errors/error.ts'
import { journalDirectory } from './layout.ts'
import { journalNumbers } from './recovery.ts'

/**
 * Makes the names of a directory and of all above it durable. Before there is format.json nothing is known of them: a
 * process may have ended between making one and syncing it.
 */
function syncAncestors(disk: Disk, path: string): void {
  for (let child = path; child !== '' && child !== '.' && child !== '/'; child = parentOf(child)) {
    try {
      disk.syncDirectory(parentOf(child))
    } catch (error) {
      // A directory that may be passed but not listed cannot be synced; others made it, long ago.
      if (!isTidemarkError(error, 'ERR_DISK_ACCESS')) throw error
    }
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash)
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
    syncAncestors(disk, directory)
    writeFormat(disk, directory, job)
    return
  }
  checkJob(directory, format, job)
  if (format.job === null && job !== null) writeFormat(disk, directory, job)
}
