import type { JournalFile } from './journal.ts'
import type { LogState } from './log-state.ts'

/** What the log holds, and what it did since it was opened. */
export interface LogStatistics {
  readonly streams: number
  readonly partitions: number
  readonly producers: number
  readonly journalFiles: number
  readonly journalBytes: number
  readonly segmentFiles: number
  readonly segmentBytes: number
  /** Since open: groups written, transactions committed, syncs of the journal, bytes of batches appended. */
  readonly groups: number
  readonly transactions: number
  readonly journalSyncs: number
  readonly appendedBytes: number
}

/** The part that comes from the state and the files. */
export function stateStatistics(
  state: LogState,
  files: readonly JournalFile[],
): Omit<LogStatistics, 'groups' | 'transactions' | 'journalSyncs' | 'appendedBytes'> {
  let segmentFiles = 0
  let segmentBytes = 0
  for (const stream of state.streams) {
    for (const { segments } of stream.partitions) {
      segmentFiles += segments.length
      for (const segment of segments) segmentBytes += segment.sizeBytes
    }
  }
  let journalBytes = 0
  for (const file of files) journalBytes += file.sizeBytes
  return {
    streams: state.streams.length,
    partitions: state.slots,
    producers: state.producers.size,
    journalFiles: files.length,
    journalBytes,
    segmentFiles,
    segmentBytes,
  }
}
