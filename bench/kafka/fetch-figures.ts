/**
 * Reads a topic of 4 M records of about 110 bytes (4 partitions) through Fetcher and RecordCursor; prints records/s and CPU.
 * Starts a broker of its own. node bench/kafka/fetch-figures.ts [records]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchEncoder, RecordCursor, systemClock } from 'tidemark/system'
import { KafkaServer } from '../../scripts/lib/services/kafka.ts'
import { connect, fetcher, makeTopic, write } from '../../packages/kafka/test/fetch/support.ts'

const RECORDS = Number(process.argv[2] ?? 4_000_000)
const PARTITIONS = 4
const PER_BATCH = 150
const READ_BYTES = 256 * 1024

const directory = mkdtempSync(join(tmpdir(), 'tidemark-fetch-bench-'))
const server = await KafkaServer.start(directory, { jvm: ['-Xms512m', '-Xmx1g'] })
const cluster = await connect(server.brokers)
await makeTopic(cluster, 'in', PARTITIONS)
const value = new Uint8Array(90).fill(120)
const key = new Uint8Array(8).fill(107)
const batches = RECORDS / PER_BATCH
for (let i = 0; i < batches; i += 8) {
  const writes: Promise<number>[] = []
  for (let j = i; j < Math.min(batches, i + 8); j++) {
    const encoder = new BatchEncoder(32 * 1024)
    for (let k = 0; k < PER_BATCH; k++) encoder.append(systemClock.now(), key, 0, 8, value, 0, 90, null)
    writes.push(write(cluster, 'in', j % PARTITIONS, encoder.finish()))
  }
  await Promise.all(writes)
}

async function round(): Promise<void> {
  let wake = (): void => {}
  const source = fetcher(cluster, { onData: () => wake() })
  const readers = Array.from({ length: PARTITIONS }, (_, p) => source.reader('in', p))
  const cursor = new RecordCursor()
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (const reader of readers) reader.seek(0)
  let count = 0
  let bytes = 0
  const expected = Math.ceil(batches) * PER_BATCH
  while (count < expected) {
    let any = false
    for (const reader of readers) {
      const read = reader.read(READ_BYTES)
      if (read === null) continue
      any = true
      bytes += read.bytes.length
      cursor.reset(read.bytes)
      while (cursor.nextBatch()) while (cursor.next()) count++
    }
    if (any) await new Promise((resolve) => setImmediate(resolve))
    else await new Promise<void>((resolve) => (wake = resolve))
  }
  const seconds = (performance.now() - start) / 1000
  const used = process.cpuUsage(cpu)
  const cpuSeconds = (used.user + used.system) / 1e6
  const perRecord = (n: number): string => `${((n * 1e9) / count).toFixed(0)} ns`
  console.log(
    `${(count / seconds / 1e6).toFixed(2)} M records/s wall (${perRecord(seconds)}), ${(count / cpuSeconds / 1e6).toFixed(2)} M ` +
      `per CPU second (${perRecord(cpuSeconds)}; system ${perRecord(used.system / 1e6)}), ${(bytes / count).toFixed(0)} B a record`,
  )
  source.close()
}

for (let i = 0; i < 5; i++) await round()
cluster.close()
await server.stop()
rmSync(directory, { recursive: true, force: true })
