import { TidemarkError } from '../../errors/error.ts'
import { JournalCursor } from './journal-cursor.ts'
import { ENTRY } from './journal-entry.ts'
import { readClaim, readReclaim, readSnapshot, readStream, readTransaction, readTrim } from './journal-payload.ts'
import type { LogState } from './log-state.ts'
import type { AppendWithBytes, TransactionRecord } from './records.ts'

/** What replay tells of each transaction, before the state takes it. */
export type OnTransaction = (transaction: TransactionRecord<AppendWithBytes>, journal: number) => void

/**
 * Applies the valid entries of one journal file to the state. The first file's head is loaded, a later one's absorbed.
 * Returns the cursor behind the last valid entry; throws ERR_LOG_CORRUPT when the file has no head.
 */
export function replayFile(
  state: LogState,
  bytes: Uint8Array,
  journal: { readonly number: number; readonly path: string; readonly first: boolean; readonly sequence: number },
  onTransaction: OnTransaction,
): JournalCursor {
  const cursor = new JournalCursor(bytes, journal.sequence)
  if (!cursor.next() || cursor.type !== ENTRY.snapshot) {
    throw new TidemarkError(
      'ERR_LOG_CORRUPT',
      `journal file ${journal.path} does not begin as it must, at byte 0: it is damaged, or a file before it is. ` +
        'Nothing was changed. Restore the data directory from a copy.',
      { details: { file: journal.path, position: 0 } },
    )
  }
  const head = readSnapshot(bytes, cursor.payload, cursor.end)
  if (journal.first) state.load(head)
  else state.absorb(head)
  while (cursor.next()) applyEntry(state, cursor, journal.number, onTransaction)
  return cursor
}

function applyEntry(state: LogState, cursor: JournalCursor, journal: number, onTransaction: OnTransaction): void {
  const { bytes, payload, end } = cursor
  switch (cursor.type) {
    case ENTRY.transaction: {
      const transaction = readTransaction(bytes, payload, end)
      onTransaction(transaction, journal)
      state.commit(transaction, { journal, position: cursor.start, sizeBytes: end - cursor.start })
      break
    }
    case ENTRY.claim:
      state.claim(readClaim(bytes, payload, end))
      break
    case ENTRY.stream:
      state.addStream(readStream(bytes, payload, end))
      break
    case ENTRY.trim:
      state.trim(readTrim(bytes, payload, end))
      break
    case ENTRY.reclaim:
      state.reclaim(readReclaim(bytes, payload, end))
      break
    default:
      throw new TidemarkError(
        'ERR_LOG_CORRUPT',
        `journal entry ${cursor.sequence} is of unknown type ${cursor.type}. Was it written by another version?`,
      )
  }
}
