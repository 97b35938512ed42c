import { type Disk, readFile } from '../../disk/disk.ts'
import { nodeProcesses, type ProcessTable } from '../../disk/process-table.ts'
import { isTidemarkError, TidemarkError } from '../../errors/error.ts'
import type { OffsetsView, ProducerState, StoredDelta, StreamInfo } from '../types.ts'
import { checkParts } from './data-directory.ts'
import { readFormat } from './format-file.ts'
import type { JournalCursor } from './journal-cursor.ts'
import { FLAG_UNSYNCED } from './journal-entry.ts'
import { type OnTransaction, replayFile } from './journal-replay.ts'
import { journalPath } from './layout.ts'
import { lockHolder } from './lock.ts'
import { LogState, producerState } from './log-state.ts'
import { PartitionReader } from './partition-reader.ts'
import type { AppendRecord } from './records.ts'
import { assertThere, journalNumbers } from './recovery.ts'
import { SegmentFiles } from './segment-files.ts'
import { SegmentRecovery } from './segment-recovery.ts'
import { readDeltas } from './stored-deltas.ts'
import { ViewOffsets } from './view-offsets.ts'

const ATTEMPTS = 20

export interface LogViewOptions {
  readonly disk: Disk
  readonly directory: string
  /** Tells whether the owner lives (default: those of this machine). */
  readonly processes?: ProcessTable
}

/**
 * A data directory read by another process than its owner, running or not: never writes, takes no lock. What it tells is
 * of the moment of `open` or of the last `refresh`. Files that the owner removes meanwhile are looked for again, a bounded
 * number of times (then ERR_LOG_BUSY). When no owner lives, what is missing was lost, and the verdict is that of a run:
 * ERR_LOG_CORRUPT.
 */
export class LogView {
  readonly directory: string
  /** The job that the directory belongs to, null if none has taken it. */
  readonly job: string | null
  readonly #disk: Disk
  readonly #processes: ProcessTable
  readonly #offsets = new ViewOffsets()
  #state = new LogState()
  /** All journal files replayed, for deltas; made when first asked for. */
  #history: LogState | null = null

  private constructor(options: LogViewOptions, job: string | null) {
    this.directory = options.directory
    this.#disk = options.disk
    this.#processes = options.processes ?? nodeProcesses
    this.job = job
  }

  /** Throws ERR_NOT_A_DATA_DIR, ERR_FORMAT_NEWER, ERR_LOG_CORRUPT, ERR_LOG_BUSY. */
  static open(options: LogViewOptions): LogView {
    const { disk, directory } = options
    const format = disk.exists(directory) ? readFormat(disk, directory) : null
    if (disk.exists(directory)) checkParts(disk, directory, format)
    if (format === null || journalNumbers(disk, directory).length === 0) {
      const what = disk.exists(directory) ? 'holds no data of Tidemark' : 'does not exist'
      throw new TidemarkError('ERR_NOT_A_DATA_DIR', `${directory} ${what}. Check the path of the data directory.`, {
        details: { directory },
      })
    }
    const view = new LogView(options, format.job)
    view.#look(true)
    return view
  }

  /** Changes with `refresh`. */
  get offsets(): OffsetsView {
    return this.#offsets
  }

