import type { Clock } from '../../clock/clock.ts'
import type { Disk } from '../../disk/disk.ts'
import { nodeProcesses } from '../../disk/process-table.ts'
import { invariant, isTidemarkError, TidemarkError, toWireError } from '../../errors/error.ts'
import type { ByteWriter } from '../../serde/byte-writer.ts'
import type { CommitResult, ProducerState, StoredDelta, StreamInfo, StreamSpec, Transaction } from '../types.ts'
import { Backlog } from './backlog.ts'
import { claimDirectory } from './data-directory.ts'
import type { Failpoint } from './failpoints.ts'
import { Journal } from './journal.ts'
import { ENTRY, type EntryType } from './journal-entry.ts'
import { writeClaim, writeReclaim, writeStream, writeTransaction, writeTrim } from './journal-payload.ts'
import { DirectoryLock } from './lock.ts'
import { type LogState, type PartitionState, producerState } from './log-state.ts'
import {
  DEFAULT_JOURNAL_MAX_BYTES,
  DEFAULT_SEGMENT_MAX_BYTES,
  DEFAULT_TRIM_OPEN_BYTES,
  type EmbeddedLogOptions,
  type FsyncPolicy,
} from './options.ts'
import { PartitionReader } from './partition-reader.ts'
import { type Recovered, recover } from './recovery.ts'
import { retentionStart, trimStart } from './retention.ts'
import { SegmentFiles } from './segment-files.ts'
import { SharedOffsets } from './shared-offsets.ts'
import { type LogStatistics, stateStatistics } from './statistics.ts'
import { readDeltas } from './stored-deltas.ts'
import { checkStream } from './stream-check.ts'
import { type GroupPlan, type PlannedAppend, planGroup } from './transaction-plan.ts'

/** Journal files that one budget is divided into: what is dropped at once. */
const JOURNAL_FILES_PER_BUDGET = 4

/**
 * The embedded log's single writer: synchronous, without threads. After a failed sync, or any failure that leaves memory
 * and disk apart, the call throws and every later one throws ERR_LOG_CLOSED: open the log again, which recovers.
 * docs/internals/log.md tells what is guaranteed and why.
 */
export class EmbeddedLog {
  readonly directory: string
  /** Published offsets, in shared memory. */
  readonly offsets: SharedOffsets
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #lock: DirectoryLock | null
  readonly #state: LogState
  readonly #journal: Journal
  readonly #segments: SegmentFiles
  readonly #backlog: Backlog
  readonly #journalMaxBytes: number
  readonly #segmentMaxBytes: number
  readonly #trimOpenBytes: number
  readonly #fsync: FsyncPolicy
  readonly #failpoint: ((name: Failpoint) => void) | null
  #groups = 0
  #transactions = 0
  #appendedBytes = 0
  /** Why the log refuses work; null while it works. */
  #stopped: { readonly reason: string; readonly cause: unknown } | null = null

  private constructor(
    options: EmbeddedLogOptions,
    lock: DirectoryLock | null,
    recovered: Recovered,
    files: SegmentFiles,
  ) {
    const { disk, directory } = options
    this.directory = directory
    this.offsets = options.shared === undefined ? SharedOffsets.allocate() : new SharedOffsets(options.shared)
    this.#disk = disk
    this.#clock = options.clock
    this.#lock = lock
    this.#state = recovered.state
    this.#segments = files
    this.#backlog = new Backlog(files)
    this.#journalMaxBytes = options.journalMaxBytes ?? DEFAULT_JOURNAL_MAX_BYTES
    this.#segmentMaxBytes = options.segmentMaxBytes ?? DEFAULT_SEGMENT_MAX_BYTES
    this.#trimOpenBytes = options.trimOpenBytes ?? DEFAULT_TRIM_OPEN_BYTES
    this.#fsync = options.fsync ?? 'commit'
    this.#failpoint = options.failpoint ?? null
    const { sequence } = recovered
    const unsynced = this.#fsync === 'never'
    this.#journal = new Journal({ disk, directory, unsynced, files: recovered.files, sequence })
  }

  /**
   * Opens the log of a data directory, made if missing, recovered if need be. Throws ERR_DATA_DIR_LOCKED,
   * ERR_DATA_DIR_OTHER_JOB, ERR_FORMAT_NEWER, ERR_LOG_CORRUPT (nothing is changed then), and errors of the disk.
   */
  static open(options: EmbeddedLogOptions): EmbeddedLog {
    const { disk, directory } = options
    disk.makeDirectory(directory)
    const lock =
      options.lock === false ? null : DirectoryLock.acquire(disk, directory, options.processes ?? nodeProcesses)
    try {
      claimDirectory(disk, directory, options.job)
      const files = new SegmentFiles(disk, directory)
      const recovered = recover(disk, directory, files, options.fsync === 'never')
      const log = new EmbeddedLog(options, lock, recovered, files)
      log.#publishAll()
      if (options.fsync === 'never' && !recovered.unsynced) log.#announceUnsynced()
      return log
    } catch (error) {
      lock?.release()
      throw error
    }
  }

