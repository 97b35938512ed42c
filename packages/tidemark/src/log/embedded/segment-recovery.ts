import type { Disk, DiskFile } from '../../disk/disk.ts'
import { TidemarkError } from '../../errors/error.ts'
import { baseOffset, batchCrcValid, batchSizeBytes, HEADER_BYTES } from '../batch-header.ts'
import type { JournalFile } from './journal.ts'
import { journalPath, partitionDirectory, segmentBaseOf, segmentName } from './layout.ts'
import type { LogState, PartitionState } from './log-state.ts'
import type { AppendRecord, Segment } from './records.ts'
import { indexPaths, type SegmentFiles } from './segment-files.ts'
import { readIndex } from './sparse-index.ts'

/** An append whose batches are in a journal file, from byte `start`. */
export interface JournaledAppend extends AppendRecord {
  readonly journal: number
  readonly start: number
}

interface SegmentWork {
  readonly partition: PartitionState
  readonly segment: Segment
  readonly last: boolean
  readonly path: string
  readonly appends: JournaledAppend[]
  /** -1: there is no file. */
  actualBytes: number
}

/**
 * Compares segments with the journal. Bytes that the journal still has may be anything in a segment, which is written
 * without syncing; bytes before them were synced before their journal file was removed, and must be there.
 */
export class SegmentRecovery {
  readonly #disk: Disk
  readonly #directory: string
  readonly #segments: SegmentFiles
  readonly #work: SegmentWork[] = []
  /** Segments (or their indexes) that no partition has: trimmed ones, or begun by a transaction that was never durable. */
  readonly #strays: { readonly partition: PartitionState; readonly base: number }[] = []

  constructor(
    disk: Disk,
    directory: string,
    state: LogState,
    segments: SegmentFiles,
    appends: readonly JournaledAppend[],
  ) {
    this.#disk = disk
    this.#directory = directory
    this.#segments = segments
    const bySegment = new Map<string, SegmentWork>()
    for (const stream of state.streams) for (const partition of stream.partitions) this.#collect(partition, bySegment)
    for (const append of appends) {
      bySegment.get(`${append.stream}/${append.partition}/${append.segmentBase}`)?.appends.push(append)
    }
  }

