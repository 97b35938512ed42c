import type {
  ListedStream,
  PartitionBatches,
  StreamAppender,
  StreamPosition,
  StreamRange,
  StreamTools,
} from '../api/system-tools.ts'
import type { Clock } from '../clock/clock.ts'
import type { Disk } from '../disk/disk.ts'
import { TidemarkError } from '../errors/error.ts'
import { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import { partitionDirectory } from '../log/embedded/layout.ts'
import type { PartitionReader } from '../log/embedded/partition-reader.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { StreamInfo } from '../log/types.ts'
import { type DataDir, openDataDir } from './data-dir.ts'
import { partitionsOf } from './read-stream.ts'
import { streamSerdes } from './stream-meta.ts'
import { LogAppender } from './write-stream.ts'

const READ_BYTES = 1024 * 1024
const FOLLOW_MS = 100

export interface EmbeddedStreamsOptions {
  readonly disk: Disk
  readonly directory: string
  readonly clock: Clock
}

/** The streams of a data directory. Reading takes no lock and may go on beside a run; appending has the directory alone. */
export class EmbeddedStreams implements StreamTools {
  readonly #options: EmbeddedStreamsOptions
  readonly #data: DataDir

  /** What `openDataDir` throws. */
  constructor(options: EmbeddedStreamsOptions) {
    this.#options = options
    this.#data = openDataDir(options.directory, options.disk)
  }

  list(): Promise<readonly ListedStream[]> {
    return Promise.resolve(this.#data.streams().map((stream) => this.#listed(stream)))
  }

  serdes(stream: string): Promise<Pick<ListedStream, 'key' | 'value'>> {
    const { key, value } = streamSerdes(this.#data.stream(stream))
    return Promise.resolve({ key: key.name, value: value.name })
  }

  async *read(name: string, range: StreamRange): AsyncGenerator<PartitionBatches, void, void> {
    if (range.committed === false) {
      throw new TidemarkError('ERR_USAGE', 'the embedded log has committed records only: nothing else is ever in it')
    }
    const data = this.#data
    const stream = data.stream(name)
    const parts = partitionsOf(stream, range.partition).map((partition) => this.#part(stream, partition, range))
    try {
      for (;;) {
        for (const { reader, from, to } of parts) {
          while (reader.position < to) {
            const batches = reader.read(READ_BYTES)
            if (batches === null) break
            yield { partition: reader.partition, bytes: batches.bytes, from, to }
          }
        }
        if (range.follow !== true || parts.every(({ reader, to }) => reader.position >= to)) return
        await this.#options.clock.sleep(FOLLOW_MS)
        data.refresh()
      }
    } finally {
      for (const { reader } of parts) reader.close()
    }
  }

  appender(name: string): Promise<StreamAppender> {
    const { disk, directory, clock } = this.#options
    // Looked up read-only first: a wrong name is told without taking anything.
    const known = this.#data.stream(name)
    const log = EmbeddedLog.open({ disk, directory, job: null, clock })
    const stream = log.streams().find((each) => each.name === name) ?? known
    const appender = new LogAppender(log, stream)
    return Promise.resolve({
      partitions: stream.partitions,
      partitioner: streamSerdes(stream).partitioner,
      maxBatchBytes: Number.POSITIVE_INFINITY,
      append: async (batches) => appender.append(batches),
      close: async () => log.close(),
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #listed(stream: StreamInfo): ListedStream {
    const { name, kind, partitions, slot, retentionMs, retentionBytes } = stream
    const { offsets } = this.#data.view
    const { key, value } = streamSerdes(stream)
    return {
      name,
      kind,
      job: kind === 'user' ? null : this.#data.job,
      key: key.name,
      value: value.name,
      replicas: 1,
      cleanupPolicy: 'delete',
      retentionMs,
      retentionBytes,
      partitions: Array.from({ length: partitions }, (_, partition) => ({
        partition,
        start: offsets.start(slot + partition),
        end: offsets.end(slot + partition),
        sizeBytes: this.#sizeBytes(name, partition),
      })),
    }
  }

  #sizeBytes(stream: string, partition: number): number {
    const { disk, directory } = this.#options
    const place = partitionDirectory(directory, stream, partition)
    return disk
      .list(place)
      .filter((name) => name.endsWith('.log'))
      .reduce((sum, name) => sum + disk.size(`${place}/${name}`), 0)
  }

  #part(stream: StreamInfo, partition: number, range: StreamRange): Part {
    const { view } = this.#data
    const [start, end] = [view.offsets.start(stream.slot + partition), view.offsets.end(stream.slot + partition)]
    const reader = view.reader(stream, partition)
    const within = (offset: number): number => Math.max(start, Math.min(offset, end))
    const at = (place: StreamPosition): number => {
      return 'offset' in place ? place.offset : offsetAtTime(reader, place.timestampMs)
    }
    const { from, to } = range
    const first = from === undefined ? start : within(from === 'end' ? end : at(from))
    const last = to === undefined ? Number.POSITIVE_INFINITY : at(to)
    reader.seek(first)
    return { reader, from: first, to: range.follow === true ? last : Math.min(last, end) }
  }
}

interface Part {
  readonly reader: PartitionReader
  readonly from: number
  readonly to: number
}

/** The offset of the first record with this timestamp or a later one; the end if there is none. Moves the reader. */
function offsetAtTime(reader: PartitionReader, timestampMs: number): number {
  reader.seekToTime(timestampMs)
  const cursor = new RecordCursor()
  for (let batches = reader.read(READ_BYTES); batches !== null; batches = reader.read(READ_BYTES)) {
    cursor.reset(batches.bytes)
    while (cursor.nextBatch()) {
      while (cursor.next()) if (!cursor.isControl && cursor.timestamp >= timestampMs) return cursor.offset
    }
  }
  return reader.position
}
