import { type Disk, readFile } from '../../disk/disk.ts'
import { TidemarkError } from '../../errors/error.ts'
import { FLAG_UNSYNCED } from './journal-entry.ts'
import { type JournalFile, writeJournalHead } from './journal.ts'
import { replayFile } from './journal-replay.ts'
import { journalDirectory, journalNumber, journalPath, streamsDirectory } from './layout.ts'
import { LogState } from './log-state.ts'
import type { SegmentFiles } from './segment-files.ts'
import { type JournaledAppend, SegmentRecovery } from './segment-recovery.ts'

export interface Recovered {
  readonly state: LogState
  readonly files: JournalFile[]
  readonly sequence: number
  /** The last entry was written under policy `never`. */
  readonly unsynced: boolean
}

/**
 * Brings journal and segments to one state: replays the journal, drops what follows the last valid entry of its newest
 * file if that was never durable, and writes again what segments lack. Throws ERR_LOG_CORRUPT, with nothing changed, when
 * committed bytes are damaged that the journal does not have.
 */
export function recover(disk: Disk, directory: string, segments: SegmentFiles, unsynced: boolean): Recovered {
  const numbers = journalNumbers(disk, directory)
  const newest = numbers.at(-1)
  if (newest === undefined) return begin(disk, directory, unsynced)
  const { firstJournal, tornAt } = firstNeeded(disk, directory, newest)
  assertThere(directory, numbers, firstJournal, tornAt)
  const replayed = replay(disk, directory, numbers, firstJournal)
  const segmentRecovery = new SegmentRecovery(disk, directory, replayed.state, segments, replayed.appends)
  segmentRecovery.check({ witnesses: !replayed.unsynced })
  // Segments must never be ahead of what is durable in the journal, so this comes before they are written.
  settleJournal(disk, directory, newest, replayed.files.at(-1) as JournalFile)
  // The process that made a file may have ended before it synced the name.
  disk.syncDirectory(journalDirectory(directory))
  disk.syncDirectory(directory)
  for (const name of disk.list(journalDirectory(directory))) {
    const number = journalNumber(name)
    if (name.endsWith('.tmp') || (number !== null && number < firstJournal)) {
      disk.remove(`${journalDirectory(directory)}/${name}`)
    }
  }
  segmentRecovery.repair(new Map(replayed.files.map((file) => [file.number, file])))
  return replayed
}

export function journalNumbers(disk: Disk, directory: string): number[] {
  const numbers: number[] = []
  for (const name of disk.list(journalDirectory(directory))) {
    const number = journalNumber(name)
    if (number !== null) numbers.push(number)
  }
  return numbers.sort((a, b) => a - b)
}

/** A data directory without a journal is new: `checkParts` has seen that there are no streams. */
function begin(disk: Disk, directory: string, unsynced: boolean): Recovered {
  const state = new LogState()
  disk.makeDirectory(journalDirectory(directory))
  disk.makeDirectory(streamsDirectory(directory))
  disk.syncDirectory(directory)
  for (const name of disk.list(journalDirectory(directory))) disk.remove(`${journalDirectory(directory)}/${name}`)
  const flags = unsynced ? FLAG_UNSYNCED : 0
  const sizeBytes = writeJournalHead(disk, directory, { number: 1, sequence: 1, flags, snapshot: state.snapshot() })
  return {
    state,
    files: [{ number: 1, headBytes: sizeBytes, sizeBytes, segments: new Set(), deltas: new Map() }],
    sequence: 1,
    unsynced,
  }
}

/** The newest file knows which one is the oldest that counts; older ones are left from a removal cut short. */
function firstNeeded(disk: Disk, directory: string, newest: number): { firstJournal: number; tornAt: number } {
  const state = new LogState()
  const path = journalPath(directory, newest)
  const journal = { number: newest, path, first: true, sequence: -1 }
  const cursor = replayFile(state, readFile(disk, path), journal, () => {})
  const tail = cursor.tail()
  // What it says of older files may be in the part that cannot be read.
  if (tail === 'damaged') throw damaged(path, cursor.start)
  return { firstJournal: state.firstJournal, tornAt: tail === 'torn' ? cursor.start : -1 }
}

/**
 * Throws ERR_LOG_CORRUPT when a journal file that counts is missing. `tornAt`: where the newest one ceases to be valid, -1
 * if it is whole. If it is torn, it is the one to name: the entry that let older files go is durable before they go.
 */
export function assertThere(directory: string, numbers: readonly number[], first: number, tornAt: number): void {
  const newest = numbers.at(-1) as number
  let missing = first
  while (missing <= newest && numbers.includes(missing)) missing++
  if (missing > newest) return
  const path = journalPath(directory, missing)
  if (tornAt >= 0) throw damaged(journalPath(directory, newest), tornAt)
  throw new TidemarkError(
    'ERR_LOG_CORRUPT',
    `journal file ${path} is missing, and what it holds is still needed. Nothing was changed. Restore it from a copy.`,
    { details: { file: path } },
  )
}

interface Replayed extends Recovered {
  readonly appends: readonly JournaledAppend[]
}

function replay(disk: Disk, directory: string, numbers: readonly number[], firstJournal: number): Replayed {
  const state = new LogState()
  const files: JournalFile[] = []
  const appends: JournaledAppend[] = []
  const newest = numbers.at(-1) as number
  let sequence = -1
  let flags = 0
  for (let number = firstJournal; number <= newest; number++) {
    const path = journalPath(directory, number)
    const deltas = new Map<string, number>()
    const bytes = readFile(disk, path)
    const cursor = replayFile(
      state,
      bytes,
      { number, path, first: number === firstJournal, sequence },
      (transaction) => {
        if (transaction.delta !== null) deltas.set(transaction.producer, transaction.id)
        for (const { bytes: _, start, ...append } of transaction.appends)
          appends.push({ ...append, journal: number, start })
      },
    )
    const tail = cursor.tail()
    if (tail === 'damaged' || (tail === 'torn' && number !== newest)) throw damaged(path, cursor.start)
    files.push({ number, headBytes: cursor.headBytes, sizeBytes: cursor.start, segments: new Set(), deltas })
    sequence = cursor.sequence
    flags = cursor.flags
  }
  return { state, files, sequence, appends, unsynced: (flags & FLAG_UNSYNCED) !== 0 }
}

/** Cuts a torn end off and makes the rest durable: after a mere end of the process it may not be. */
function settleJournal(disk: Disk, directory: string, number: number, newest: JournalFile): void {
  const file = disk.open(journalPath(directory, number), 'write')
  try {
    if (file.size() > newest.sizeBytes) file.truncate(newest.sizeBytes)
    file.sync()
  } finally {
    file.close()
  }
}

function damaged(path: string, position: number): TidemarkError {
  return new TidemarkError(
    'ERR_LOG_CORRUPT',
    `journal file ${path} is damaged at byte ${position}: a committed entry there is not what was written. Nothing was ` +
      'changed. Restore the data directory from a copy.',
    { details: { file: path, position } },
  )
}