  /** The pid of the process that has the directory open, null if none lives. */
  ownerPid(processes: ProcessTable = this.#processes): number | null {
    return lockHolder(this.#disk, this.directory, processes)
  }

  /** Looks again: what was committed since is seen. Reads the newest journal file only, whose head tells the rest. */
  refresh(): void {
    this.#look(false)
  }

  /** `whole`: also looks whether the journal has lost its end, which only segments can tell. */
  #look(whole: boolean): void {
    this.#retrying(() => {
      const settled = whole && this.ownerPid() === null
      const newest = journalNumbers(this.#disk, this.directory).at(-1) as number
      const state = new LogState()
      const appends: AppendRecord[] = []
      const { flags } = this.#replay(state, newest, true, -1, ({ appends: each }) => {
        for (const { bytes: _bytes, start: _start, ...append } of each) appends.push(append)
      })
      if (settled && (flags & FLAG_UNSYNCED) === 0) this.#checkEnd(state)
      this.#offsets.update(this.#disk, this.directory, state, appends)
      this.#state = state
      this.#history = null
    })
  }

  #checkEnd(state: LogState): void {
    const files = new SegmentFiles(this.#disk, this.directory)
    new SegmentRecovery(this.#disk, this.directory, state, files, []).checkEnd()
  }

  streams(): StreamInfo[] {
    return this.#state.streams.map((stream) => stream.info)
  }

  stream(name: string): StreamInfo | undefined {
    return this.#state.byName.get(name)?.info
  }

  producers(): ProducerState[] {
    return [...this.#state.producers.values()].map(producerState)
  }

  producer(name: string): ProducerState | undefined {
    const entry = this.#state.producers.get(name)
    return entry === undefined ? undefined : producerState(entry)
  }

  /**
   * The producer's deltas with ids above `afterId`, up to the id that the view knows. Throws ERR_DELTAS_GONE when the
   * journal has dropped one (the producer has flushed it into its state files), ERR_LOG_CORRUPT, ERR_LOG_BUSY.
   */
  deltas(producer: string, afterId: number): StoredDelta[] {
    const known = this.#state.producers.get(producer)
    if (known === undefined) return []
    return this.#retrying(() => {
      const entry = this.#readHistory().producers.get(producer)
      if (entry === undefined) return []
      const deltas = entry.deltas.filter((delta) => delta.id <= known.id)
      return readDeltas(this.#disk, this.directory, { ...entry, deltas }, afterId)
    })
  }

  /** A reader up to the ends that the view knows; `refresh` moves them for readers too. */
  reader(stream: StreamInfo, partition: number): PartitionReader {
    const { directory } = this
    const onMissing = (): void => this.refresh()
    return new PartitionReader({ disk: this.#disk, directory, stream, partition, offsets: this.#offsets, onMissing })
  }

  #readHistory(): LogState {
    if (this.#history !== null) return this.#history
    const numbers = journalNumbers(this.#disk, this.directory)
    const newest = numbers.at(-1) as number
    // The head of the newest file knows which files still count.
    const newestState = new LogState()
    const cursor = this.#replay(newestState, newest, true, -1, () => {})
    const tornAt = cursor.tail() === 'torn' ? cursor.start : -1
    if (this.ownerPid() === null) assertThere(this.directory, numbers, newestState.firstJournal, tornAt)
    const history = new LogState()
    let sequence = -1
    for (let number = newestState.firstJournal; number <= newest; number++) {
      sequence = this.#replay(history, number, number === newestState.firstJournal, sequence, () => {}).sequence
    }
    this.#history = history
    return history
  }

  #replay(state: LogState, number: number, first: boolean, sequence: number, visit: OnTransaction): JournalCursor {
    const path = journalPath(this.directory, number)
    const cursor = replayFile(state, readFile(this.#disk, path), { number, path, first, sequence }, visit)
    if (cursor.tail() === 'damaged') {
      throw new TidemarkError('ERR_LOG_CORRUPT', `journal file ${path} is damaged at byte ${cursor.start}.`, {
        details: { file: path, position: cursor.start },
      })
    }
    return cursor
  }

  /**
   * Tries again while the owner changes files under the view: one may be gone, or half of a write may be seen. Damage
   * that stays is reported as such.
   */
  #retrying<T>(look: () => T): T {
    for (let attempt = 1; ; attempt++) {
      try {
        return look()
      } catch (error) {
        const gone = isTidemarkError(error, 'ERR_FILE_NOT_FOUND')
        if (!gone && !isTidemarkError(error, 'ERR_LOG_CORRUPT')) throw error
        this.#history = null
        if (attempt < ATTEMPTS) continue
        if (!gone) throw error
        if (this.ownerPid() === null) {
          const why = `a journal file of ${this.directory} is missing, though no process has it open: ${error.message}`
          throw new TidemarkError('ERR_LOG_CORRUPT', why, { cause: error, details: error.details })
        }
        throw new TidemarkError('ERR_LOG_BUSY', `${this.directory} changes faster than it can be read. Try again.`, {
          cause: error,
          details: { directory: this.directory },
        })
      }
    }
  }
}
