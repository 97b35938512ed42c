import { join } from 'node:path'
import { kafka } from '@tidemark/kafka'
import { type App, type Job, type RunOptions, run, type StoreDef, type Summary } from 'tidemark'
import { RecordCursor } from 'tidemark/system'
import { nodeDisk } from '../../../tidemark/src/disk/node-disk.ts'
import { openDataDir } from '../../../tidemark/src/ops/data-dir.ts'
import type { DumpedRecord } from '../java/java-peer.ts'
import type { SumsBroker } from './support.ts'

export type SystemName = 'embedded' | 'kafka'

/** Runs a job on one of the two systems, in a data directory of its own. */
export function runOn(system: SystemName, broker: SumsBroker, job: Job | URL, options: RunOptions): Promise<App> {
  const name = `${system}-${options.dataDir ?? 'data'}`
  return run(job, {
    ...options,
    dataDir: join(broker.root, name),
    ...(system === 'kafka' ? { system: kafka({ brokers: [broker.server.brokers] }) } : {}),
  })
}

/** Everything about the records of a stream but their offsets, which markers of transactions take some of on Kafka. */
export async function recordsOf(
  system: SystemName,
  broker: SumsBroker,
  dataDir: string,
  stream: string,
): Promise<string[]> {
  const records =
    system === 'kafka'
      ? await broker.peer.dump(stream)
      : embeddedRecords(join(broker.root, `embedded-${dataDir}`), stream)
  return records.map(({ partition, timestamp, key, value, headers }) => {
    const named = headers.map(([name, bytes]) => `${name}=${hex(bytes)}`)
    return `${partition} ${timestamp} ${hex(key)} ${hex(value)} ${named.join(',')}`
  })
}

function embeddedRecords(dataDir: string, name: string): Omit<DumpedRecord, 'offset'>[] {
  const { view } = openDataDir(dataDir, nodeDisk)
  const stream = view.stream(name)
  if (stream === undefined) throw new Error(`there is no stream ${name}`)
  const found: Omit<DumpedRecord, 'offset'>[] = []
  const cursor = new RecordCursor()
  const part = (start: number, end: number): Buffer | null =>
    end < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end))
  for (let partition = 0; partition < stream.partitions; partition++) {
    const reader = view.reader(stream, partition)
    for (let read = reader.read(1 << 20); read !== null; read = reader.read(1 << 20)) {
      cursor.reset(read.bytes)
      while (cursor.nextBatch()) {
        while (cursor.next()) {
          found.push({
            partition,
            timestamp: cursor.timestamp,
            key: part(cursor.keyStart, cursor.keyEnd),
            value: part(cursor.valueStart, cursor.valueEnd),
            headers: cursor.headers().map(([header, value]) => [header, value === null ? null : Buffer.from(value)]),
          })
        }
      }
    }
    reader.close()
  }
  return found
}

/** The entries of a store, committed, as a run finds them that has nothing else to do. */
export async function stateOf(
  system: SystemName,
  broker: SumsBroker,
  job: Job | URL,
  dataDir: string,
  stores: readonly StoreDef[],
): Promise<string[]> {
  const app = await runOn(system, broker, job, { dataDir })
  const lines: string[] = []
  for (const store of stores) {
    const reader = app.store(store as never) as unknown as { scan(): AsyncIterable<unknown> }
    const entries: string[] = []
    for await (const entry of reader.scan()) entries.push(`${store.name} ${JSON.stringify(entry)}`)
    lines.push(...entries.toSorted())
  }
  await app.drain()
  return lines
}

export async function runToEnd(
  system: SystemName,
  broker: SumsBroker,
  job: Job | URL,
  options: RunOptions,
): Promise<Summary> {
  return (await runOn(system, broker, job, options)).done
}

function hex(bytes: Buffer | null): string {
  return bytes === null ? 'null' : bytes.toString('hex')
}
