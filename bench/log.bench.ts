import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench, do_not_optimize, group } from 'mitata'
import { systemClock } from '../packages/tidemark/src/clock/clock.ts'
import type { Disk } from '../packages/tidemark/src/disk/disk.ts'
import { MemDisk } from '../packages/tidemark/src/disk/mem-disk.ts'
import { nodeDisk } from '../packages/tidemark/src/disk/node-disk.ts'
import { BatchEncoder } from '../packages/tidemark/src/log/batch-encoder.ts'
import { EmbeddedLog } from '../packages/tidemark/src/log/embedded/embedded-log.ts'
import type { FsyncPolicy } from '../packages/tidemark/src/log/embedded/options.ts'
import { PartitionReader } from '../packages/tidemark/src/log/embedded/partition-reader.ts'
import type { StreamInfo, Transaction } from '../packages/tidemark/src/log/types.ts'

const BATCH_RECORDS = 1000
const VALUE_BYTES = 100
const READ_BATCHES = 200
const READ_BYTES = 1024 * 1024
const SEGMENT_BYTES = 8 * 1024 * 1024

interface Opened {
  readonly log: EmbeddedLog
  readonly stream: StreamInfo
  readonly batch: Uint8Array
}

function encodeBatch(): Uint8Array {
  const encoder = new BatchEncoder(256 * 1024)
  const value = new Uint8Array(VALUE_BYTES).fill(120)
  for (let i = 0; i < BATCH_RECORDS; i++) encoder.append(i, null, 0, 0, value, 0, value.length, null)
  return encoder.finish()
}

function openLog(disk: Disk, directory: string, fsync: FsyncPolicy): Opened {
  const log = EmbeddedLog.open({
    disk,
    directory,
    job: 'bench',
    clock: systemClock,
    fsync,
    segmentMaxBytes: SEGMENT_BYTES,
  })
  const spec = {
    name: 's',
    partitions: 1,
    kind: 'intermediate',
    retentionMs: null,
    retentionBytes: null,
    meta: '',
  } as const
  const stream = log.createStream(spec)
  log.claim('p', '')
  return { log, stream, batch: encodeBatch() }
}

/** Commits one batch, and drops old segments now and then so that the disk does not fill. */
function append({ log, stream, batch }: Opened, state: { id: number }): void {
  const transaction: Transaction = {
    producer: 'p',
    epoch: 1,
    id: ++state.id,
    appends: [{ stream: stream.id, partition: 0, bytes: batch }],
    delta: null,
    checkpoint: new Uint8Array(16),
  }
  const [result] = log.commit([transaction])
  if (result?.outcome !== 'committed') throw new Error(JSON.stringify(result))
  if (state.id % 500 === 0) log.trim(stream.id, 0, log.offsets.end(stream.slot))
}

function readAll(reader: PartitionReader): number {
  let bytes = 0
  reader.seek(0)
  for (let read = reader.read(READ_BYTES); read !== null; read = reader.read(READ_BYTES)) bytes += read.bytes.length
  return bytes
}

/** Registers the benchmarks of the embedded log: commits by disk and fsync policy, and reading. */
export function logBench(): void {
  const home = mkdtempSync(join(tmpdir(), 'tidemark-bench-log-'))
  process.on('exit', () => rmSync(home, { recursive: true, force: true }))
  group(`log: commit one batch of ${BATCH_RECORDS} records of ${VALUE_BYTES} B`, () => {
    for (const fsync of ['never', 'commit', 'always'] as const) {
      const opened = openLog(nodeDisk, join(home, fsync), fsync)
      const state = { id: 0 }
      bench(`disk, fsync ${fsync}`, () => append(opened, state))
    }
    const opened = openLog(new MemDisk({ tracked: false }), '/log', 'commit')
    const state = { id: 0 }
    bench('memory', () => append(opened, state))
  })
  group(`log: read ${READ_BATCHES} batches of ${BATCH_RECORDS} records from the page cache`, () => {
    const directory = join(home, 'read')
    const opened = openLog(nodeDisk, directory, 'never')
    const state = { id: 0 }
    for (let i = 0; i < READ_BATCHES; i++) append(opened, state)
    const { stream, log } = opened
    for (const verify of [true, false]) {
      const reader = new PartitionReader({
        disk: nodeDisk,
        directory,
        stream,
        partition: 0,
        offsets: log.offsets,
        verify,
      })
      bench(verify ? 'with CRC' : 'without CRC', () => do_not_optimize(readAll(reader)))
    }
  })
}