  #collect(partition: PartitionState, bySegment: Map<string, SegmentWork>): void {
    const { stream, segments } = partition
    const directory = partitionDirectory(this.#directory, stream.name, partition.partition)
    const names = new Set(this.#disk.list(directory))
    const bases = new Set<number>()
    for (const name of names) {
      // An index may have outlived its segment.
      const base = segmentBaseOf(name.replace(/\.(?:index|timeindex)$/, '.log'))
      if (base !== null) bases.add(base)
    }
    for (const segment of segments) {
      bases.delete(segment.base)
      const name = segmentName(segment.base, 'log')
      const path = `${directory}/${name}`
      const actualBytes = names.has(name) ? this.#disk.size(path) : -1
      const work = { partition, segment, last: segment === segments.at(-1), path, appends: [], actualBytes }
      this.#work.push(work)
      bySegment.set(`${stream.id}/${partition.partition}/${segment.base}`, work)
    }
    for (const base of bases) this.#strays.push({ partition, base })
  }

  /**
   * Throws ERR_LOG_CORRUPT when committed bytes are gone. With `witnesses`, also as `checkEnd`.
   */
  check(options: { readonly witnesses: boolean }): void {
    for (const work of this.#work) {
      const needed = work.appends[0]?.position ?? work.segment.sizeBytes
      if (Math.max(0, work.actualBytes) < needed) throw tooShort(work, needed)
    }
    if (options.witnesses) this.checkEnd()
  }

  /**
   * Throws ERR_LOG_CORRUPT when a segment holds a valid batch right behind the last committed one: batches are written
   * only after their journal entry is durable, so the journal has lost its end.
   */
  checkEnd(): void {
    for (const { partition, segment, path, last } of this.#work) {
      if (last && this.#holdsBatch(path, segment.sizeBytes, partition.end)) throw lostEnd(partition, path)
    }
    for (const { partition, base } of this.#strays) {
      if (base !== partition.end) continue
      const directory = partitionDirectory(this.#directory, partition.stream.name, partition.partition)
      const path = `${directory}/${segmentName(base, 'log')}`
      if (this.#holdsBatch(path, 0, base)) throw lostEnd(partition, path)
    }
  }

  /** True if a whole and valid batch with base offset `offset` is at `position`. */
  #holdsBatch(path: string, position: number, offset: number): boolean {
    if (!this.#disk.exists(path)) return false
    const file = this.#disk.open(path, 'read')
    try {
      const rest = file.size() - position
      if (rest < HEADER_BYTES) return false
      const header = readExactly(file, position, HEADER_BYTES)
      const size = batchSizeBytes(header, 0)
      if (baseOffset(header, 0) !== offset || size < HEADER_BYTES || size > rest) return false
      return batchCrcValid(readExactly(file, position, size), 0, size)
    } finally {
      file.close()
    }
  }

  /**
   * Writes what is missing, cuts off what was never committed, removes strays, builds missing indexes. Tells each journal
   * file (by number) which segments have to be synced before it may go.
   */
  repair(files: ReadonlyMap<number, JournalFile>): void {
    const changed = new Set<string>()
    for (const { partition, base } of this.#strays) {
      this.#segments.remove(partition, base)
      changed.add(partitionDirectory(this.#directory, partition.stream.name, partition.partition))
    }
    // A stray that came back could bear false witness, like what is cut off below.
    for (const directory of changed) this.#disk.syncDirectory(directory)
    const journals = new Map<number, DiskFile>()
    try {
      for (const work of this.#work) {
        for (const append of work.appends) files.get(append.journal)?.segments.add(work.path)
        this.#rewrite(work, journals)
        this.#cut(work)
        if (!work.last) this.#index(work)
      }
    } finally {
      for (const file of journals.values()) file.close()
    }
  }

  #rewrite(work: SegmentWork, journals: Map<number, DiskFile>): void {
    if (work.appends.length === 0) return
    const { partition, segment } = work
    this.#segments.markDirty(work.path)
    this.#segments.markNames(partition)
    const file = this.#segments.file(partition, segment.base)
    for (const append of work.appends) {
      let journal = journals.get(append.journal)
      if (journal === undefined) {
        journal = this.#disk.open(journalPath(this.#directory, append.journal), 'read')
        journals.set(append.journal, journal)
      }
      const wanted = readExactly(journal, append.start, append.sizeBytes)
      const there = readExactly(file, append.position, append.sizeBytes)
      if (Buffer.compare(wanted, there) !== 0) this.#segments.write(partition, segment.base, wanted, append.position)
    }
  }

  #cut(work: SegmentWork): void {
    const { partition, segment } = work
    if (work.actualBytes <= segment.sizeBytes) return
    const file = this.#segments.file(partition, segment.base)
    file.truncate(segment.sizeBytes)
    // Else old batches could come back behind new ones of the same length, and bear false witness.
    file.sync()
  }

  #index(work: SegmentWork): void {
    const { partition, segment, path } = work
    const paths = indexPaths(path)
    // An old segment's index is only looked for: reading them all would make a start slower as the log grows.
    const fine =
      work.appends.length === 0
        ? this.#disk.exists(paths.index) && this.#disk.exists(paths.timeindex)
        : readIndex(this.#disk, paths, segment.base, segment.sizeBytes) !== null
    if (!fine) this.#segments.seal(partition, segment.base, segment.sizeBytes)
  }
}

/** Shorter than asked for at the end of the file. */
function readExactly(file: DiskFile, position: number, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let done = 0
  while (done < sizeBytes) {
    const count = file.read(bytes, done, sizeBytes - done, position + done)
    if (count === 0) return bytes.subarray(0, done)
    done += count
  }
  return bytes
}

function tooShort(work: SegmentWork, needed: number): TidemarkError {
  const { partition, segment, path, actualBytes } = work
  const has = actualBytes < 0 ? 'is missing' : `has ${actualBytes} bytes`
  return new TidemarkError(
    'ERR_LOG_CORRUPT',
    `${path} ${has}, but ${needed} bytes of it are committed: stream "${partition.stream.name}", partition ` +
      `${partition.partition}, offsets ${segment.base} to ${segment.end}. Nothing was changed. Restore it from a copy.`,
    { details: { file: path, stream: partition.stream.name, partition: partition.partition, offset: segment.base } },
  )
}

function lostEnd(partition: PartitionState, path: string): TidemarkError {
  return new TidemarkError(
    'ERR_LOG_CORRUPT',
    `${path} holds a batch at offset ${partition.end} of stream "${partition.stream.name}", partition ` +
      `${partition.partition}, that was committed, but the journal ends before it: the journal is damaged. Nothing was ` +
      'changed. Restore the data directory from a copy.',
    {
      details: { file: path, stream: partition.stream.name, partition: partition.partition, offset: partition.end },
    },
  )
}
