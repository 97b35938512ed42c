import { RecordCursor, type StoredDelta, type StreamReader, TidemarkError } from 'tidemark/system'
import { type CommitRecord, decodeCommit } from '../state/commit-record.ts'
import { type CollectedCommit, DeltaCollector } from '../state/delta-collector.ts'

/** What a reader of a partition is read by: its batches as they come, and a way to wait for more. */
export interface PartitionSource {
  readonly reader: StreamReader
  /** Settles when more may have come; rejects when nothing more will. */
  more(): Promise<void>
}

/** What the state partition of a task tells. */
export interface TaskHistory {
  /** Null: no owner has ever claimed it. */
  readonly last: CommitRecord | null
  /** Of the commits behind where reading began. */
  readonly deltas: readonly StoredDelta[]
  /** The offset of the last commit record. */
  readonly at: number
  readonly records: number
  readonly bytes: number
}

const READ_BYTES = 4 * 1024 * 1024

/**
 * Reads a state partition from `from` up to `end` (its last stable offset), read committed. `previous`: what the reader's
 * state has. ERR_STATE_CORRUPT when something else is in it, or a commit is incomplete.
 */
export async function readHistory(
  where: string,
  source: PartitionSource,
  range: { readonly from: number; readonly end: number; readonly previous: number },
): Promise<TaskHistory> {
  const collector = new DeltaCollector(where, range.previous)
  const cursor = new RecordCursor()
  const deltas: StoredDelta[] = []
  let last: CollectedCommit | null = null
  let position = range.from
  let records = 0
  let bytes = 0
  source.reader.seek(position)
  while (position < range.end) {
    const read = source.reader.read(READ_BYTES)
    if (read === null) {
      await source.more()
      continue
    }
    bytes += read.bytes.length
    cursor.reset(read.bytes)
    while (cursor.nextBatch()) {
      while (cursor.next()) {
        if (cursor.offset < position || cursor.offset >= range.end) continue
        records++
        const commit = collector.take(cursor)
        if (commit === null) continue
        last = commit
        if (commit.delta !== null) deltas.push(commit.delta)
      }
    }
    position = read.end
  }
  if (collector.open > 0) {
    throw new TidemarkError(
      'ERR_STATE_CORRUPT',
      `${where} ends with ${collector.open} entries that no commit record follows. Was something else written to it?`,
    )
  }
  return { last: last?.record ?? null, deltas, at: last?.at ?? range.from, records, bytes }
}

/** The last commit record with a key, wherever in the range it stands; null if there is none. */
export async function readLastCommit(
  where: string,
  source: PartitionSource,
  range: { readonly from: number; readonly end: number },
  key: Uint8Array,
): Promise<{ readonly record: CommitRecord; readonly at: number } | null> {
  const cursor = new RecordCursor()
  const wanted = Buffer.from(key)
  let last: { readonly record: CommitRecord; readonly at: number } | null = null
  let position = range.from
  source.reader.seek(position)
  while (position < range.end) {
    const read = source.reader.read(READ_BYTES)
    if (read === null) {
      await source.more()
      continue
    }
    cursor.reset(read.bytes)
    while (cursor.nextBatch()) {
      while (cursor.next()) {
        const { keyStart, keyEnd, valueStart, valueEnd, offset, bytes } = cursor
        if (keyEnd < 0 || valueEnd < 0 || !wanted.equals(bytes.subarray(keyStart, keyEnd))) continue
        last = { record: decodeCommit(bytes, valueStart, valueEnd, `${where}, offset ${offset}`), at: offset }
      }
    }
    position = read.end
  }
  return last
}
