import type { Disk, DiskFile } from '../../disk/disk.ts'
import { invariant, TidemarkError } from '../../errors/error.ts'
import type { StoredDelta } from '../types.ts'
import { ENTRY_HEADER_BYTES, validEntryEnd } from './journal-entry.ts'
import { readTransaction } from './journal-payload.ts'
import { journalPath } from './layout.ts'
import type { ProducerEntry } from './log-state.ts'

/**
 * Reads a producer's deltas with ids above `afterId` from the journal, in order; each entry's CRC is checked again. Throws
 * ERR_DELTAS_GONE when the journal has dropped one of them, ERR_LOG_CORRUPT when one is damaged.
 */
export function readDeltas(disk: Disk, directory: string, producer: ProducerEntry, afterId: number): StoredDelta[] {
  if (afterId < producer.forgottenId) {
    throw new TidemarkError(
      'ERR_DELTAS_GONE',
      `"${producer.producer}" needs its changes after checkpoint ${afterId}, but the journal has dropped those up to ` +
        `${producer.forgottenId}, which its state files are to hold. State files are missing: restore them from a copy.`,
      { details: { producer: producer.producer, afterId, forgottenId: producer.forgottenId } },
    )
  }
  const deltas: StoredDelta[] = []
  const files = new Map<number, DiskFile>()
  try {
    for (const { id, journal, position, sizeBytes } of producer.deltas) {
      if (id <= afterId) continue
      let file = files.get(journal)
      if (file === undefined) {
        file = disk.open(journalPath(directory, journal), 'read')
        files.set(journal, file)
      }
      deltas.push({ id, bytes: readDelta(file, position, sizeBytes, id) })
    }
  } finally {
    for (const file of files.values()) file.close()
  }
  return deltas
}

function readDelta(file: DiskFile, position: number, sizeBytes: number, id: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  const count = file.read(bytes, 0, sizeBytes, position)
  if (count !== sizeBytes || validEntryEnd(bytes, 0) !== sizeBytes) {
    throw new TidemarkError(
      'ERR_LOG_CORRUPT',
      `journal file ${file.path} is damaged at byte ${position}: commit ${id} there is not what was written. Restore the ` +
        'data directory from a copy.',
      { details: { file: file.path, position } },
    )
  }
  const transaction = readTransaction(bytes, ENTRY_HEADER_BYTES, sizeBytes)
  invariant(transaction.delta !== null && transaction.id === id, 'a delta is where the journal was told to have it')
  // A copy: else a small delta would keep the batches of its whole transaction in memory.
  return transaction.delta.slice()
}
