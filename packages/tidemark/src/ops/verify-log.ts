import { isTidemarkError, type TidemarkError } from '../errors/error.ts'
import type { StreamInfo } from '../log/types.ts'
import type { Finding } from '../lsm/finding.ts'
import type { DataDir } from './data-dir.ts'

const READ_BYTES = 1024 * 1024

export interface LogReport {
  readonly partitions: number
  /** Bytes of record batches. */
  readonly bytes: number
  readonly findings: readonly Finding[]
}

/**
 * Reads the journal and every published record batch, and checks their checksums. One step a generator's turn, each a
 * few ms at most; beside a running job too, which may trim streams meanwhile.
 */
export function* verifyLog(data: DataDir): Generator<void, LogReport> {
  const findings: Finding[] = []
  for (const { producer, id } of data.view.producers()) {
    yield
    try {
      data.view.deltas(producer, id)
    } catch (error) {
      // What the producer has flushed meanwhile is not needed any more.
      if (!isTidemarkError(error, 'ERR_DELTAS_GONE')) findings.push(findingOf(error, data.path))
    }
  }
  let bytes = 0
  let partitions = 0
  for (const stream of data.streams()) {
    for (let partition = 0; partition < stream.partitions; partition++) {
      const report = yield* verifyPartition(data, stream, partition)
      partitions++
      bytes += report.bytes
      if (report.finding !== null) findings.push(report.finding)
    }
  }
  return { partitions, bytes, findings: distinct(findings) }
}

function* verifyPartition(
  data: DataDir,
  stream: StreamInfo,
  partition: number,
): Generator<void, { readonly bytes: number; readonly finding: Finding | null }> {
  const reader = data.view.reader(stream, partition)
  const buffer = new Uint8Array(READ_BYTES)
  let bytes = 0
  try {
    for (;;) {
      try {
        const batches = reader.read(READ_BYTES, buffer)
        if (batches === null) return { bytes, finding: null }
        bytes += batches.bytes.length
      } catch (error) {
        if (!isTidemarkError(error, 'ERR_OFFSET_OUT_OF_RANGE')) return { bytes, finding: findingOf(error, data.path) }
        // Trimmed by the running job while it was read: goes on where the stream starts now.
        data.refresh()
        reader.seek(data.view.offsets.start(stream.slot + partition))
      }
      yield
    }
  } finally {
    reader.close()
  }
}

/** The error as a finding, with the file and the position that it names. Throws what says nothing of the data. */
export function findingOf(error: unknown, path: string): Finding {
  if (!isTidemarkError(error) || !SAYS_DAMAGE.has(error.code)) throw error
  const { position, store } = error.details
  return {
    kind: 'damage',
    file: fileOf(error) ?? path,
    position: typeof position === 'number' ? position : 0,
    store: typeof store === 'string' ? store : null,
    what: `${error.code}: ${error.message}`,
  }
}

const SAYS_DAMAGE: ReadonlySet<string> = new Set([
  'ERR_LOG_CORRUPT',
  'ERR_BATCH_CORRUPT',
  'ERR_STATE_CORRUPT',
  'ERR_STATE_AHEAD',
  'ERR_STATE_GAP',
  'ERR_STORE_MISMATCH',
  'ERR_CHECKPOINT_CORRUPT',
  'ERR_FORMAT_NEWER',
  'ERR_FORMAT_OLDER',
  'ERR_FILE_NOT_FOUND',
  'ERR_DISK_IO',
])

function fileOf(error: TidemarkError): string | null {
  const { file, path } = error.details
  return typeof file === 'string' ? file : typeof path === 'string' ? path : null
}

/** A damaged journal file is met once for each producer. */
function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [`${each.file} ${each.position} ${each.what}`, each])).values()]
}
