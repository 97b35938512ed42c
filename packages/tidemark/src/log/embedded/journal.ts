import type { Disk, DiskFile } from '../../disk/disk.ts'
import { isTidemarkError } from '../../errors/error.ts'
import { ByteWriter } from '../../serde/byte-writer.ts'
import { beginEntry, ENTRY, type EntryType, endEntry, FLAG_UNSYNCED } from './journal-entry.ts'
import { writeSnapshot } from './journal-payload.ts'
import { journalDirectory, journalPath } from './layout.ts'
import type { SnapshotRecord } from './records.ts'
import { syncError } from './sync-error.ts'

/** A group's buffer larger than this is not kept for the next one. */
const KEPT_BUFFER_BYTES = 4 * 1024 * 1024
const FIRST_BUFFER_BYTES = 4096

export interface JournalFile {
  readonly number: number
  /** Of its first entry, the snapshot. */
  readonly headBytes: number
  sizeBytes: number
  /** Paths of the segments that its entries wrote to. */
  readonly segments: Set<string>
  /** The last delta of each producer in it. */
  readonly deltas: Map<string, number>
}

export interface JournalOptions {
  readonly disk: Disk
  readonly directory: string
  /** Sets the flag that recovery must not take segments as witnesses. */
  readonly unsynced: boolean
  /** The files there are, oldest first; the last one is written on from its size. */
  readonly files: JournalFile[]
  readonly sequence: number
}

/** Writes the journal: entries are put together in a buffer, written at once, synced when asked. */
export class Journal {
  readonly files: JournalFile[]
  syncs = 0
  readonly #disk: Disk
  readonly #directory: string
  readonly #flags: number
  #file: DiskFile
  #sequence: number
  #pendingSequence: number
  #syncedBytes: number
  #out = new ByteWriter(FIRST_BUFFER_BYTES)

  constructor(options: JournalOptions) {
    this.files = options.files
    this.#disk = options.disk
    this.#directory = options.directory
    this.#flags = options.unsynced ? FLAG_UNSYNCED : 0
    this.#file = options.disk.open(journalPath(options.directory, this.current.number), 'write')
    this.#sequence = options.sequence
    this.#pendingSequence = options.sequence
    this.#syncedBytes = this.current.sizeBytes
  }

  get current(): JournalFile {
    return this.files.at(-1) as JournalFile
  }

  get totalBytes(): number {
    let sum = 0
    for (const file of this.files) sum += file.sizeBytes
    return sum
  }

  /** Starts a group of at least `sizeBytes`. */
  begin(sizeBytes = 0): void {
    if (this.#out.bytes.length > KEPT_BUFFER_BYTES) this.#out = new ByteWriter(FIRST_BUFFER_BYTES)
    this.#out.reset()
    this.#out.ensure(sizeBytes)
    this.#pendingSequence = this.#sequence
  }

  /** Adds an entry to the group. Returns where in the file it will be. */
  add<T>(
    type: EntryType,
    write: (out: ByteWriter, value: T) => void,
    value: T,
  ): { position: number; sizeBytes: number } {
    const start = beginEntry(this.#out)
    write(this.#out, value)
    const mark = { sequence: ++this.#pendingSequence, synced: this.#syncedBytes, flags: this.#flags }
    endEntry(this.#out, start, type, mark)
    return { position: this.current.sizeBytes + start, sizeBytes: this.#out.position - start }
  }

  /**
   * Writes the group to the end of the file. On ERR_DISK_FULL the file is cut back to what it was, durably, so that no
   * entry of a group that failed can come back; then the error is thrown. `torn` is called between two halves.
   */
  write(torn: (() => void) | null = null): void {
    const bytes = this.#out.bytes.subarray(0, this.#out.position)
    const end = this.current.sizeBytes
    try {
      if (torn === null) {
        this.#file.write(bytes, end)
      } else {
        const half = bytes.length >> 1
        this.#file.write(bytes.subarray(0, half), end)
        torn()
        this.#file.write(bytes.subarray(half), end + half)
      }
    } catch (error) {
      if (isTidemarkError(error, 'ERR_DISK_FULL')) this.#undo(end)
      throw error
    }
    this.current.sizeBytes = end + bytes.length
    this.#sequence = this.#pendingSequence
  }

  #undo(sizeBytes: number): void {
    try {
      this.#file.truncate(sizeBytes)
      this.#file.sync()
    } catch (error) {
      throw syncError('cut back', this.#file.path, error)
    }
    this.#syncedBytes = sizeBytes
  }

  /** Makes all that was written durable. Any failure is ERR_DISK_IO, and must end the log: it is not known what is. */
  sync(): void {
    try {
      this.#file.sync()
    } catch (error) {
      throw syncError('sync', this.#file.path, error)
    }
    this.syncs++
    this.#syncedBytes = this.current.sizeBytes
  }

  /** Goes on in a new file that begins with the snapshot. Throws ERR_DISK_FULL with the old file still in use. */
  rotate(snapshot: SnapshotRecord): void {
    // A file that is not the newest must be whole: recovery forgives a torn end in the newest only.
    this.sync()
    const number = this.current.number + 1
    const sequence = this.#sequence + 1
    const sizeBytes = writeJournalHead(this.#disk, this.#directory, { number, sequence, flags: this.#flags, snapshot })
    const file = this.#disk.open(journalPath(this.#directory, number), 'write')
    this.#file.close()
    this.#file = file
    this.files.push({ number, headBytes: sizeBytes, sizeBytes, segments: new Set(), deltas: new Map() })
    this.#sequence = sequence
    this.#syncedBytes = sizeBytes
  }

  /** Removes the oldest files, all before `number`. */
  removeBefore(number: number): void {
    while (this.files.length > 1 && (this.files[0] as JournalFile).number < number) {
      const file = this.files.shift() as JournalFile
      this.#disk.remove(journalPath(this.#directory, file.number))
    }
  }

  close(): void {
    this.#file.close()
  }
}

interface JournalHead {
  readonly number: number
  readonly sequence: number
  readonly flags: number
  readonly snapshot: SnapshotRecord
}

/** Makes a journal file with its head, durably and under its name only when whole. Returns its size in bytes. */
export function writeJournalHead(disk: Disk, directory: string, head: JournalHead): number {
  const out = new ByteWriter()
  const start = beginEntry(out)
  writeSnapshot(out, head.snapshot)
  endEntry(out, start, ENTRY.snapshot, { sequence: head.sequence, synced: 0, flags: head.flags })
  const path = journalPath(directory, head.number)
  const temporary = `${path}.tmp`
  const file = disk.open(temporary, 'create')
  try {
    file.truncate(0)
    file.write(out.bytes.subarray(0, out.position), 0)
    file.sync()
  } catch (error) {
    file.close()
    disk.remove(temporary)
    throw error
  }
  file.close()
  try {
    disk.rename(temporary, path)
    disk.syncDirectory(journalDirectory(directory))
  } catch (error) {
    // Under its name or not: it is not known which file the next start takes for the newest.
    throw syncError('name', path, error)
  }
  return out.position
}
