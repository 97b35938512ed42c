import { type Disk, type DiskFile } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { batchSizeBytes, HEADER_BYTES, LENGTH_PREFIX_BYTES, MAGIC, magic } from './batch-header.ts'
import { ReadCommittedFilter, TransactionScan } from './read-committed.ts'
import { RecordCursor } from './record-cursor.ts'

/** A record as `tidemark log dump --json` prints it; bytes in base64, null where the record has null. */
export interface DumpedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [name: string, value: string | null])[]
}

export interface DumpOptions {
  /** True: only what a read-committed reader sees. Default: every data record, of aborted and open transactions too. */
  readonly committed?: boolean
}

const CHUNK_BYTES = 1024 * 1024

/** Whole batches in bytes[0, end), the first of them at byte `position` of the file. */
interface Chunk {
  readonly bytes: Uint8Array
  readonly end: number
  readonly position: number
}

/**
 * The data records of a segment's bytes (record batches back to back), in order. Throws ERR_BATCH_CORRUPT at damage and
 * where the bytes end inside a batch (after the records before it), ERR_CODEC_UNSUPPORTED for snappy and lz4 that nobody registered.
 */
export function dumpRecords(bytes: Uint8Array, options: DumpOptions = {}): Generator<DumpedRecord, void, void> {
  return dumpChunks(() => [{ bytes, end: bytes.length, position: 0 }], options)
}

/**
 * As `dumpRecords`, of a file and in bounded memory: 1 MiB, or the largest batch. With `committed` the file is read
 * twice. Also throws what Disk throws.
 */
export function* dumpFile(disk: Disk, path: string, options: DumpOptions = {}): Generator<DumpedRecord, void, void> {
  const file = disk.open(path, 'read')
  try {
    yield* dumpChunks(() => readChunks(file), options)
  } finally {
    file.close()
  }
}

/**
 * False for a file of another kind: it is not empty, and its first bytes are not those of a batch. A file with the name of
 * a segment is taken for one, whatever damage it has.
 */
export function beginsWithBatch(disk: Disk, path: string): boolean {
  if (/(?:^|[\\/])\d{20}\.log$/.test(path)) return true
  const file = disk.open(path, 'read')
  try {
    const head = new Uint8Array(HEADER_BYTES)
    const length = readFully(file, head, 0)
    if (length === 0) return true
    return length === HEADER_BYTES && magic(head, 0) === MAGIC && batchSizeBytes(head, 0) >= HEADER_BYTES
  } finally {
    file.close()
  }
}

function* dumpChunks(chunks: () => Iterable<Chunk>, options: DumpOptions): Generator<DumpedRecord, void, void> {
  const filter = new ReadCommittedFilter()
  let stopAt = Number.POSITIVE_INFINITY
  if (options.committed === true) {
    const scan = new TransactionScan()
    for (const cursor of batches(chunks())) scan.visit(cursor)
    const { aborted, lastStableOffset } = scan.summary()
    filter.reset(aborted)
    stopAt = lastStableOffset
  }
  for (const cursor of batches(chunks())) {
    if (cursor.baseOffset >= stopAt) return
    // With no aborted transactions the filter drops control batches only.
    if (filter.accepts(cursor)) while (cursor.next()) yield dumped(cursor)
  }
}

/** Gives the same cursor for each batch in turn. */
function* batches(chunks: Iterable<Chunk>): Generator<RecordCursor, void, void> {
  const cursor = new RecordCursor()
  for (const { bytes, end, position } of chunks) {
    cursor.reset(bytes, 0, end, position)
    while (cursor.nextBatch()) yield cursor
    if (cursor.incomplete) {
      const at = position + cursor.batchEnd
      throw new TidemarkError(
        'ERR_BATCH_CORRUPT',
        `the data ends inside the record batch at byte ${at}: the file was cut, or is still being written`,
        { details: { position: at } },
      )
    }
  }
}

function dumped(cursor: RecordCursor): DumpedRecord {
  const { bytes, offset, timestamp, keyStart, keyEnd, valueStart, valueEnd } = cursor
  return {
    offset,
    timestamp,
    key: keyEnd < 0 ? null : base64(bytes.subarray(keyStart, keyEnd)),
    value: valueEnd < 0 ? null : base64(bytes.subarray(valueStart, valueEnd)),
    headers: cursor
      .rawHeaders()
      .map((header) => [base64(header.name), header.value === null ? null : base64(header.value)]),
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

/** Cuts a file into chunks of whole batches; the last chunk also has what is left of a cut one. */
function* readChunks(file: DiskFile): Generator<Chunk, void, void> {
  const size = file.size()
  let buffer = new Uint8Array(Math.min(CHUNK_BYTES, size))
  let position = 0
  while (position < size) {
    const length = readFully(file, buffer, position)
    const end = position + length >= size ? length : wholeBatches(buffer, length)
    if (end > 0) {
      yield { bytes: buffer, end, position }
      position += end
    } else {
      // One batch is larger than the buffer; a length beyond the file is damage, which the cursor will report.
      const needed = Math.min(Math.max(batchSizeBytes(buffer, 0), buffer.length * 2), size - position)
      buffer = new Uint8Array(needed)
    }
  }
}

/** Fills the buffer from `position` as far as the file goes. */
function readFully(file: DiskFile, buffer: Uint8Array, position: number): number {
  let done = 0
  while (done < buffer.length) {
    const count = file.read(buffer, done, buffer.length - done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Where the last whole batch in bytes[0, length) ends; `length` if a header is damaged, for the cursor to report. */
function wholeBatches(bytes: Uint8Array, length: number): number {
  let at = 0
  while (at + LENGTH_PREFIX_BYTES <= length) {
    const size = batchSizeBytes(bytes, at)
    if (size <= LENGTH_PREFIX_BYTES) return length
    if (at + size > length) break
    at += size
  }
  return at
}