  #publishAll(): void {
    const { offsets } = this
    invariant(this.#state.slots <= offsets.slots, 'the shared offsets have a slot for every partition of the log')
    for (const stream of this.#state.streams) {
      for (const { slot, start, end } of stream.partitions) {
        offsets.setStart(slot, start)
        offsets.setEnd(slot, end)
      }
    }
  }

  /**
   * Makes an entry with the flag of policy `never` durable before anything is written under it: else, if all such entries
   * were lost, recovery would take the segments for witnesses against an intact journal.
   */
  #announceUnsynced(): void {
    this.#record(ENTRY.reclaim, writeReclaim, { firstJournal: this.#state.firstJournal, flushed: [] })
  }

  /** A reader of one partition, at its start; CRCs are not checked. */
  reader(stream: StreamInfo, partition: number): PartitionReader {
    const { directory, offsets } = this
    return new PartitionReader({ disk: this.#disk, directory, stream, partition, offsets, verify: false })
  }

  /** True once the log refuses work: closed, or failed. */
  get stopped(): boolean {
    return this.#stopped !== null
  }

  /** False while a full disk keeps committed batches from the segments. */
  get caughtUp(): boolean {
    return this.#backlog.isEmpty
  }

  /** In order of creation. */
  streams(): StreamInfo[] {
    return this.#state.streams.map((stream) => stream.info)
  }

  stream(name: string): StreamInfo | undefined {
    return this.#state.byName.get(name)?.info
  }

  /**
   * Makes a stream, durably; gives the one there is when it is the same. Throws ERR_STREAM_MISMATCH, ERR_STREAM_NAME,
   * ERR_TOO_MANY_PARTITIONS, ERR_DISK_FULL (nothing was made).
   */
  createStream(spec: StreamSpec): StreamInfo {
    this.#check()
    const known = checkStream(this.#state, spec, this.offsets.slots)
    if (known !== null) return known
    const { name, partitions, kind, retentionMs, retentionBytes, meta } = spec
    const id = this.#state.streams.length
    const info: StreamInfo = { name, partitions, kind, retentionMs, retentionBytes, meta, id, slot: this.#state.slots }
    this.#record(ENTRY.stream, writeStream, info)
    this.#state.addStream(info)
    return info
  }

  /**
   * Makes the caller the producer's owner: its epoch grows by one, durably, so that commits of all earlier owners are
   * fenced. Throws ERR_DISK_FULL with nothing changed.
   */
  claim(producer: string, meta: string): ProducerState {
    this.#check()
    const claim = { producer, epoch: (this.#state.producers.get(producer)?.epoch ?? 0) + 1, meta }
    this.#record(ENTRY.claim, writeClaim, claim)
    return producerState(this.#state.claim(claim))
  }

  producer(name: string): ProducerState | undefined {
    const entry = this.#state.producers.get(name)
    return entry === undefined ? undefined : producerState(entry)
  }

  producers(): ProducerState[] {
    return [...this.#state.producers.values()].map(producerState)
  }

  /**
   * Commits a group: one write and one sync of the journal; then segments are written and ends published. Results are in
   * the order of the group. The log owns the arrays of the transactions from here on (base offsets are written into the
   * batches). A full disk makes results `failed` with ERR_DISK_FULL and leaves nothing behind; commits succeed again once
   * there is room. Throws only what ends the log (ERR_DISK_IO and the like): the outcome is then what recovery finds.
   */
  commit(group: readonly Transaction[]): CommitResult[] {
    if (!this.catchUp()) return group.map((transaction) => failed(transaction, noRoom(this.directory)))
    return this.#guarded(() => this.#commit(group))
  }

  #commit(group: readonly Transaction[]): CommitResult[] {
    this.#rotateWhenDue()
    const plan = planGroup(this.#state, group, this.#segmentMaxBytes)
    if (plan.accepted.length > 0) {
      this.#failpoint?.('journal-before-write')
      const full = this.#journalGroup(plan)
      if (full !== null) return group.map((transaction, i) => plan.results[i] ?? failed(transaction, full))
      this.#failpoint?.('journal-before-sync')
      if (this.#fsync !== 'never') this.#journal.sync()
      this.#failpoint?.('journal-after-sync')
      this.#backlog.add(plan.accepted)
      this.#settle()
    }
    return group.map(({ producer, id }, i) => plan.results[i] ?? { producer, id, outcome: 'committed', error: null })
  }

  /** Writes the group to the journal and takes it into the state. Returns ERR_DISK_FULL, or null when it is done. */
  #journalGroup(plan: GroupPlan): TidemarkError | null {
    const journal = this.#journal
    journal.begin(plan.sizeBytes)
    const places = plan.accepted.map((transaction) => journal.add(ENTRY.transaction, writeTransaction, transaction))
    try {
      journal.write(this.#failpoint === null ? null : () => this.#failpoint?.('journal-torn-write'))
    } catch (error) {
      if (isTidemarkError(error, 'ERR_DISK_FULL')) return error
      throw error
    }
    const file = journal.current
    for (const [i, transaction] of plan.accepted.entries()) {
      const place = places[i] as (typeof places)[number]
      this.#state.commit(transaction, { journal: file.number, ...place })
      if (transaction.delta !== null) file.deltas.set(transaction.producer, transaction.id)
      for (const append of transaction.appends) {
        file.segments.add(this.#segments.path(append.target, append.segmentBase))
        this.#appendedBytes += append.sizeBytes
      }
    }
    this.#groups++
    this.#transactions += plan.accepted.length
    return null
  }

  /** Writes the backlog to the segments and publishes the ends; false when the disk is full. */
  #settle(): boolean {
    const failpoint = this.#failpoint
    const written = this.#backlog.write(failpoint === null ? null : () => failpoint('segments-partial'))
    if (written === null) return false
    failpoint?.('segments-after-write')
    if (this.#fsync === 'always') {
      this.#segments.sync(written.map((append) => this.#segments.path(append.target, append.segmentBase)))
    }
    failpoint?.('before-publish')
    for (const append of written) this.offsets.setEnd(append.target.slot, append.end)
    failpoint?.('after-publish')
    for (const append of written) if (append.position === 0) this.#sealBefore(append)
    return true
  }

  #sealBefore(append: PlannedAppend): void {
    const { segments } = append.target
    const previous = segments[segments.findLastIndex((segment) => segment.base === append.segmentBase) - 1]
    if (previous !== undefined) this.#segments.seal(append.target, previous.base, previous.sizeBytes)
  }

  /**
   * Writes what a full disk kept from the segments. True when nothing is left; while false, commits fail with
   * ERR_DISK_FULL and the last group, which is committed, is not visible yet.
   */
  catchUp(): boolean {
    this.#check()
    return this.#backlog.isEmpty || this.#guarded(() => this.#settle())
  }

  /**
   * The producer's committed deltas with ids above `afterId`, in order. Throws ERR_DELTAS_GONE when the journal has
   * dropped one (the producer had said that it is flushed), ERR_LOG_CORRUPT when one is damaged.
   */
  deltas(producer: string, afterId: number): StoredDelta[] {
    this.#check()
    const entry = this.#state.producers.get(producer)
    return entry === undefined ? [] : readDeltas(this.#disk, this.directory, entry, afterId)
  }

  /** State files durably hold the producer's deltas up to `id`: the journal may forget them, and does when it can. */
  flushed(producer: string, id: number): void {
    this.#check()
    const known = this.#state.producers.get(producer)
    invariant(known !== undefined && id <= known.id, `"${producer}" has committed the checkpoint ${id} that it flushed`)
    this.#state.setFlushed(producer, id)
    this.#guarded(() => this.#reclaim())
  }

  /** While the journal is over its budget: the producers whose deltas keep its older files. */
  flushWanted(): string[] {
    if (this.#journal.totalBytes <= this.#journalMaxBytes) return []
    const wanted = new Set<string>()
    for (const file of this.#journal.files.slice(0, -1)) {
      for (const [producer, id] of file.deltas) if (!this.#isFlushed(producer, id)) wanted.add(producer)
    }
    return [...wanted]
  }

  #isFlushed(producer: string, id: number): boolean {
    return (this.#state.producers.get(producer)?.flushedId ?? 0) >= id
  }

  /**
   * Drops whole segments of an intermediate stream's partition that lie before the offset; the one that still grows too,
   * if it is large and nothing in it lies behind the offset.
   */
  trim(stream: number, partition: number, beforeOffset: number): void {
    this.#check()
    const target = this.#state.partition(stream, partition)
    if (target === undefined) throw unknownPartition(stream, partition)
    invariant(target.stream.kind === 'intermediate', `"${target.stream.name}" is trimmed by retention only`)
    this.#advanceStart(target, trimStart(target, beforeOffset, this.#trimOpenBytes))
  }

  /** Drops whole segments that the streams' retention does not keep. */
  applyRetention(): void {
    this.#check()
    const now = this.#clock.now()
    for (const stream of this.#state.streams) {
      if (stream.info.retentionMs === null && stream.info.retentionBytes === null) continue
      for (const partition of stream.partitions) this.#advanceStart(partition, retentionStart(partition, now))
    }
  }

  #advanceStart(partition: PartitionState, start: number): void {
    if (start < 0 || !this.#backlog.isEmpty) return
    const trim = { stream: partition.stream.id, partition: partition.partition, start }
    // Durable before a file goes: recovery takes a missing segment behind the start for damage.
    this.#record(ENTRY.trim, writeTrim, trim)
    const dropped = this.#state.trim(trim)
    this.offsets.setStart(partition.slot, start)
    this.#guarded(() => {
      for (const segment of dropped) this.#segments.remove(partition, segment.base)
    })
  }

  statistics(): LogStatistics {
    return {
      ...stateStatistics(this.#state, this.#journal.files),
      groups: this.#groups,
      transactions: this.#transactions,
      journalSyncs: this.#journal.syncs,
      appendedBytes: this.#appendedBytes,
    }
  }

  /** Closes files and releases the lock. With fsync `never`, what was committed is made durable first. */
  close(): void {
    if (this.#stopped === null) {
      this.catchUp()
      if (this.#fsync === 'never') this.#guarded(() => this.#journal.sync())
    } else if (this.#stopped.cause === null) {
      return
    }
    this.#stopped = { reason: 'was closed', cause: null }
    this.#journal.close()
    this.#segments.close()
    this.#lock?.release()
  }

  /** One entry, durable on return. */
  #record<T>(type: EntryType, write: (out: ByteWriter, value: T) => void, value: T): void {
    this.#guarded(() => {
      this.#journal.begin()
      this.#journal.add(type, write, value)
      this.#journal.write()
      this.#journal.sync()
    })
  }

  #rotateWhenDue(): void {
    const { sizeBytes, headBytes } = this.#journal.current
    if (sizeBytes - headBytes < this.#journalMaxBytes / JOURNAL_FILES_PER_BUDGET) return
    try {
      this.#journal.rotate(this.#state.snapshot())
    } catch (error) {
      // The old file serves on; the commit that follows finds out whether there is room for it.
      if (isTidemarkError(error, 'ERR_DISK_FULL')) return
      throw error
    }
    this.#reclaim()
  }

  /** Removes the oldest journal files whose deltas are flushed, after syncing the segments they could heal. */
  #reclaim(): void {
    const { files } = this.#journal
    let count = 0
    while (count < files.length - 1 && this.#allFlushed(files[count]?.deltas)) count++
    const first = files[count]
    if (count === 0 || first === undefined || !this.#backlog.isEmpty) return
    for (const file of files.slice(0, count)) this.#segments.sync(file.segments)
    const flushed = [...this.#state.producers.values()].filter((producer) => producer.flushedId > 0)
    const reclaim = { firstJournal: first.number, flushed }
    try {
      this.#record(ENTRY.reclaim, writeReclaim, reclaim)
    } catch (error) {
      // Tried again at the next rotation or flush.
      if (isTidemarkError(error, 'ERR_DISK_FULL')) return
      throw error
    }
    this.#state.reclaim(reclaim)
    this.#state.forgetBefore(first.number)
    this.#journal.removeBefore(first.number)
  }

  #allFlushed(deltas: ReadonlyMap<string, number> | undefined): boolean {
    if (deltas !== undefined) for (const [producer, id] of deltas) if (!this.#isFlushed(producer, id)) return false
    return true
  }

  #check(): void {
    if (this.#stopped === null) return
    const { reason, cause } = this.#stopped
    throw new TidemarkError('ERR_LOG_CLOSED', `the log in ${this.directory} ${reason}. Open it again.`, { cause })
  }

  /** Anything but a full disk, which every step leaves consistent, ends the log. */
  #guarded<T>(work: () => T): T {
    this.#check()
    try {
      return work()
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_DISK_FULL')) {
        const why = error instanceof Error ? error.message : String(error)
        this.#stopped ??= { reason: `failed before (${why})`, cause: error }
      }
      throw error
    }
  }
}

function failed({ producer, id }: Transaction, error: TidemarkError): CommitResult {
  return { producer, id, outcome: 'failed', error: toWireError(error) }
}

function noRoom(directory: string): TidemarkError {
  return new TidemarkError(
    'ERR_DISK_FULL',
    `there is no room in ${directory} for the streams' files. Free space; what is committed is kept in the journal.`,
    { details: { path: directory } },
  )
}

function unknownPartition(stream: number, partition: number): TidemarkError {
  return new TidemarkError('ERR_UNKNOWN_STREAM', `there is no partition ${partition} of stream number ${stream}.`)
}
