import type { Disk } from '../../disk/disk.ts'
import { checkJob, type Format, readFormat, writeFormat } from './format-file.ts'
import { isTidemarkError, TidemarkError } from '../../errors/error.ts'
import { FORMAT_FILE, journalDirectory, streamsDirectory } from './layout.ts'
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

/** Throws ERR_LOG_CORRUPT when data is there without format.json or without the journal: somebody has removed them. */
export function checkParts(disk: Disk, directory: string, format: Format | null): void {
  const journal = journalNumbers(disk, directory).length > 0
  if (journal && format !== null) return
  if (!journal && disk.list(streamsDirectory(directory)).length === 0) return
  const journals = journalDirectory(directory)
  const found = journal ? `a journal (${journals}) but no format.json` : `streams but no journal (${journals})`
  throw new TidemarkError(
    'ERR_LOG_CORRUPT',
    `${directory} has ${found}: it was removed. Nothing was changed. Restore it from a copy.`,
    { details: { directory, file: journal ? `${directory}/${FORMAT_FILE}` : journals } },
  )
}

/** Checks format.json, or makes it in a new directory. Throws as readFormat and checkJob do. */
export function claimDirectory(disk: Disk, directory: string, job: string | null): void {
  const format = readFormat(disk, directory)
  checkParts(disk, directory, format)
  if (format === null) {
    syncAncestors(disk, directory)
    writeFormat(disk, directory, job)
    return
  }
  checkJob(directory, format, job)
  if (format.job === null && job !== null) writeFormat(disk, directory, job)
}
