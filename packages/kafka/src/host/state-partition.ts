import {
  dataShape,
  Generations,
  invariant,
  RecordCursor,
  type StateLoader,
  type StoreDescriptor,
  type StoredDelta,
  type StreamReader,
  TidemarkError,
} from 'tidemark/system'
import { type CommitRecord, decodeCommit } from '../state/commit-record.ts'
import { DeltaCollector } from '../state/delta-collector.ts'
import { readStateRecord } from '../state/state-record.ts'

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
}

/** Offsets [from, end). */
export interface OffsetRange {
  readonly from: number
  readonly end: number
}

const READ_BYTES = 4 * 1024 * 1024

/** Visits the committed records of a range in order, by a cursor that stands on each. */
export async function eachRecord(
  source: PartitionSource,
  range: OffsetRange,
  visit: (cursor: RecordCursor) => void,
  afterRead?: () => Promise<void> | null,
): Promise<void> {
  const cursor = new RecordCursor()
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
      while (cursor.next()) if (cursor.offset >= position && cursor.offset < range.end) visit(cursor)
    }
    position = read.end
    const waiting = afterRead?.() ?? null
    if (waiting !== null) await waiting
  }
}

/**
 * Loads the entries of a range that ends behind a commit record into the files of a task, which are the state of commit `id`
 * then. ERR_STATE_CORRUPT when something else is in it.
 */
export async function loadHistory(
  where: string,
  source: PartitionSource,
  range: OffsetRange,
  to: { readonly id: number; readonly stores: readonly StoreDescriptor[]; readonly loader: StateLoader },
): Promise<void> {
  const { id, loader } = to
  const { stores, names } = generationsOf(to.stores, loader.descriptors, where)
  await eachRecord(
    source,
    range,
    (cursor) => {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor
      let at = keyStart + 1
      let number = keyEnd > keyStart ? (bytes[keyStart] as number) : 0
      // Nearly all are entries of one of the first 127 stores: those cost no object.
      if (number === 0 || number >= 0x80) {
        const entry = readStateRecord(cursor, where)
        if (entry === null) return
        number = entry.store
        at = entry.keyStart
      }
      const store = names[number - 1]
      if (store === undefined) {
        throw new TidemarkError(
          'ERR_STATE_CORRUPT',
          `${where} has an entry of store ${number} at offset ${cursor.offset}, which the newest commit record does not know`,
        )
      }
      loader.add(store, bytes, at, keyEnd, valueEnd < 0 ? -1 : valueStart, valueEnd)
    },
    () => (loader.isFull ? loader.write(stores) : null),
  )
  await loader.finish(id, stores)
}

/**
 * Under which name a base keeps the entries of each store of the topic, and all that it keeps then: data of one shape each.
 * `written`: in the order of time, as the topic numbers them; `there`: what the base has already.
 */
function generationsOf(
  written: readonly StoreDescriptor[],
  there: readonly StoreDescriptor[],
  where: string,
): { readonly stores: readonly StoreDescriptor[]; readonly names: readonly string[] } {
  const generations = new Generations(there, where)
  for (const store of written) generations.add(store)
  const names = written.map((store) => {
    const kept = generations.of(generations.nameOf(store.name)).find((each) => dataShape(each) === dataShape(store))
    invariant(kept !== undefined, `there is a generation of store ${store.name} for each shape of its data`)
    return kept.name
  })
  return { stores: generations.stores().flatMap((store) => generations.of(store)), names }
}

/**
 * Reads a state partition from `from` up to `end` (its last stable offset), read committed. ERR_STATE_CORRUPT when something else is in it, or a commit is incomplete.
 */
export async function readHistory(where: string, source: PartitionSource, range: OffsetRange): Promise<TaskHistory> {
  const collector = new DeltaCollector(where)
  const deltas: StoredDelta[] = []
  let last: CommitRecord | null = null
  await eachRecord(source, range, (cursor) => {
    const commit = collector.take(cursor)
    if (commit === null) return
    last = commit.record
    if (commit.delta !== null) deltas.push(commit.delta)
  })
  if (collector.open > 0) {
    throw new TidemarkError(
      'ERR_STATE_CORRUPT',
      `${where} ends with ${collector.open} entries that no commit record follows. Was something else written to it?`,
    )
  }
  return { last, deltas }
}

/** A commit record, and its offset. */
export interface FoundCommit {
  readonly record: CommitRecord
  readonly at: number
}

/** The last commit record with a key, wherever in the range it stands; null if there is none. */
export async function readLastCommit(
  where: string,
  source: PartitionSource,
  range: OffsetRange,
  key: Uint8Array,
): Promise<FoundCommit | null> {
  const wanted = Buffer.from(key)
  let last: FoundCommit | null = null
  await eachRecord(source, range, ({ bytes, keyStart, keyEnd, valueStart, valueEnd, offset }) => {
    if (keyEnd < 0 || valueEnd < 0 || !wanted.equals(bytes.subarray(keyStart, keyEnd))) return
    last = { record: decodeCommit(bytes, valueStart, valueEnd, `${where}, offset ${offset}`), at: offset }
  })
  return last
}
