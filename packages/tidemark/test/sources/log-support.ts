import type { StreamDef } from '../../src/api/stream.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import type { Disk } from '../../src/disk/disk.ts'
import { EmbeddedLog } from '../../src/log/embedded/embedded-log.ts'
import { PartitionReader } from '../../src/log/embedded/partition-reader.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import type { CommitResult, LogPort, OffsetsView, StreamInfo, StreamReader, Transaction } from '../../src/log/types.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { GeneratorSource } from '../../src/sources/generator-source.ts'
import { Ingest, type IngestEnd, type IngestOptions, sourceProducer } from '../../src/sources/ingest.ts'
import type { RowSource } from '../../src/sources/row-source.ts'
import { noWait } from './support.ts'

export const DATA = '/data'

/** An embedded log's port on this thread, which can hold commits back (`held`) and make some fail (`outcomes`). */
export class TestPort implements LogPort {
  readonly directory: string
  readonly offsets: OffsetsView
  readonly log: EmbeddedLog
  held = false
  /** Outcomes of the next commits instead of committing them; null commits. */
  outcomes: (Pick<CommitResult, 'outcome' | 'error'> | null)[] = []
  readonly seen: Transaction[] = []
  mostWaiting = 0
  readonly #waiting: { transaction: Transaction; done: (result: CommitResult) => void }[] = []
  readonly #listeners: (() => void)[] = []

  reader(stream: StreamInfo, partition: number): StreamReader {
    return this.log.reader(stream, partition)
  }

  close(): void {}

  constructor(log: EmbeddedLog) {
    this.log = log
    this.directory = log.directory
    this.offsets = log.offsets
  }

  commit(transaction: Transaction, done: (result: CommitResult) => void): void {
    this.seen.push(transaction)
    this.#waiting.push({ transaction, done })
    this.mostWaiting = Math.max(this.mostWaiting, this.#waiting.length)
    if (!this.held) this.pump()
  }

  /** Commits all that waits as one group. */
  pump(): number {
    const waiting = this.#waiting.splice(0)
    const forced = waiting.map(() => this.outcomes.shift() ?? null)
    const results = this.log.commit(waiting.filter((_, i) => forced[i] === null).map(({ transaction }) => transaction))
    for (const [i, { transaction, done }] of waiting.entries()) {
      const { producer, id } = transaction
      const outcome = forced[i] ?? null
      done(outcome === null ? (results.shift() as CommitResult) : { producer, id, ...outcome })
    }
    for (const listener of this.#listeners) listener()
    return waiting.length
  }

  flushed(): void {}

  onAdvanced(listener: () => void): void {
    this.#listeners.push(listener)
  }

  onFlushWanted(): void {}
}

export function openLog(disk: Disk, segmentMaxBytes = 1_000_000): EmbeddedLog {
  const clock = new ManualClock()
  return EmbeddedLog.open({ disk, directory: DATA, job: 'test', clock, lock: false, segmentMaxBytes })
}

export function makeStream(
  log: EmbeddedLog,
  name: string,
  partitions = 4,
  kind: StreamInfo['kind'] = 'user',
): StreamInfo {
  return log.createStream({ name, partitions, kind, retentionMs: null, retentionBytes: null, meta: '{}' })
}

/** A stream of JSON values, as `stream()` makes it. */
export function jsonStream(name: string, more: Partial<StreamDef<unknown, unknown>> = {}): StreamDef<unknown, unknown> {
  const key = string() as unknown as StreamDef<unknown, unknown>['key']
  return {
    kind: 'stream',
    partitioner: 'murmur2',
    name,
    key,
    value: json(),
    time: null,
    partitions: null,
    retentionMs: null,
    outOfOrderMs: 0,
    ...more,
  }
}

export interface StoredRecord {
  readonly key: string | null
  readonly value: string
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
}

export function readersOf(disk: Disk, info: StreamInfo, offsets: OffsetsView): PartitionReader[] {
  return Array.from(
    { length: info.partitions },
    (_, partition) => new PartitionReader({ disk, directory: DATA, stream: info, partition, offsets }),
  )
}

/** All records of a stream, by partition, in order. */
export function recordsOf(disk: Disk, log: EmbeddedLog, info: StreamInfo): StoredRecord[][] {
  const cursor = new RecordCursor()
  const text = (from: number, to: number): string => Buffer.from(cursor.bytes.subarray(from, to)).toString()
  return readersOf(disk, info, log.offsets).map((reader) => {
    const records: StoredRecord[] = []
    for (let batches = reader.read(65_536); batches !== null; batches = reader.read(65_536)) {
      cursor.reset(batches.bytes)
      while (cursor.nextBatch()) {
        while (cursor.next()) {
          const headers = cursor.headers().map(([name, bytes]) => [name, Buffer.from(bytes ?? []).toString()] as const)
          records.push({
            key: cursor.keyEnd < 0 ? null : text(cursor.keyStart, cursor.keyEnd),
            value: text(cursor.valueStart, cursor.valueEnd),
            timestamp: cursor.timestamp,
            headers: Object.fromEntries(headers),
          })
        }
      }
    }
    reader.close()
    return records
  })
}

/** An ingest of a source into a stream, with the producer claimed. */
export function makeIngest(
  port: TestPort,
  info: StreamInfo,
  source: RowSource,
  options: Partial<IngestOptions> = {},
): Ingest {
  const producer = port.log.claim(sourceProducer(info.name, source.name), '{}')
  const clock = new ManualClock(1_000)
  return new Ingest({
    log: port,
    stream: jsonStream(info.name),
    info,
    source,
    producer,
    clock,
    waiter: noWait,
    ...options,
  })
}

/** Puts values into a stream. */
export function fill(port: TestPort, info: StreamInfo, name: string, values: readonly unknown[]): Promise<IngestEnd> {
  const rows = values.map((value) => ({ value, key: `k${JSON.stringify(value)}` }))
  return makeIngest(port, info, new GeneratorSource({ name, rows, count: rows.length })).run()
}
