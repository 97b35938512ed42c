import { readRetainedRecord, recordIds } from '../checkpoint/retained-record.ts'
import { isTidemarkError } from '../errors/error.ts'
import type { Finding } from '../lsm/finding.ts'
import type { StateDir } from './data-dir.ts'
import { findingOf } from './verify-log.ts'

/** Verifies what stands beside the files of retained checkpoints: their positions, clocks and names. */
export function verifyRecords(data: StateDir, directory: string): Finding[] {
  const found: Finding[] = []
  for (const id of recordIds(data.disk, directory)) {
    try {
      readRetainedRecord(data.disk, directory, id)
    } catch (error) {
      // The running job has given it up between our looks.
      if (!isTidemarkError(error, 'ERR_FILE_NOT_FOUND')) found.push(findingOf(error, directory))
    }
  }
  return found
}
