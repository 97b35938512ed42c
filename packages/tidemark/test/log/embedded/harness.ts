import assert from 'node:assert/strict'
import { ManualClock } from '../../../src/clock/clock.ts'
import { type Disk, readFile } from '../../../src/disk/disk.ts'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { isTidemarkError } from '../../../src/errors/error.ts'
import type { ErrorCode } from '../../../src/errors/table.ts'
import { BatchEncoder } from '../../../src/log/batch-encoder.ts'
import { dumpRecords } from '../../../src/log/dump.ts'
import { EmbeddedLog } from '../../../src/log/embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from '../../../src/log/embedded/options.ts'
import { PartitionReader } from '../../../src/log/embedded/partition-reader.ts'
import type { Append, OffsetsView, StreamInfo, StreamSpec, Transaction } from '../../../src/log/types.ts'

export const DIRECTORY = '/data'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const text = (value: string): Uint8Array => encoder.encode(value)
export const untext = (value: Uint8Array): string => decoder.decode(value)

/** A record batch with these values. */
export function batch(list: readonly string[], timestamp = 0): Uint8Array {
  const batches = new BatchEncoder(256)
  for (const value of list) {
    const bytes = text(value)
    batches.append(timestamp, null, 0, 0, bytes, 0, bytes.length, null)
  }
  return batches.finish()
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

export function spec(name: string, partitions = 1, more: Partial<StreamSpec> = {}): StreamSpec {
  return { name, partitions, kind: 'user', retentionMs: null, retentionBytes: null, meta: '{}', ...more }
}

export function openLog(disk: Disk, more: Partial<EmbeddedLogOptions> = {}): EmbeddedLog {
  return EmbeddedLog.open({ disk, directory: DIRECTORY, job: 'job', clock: new ManualClock(), lock: false, ...more })
}

/** A disk with a log that has stream "s" and producer "p" with epoch 1. */
export function freshLog(
  more: Partial<EmbeddedLogOptions> = {},
  partitions = 1,
): {
  readonly disk: MemDisk
  readonly log: EmbeddedLog
  readonly stream: StreamInfo
} {
  const disk = new MemDisk()
  const log = openLog(disk, more)
  const stream = log.createStream(spec('s', partitions))
  log.claim('p', '{}')
  return { disk, log, stream }
}

export function transaction(id: number, appends: readonly Append[], more: Partial<Transaction> = {}): Transaction {
  return { producer: 'p', epoch: 1, id, appends, delta: null, checkpoint: text(`checkpoint ${id}`), ...more }
}

/** Commits one transaction that must be accepted. */
export function commit(log: EmbeddedLog, one: Transaction): void {
  const [result] = log.commit([one])
  assert.equal(result?.outcome, 'committed', JSON.stringify(result?.error))
}

interface Readable {
  readonly directory: string
  readonly offsets: OffsetsView
}

export function readerOf(disk: Disk, log: Readable, stream: StreamInfo, partition = 0): PartitionReader {
  return new PartitionReader({ disk, directory: log.directory, stream, partition, offsets: log.offsets })
}

/** All published values of a partition; offsets must follow each other without a gap. */
export function values(disk: Disk, log: Readable, stream: StreamInfo, partition = 0): string[] {
  const reader = readerOf(disk, log, stream, partition)
  const found: string[] = []
  let next = reader.position
  for (let read = reader.read(700); read !== null; read = reader.read(700)) {
    assert.equal(read.start, next)
    for (const record of dumpRecords(read.bytes)) {
      assert.equal(record.offset, next++)
      found.push(atob(record.value ?? ''))
    }
    assert.equal(read.end, next)
  }
  reader.close()
  assert.equal(next, log.offsets.end(stream.slot + partition))
  return found
}

/** Checks code and that the message has all these parts. */
export function refuses(code: ErrorCode, parts: readonly (string | number)[], work: () => unknown): void {
  assert.throws(work, (error) => {
    assert.ok(isTidemarkError(error, code), `${code} expected: ${String(error)}`)
    for (const part of parts) assert.ok(error.message.includes(String(part)), `"${part}" in: ${error.message}`)
    return true
  })
}

/** Everything on the disk, for checks that nothing was changed. */
export function image(disk: MemDisk, directory: string = DIRECTORY): Map<string, string> {
  const files = new Map<string, string>()
  for (const name of disk.list(directory)) {
    const path = `${directory}/${name}`
    const inner = disk.list(path)
    if (inner.length > 0) for (const [key, value] of image(disk, path)) files.set(key, value)
    else if (isFile(disk, path)) files.set(path, Buffer.from(readFile(disk, path)).toString('base64'))
  }
  return files
}

function isFile(disk: Disk, path: string): boolean {
  try {
    disk.size(path)
    return true
  } catch {
    return false
  }
}

/** Puts back what `image` took. */
export function restore(files: ReadonlyMap<string, string>): MemDisk {
  const disk = new MemDisk()
  for (const [path, content] of files) {
    disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    disk.open(path, 'create').write(Buffer.from(content, 'base64'), 0)
  }
  return disk
}
