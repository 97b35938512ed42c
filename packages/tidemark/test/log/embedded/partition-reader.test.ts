import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { baseOffset, nextOffset } from '../../../src/log/batch-header.ts'
import type { EmbeddedLog } from '../../../src/log/embedded/embedded-log.ts'
import type { PartitionReader } from '../../../src/log/embedded/partition-reader.ts'
import type { StreamInfo } from '../../../src/log/types.ts'
import { batch, commit, concat, openLog, readerOf, spec, transaction, values } from './harness.ts'

const COMMITS = 30

/** Commit n has two batches: offsets 5n to 5n+2 (timestamp 100n) and 5n+3 to 5n+4 (timestamp 100n + 50). */
function filled(segmentMaxBytes = 900): { disk: MemDisk; log: EmbeddedLog; stream: StreamInfo } {
  const disk = new MemDisk()
  const log = openLog(disk, { segmentMaxBytes })
  const stream = log.createStream(spec('s'))
  log.claim('p', '{}')
  for (let n = 0; n < COMMITS; n++) {
    const bytes = concat(batch([`${n}a`, `${n}b`, `${n}c`], n * 100), batch([`${n}d`, `${n}e`], n * 100 + 50))
    commit(log, transaction(n + 1, [{ stream: stream.id, partition: 0, bytes }]))
  }
  return { disk, log, stream }
}

function batchStart(offset: number): number {
  return offset - (offset % 5 < 3 ? offset % 5 : (offset % 5) - 3)
}

function checkSeeks(reader: PartitionReader): void {
  for (let offset = 0; offset < COMMITS * 5; offset++) {
    reader.seek(offset)
    assert.equal(reader.position, offset)
    const read = reader.read(1)
    assert.equal(read?.start, batchStart(offset), `seek ${offset}`)
    assert.equal(read.end, nextOffset(read.bytes, 0), 'one byte asked for: one batch')
    assert.equal(baseOffset(read.bytes, 0), read.start)
    assert.equal(reader.position, read.end)
  }
}

test('reader: seeks any offset, in closed and growing segments, to the batch that contains it', () => {
  for (const segmentMaxBytes of [900, 1 << 20]) {
    const { disk, log, stream } = filled(segmentMaxBytes)
    checkSeeks(readerOf(disk, log, stream))
  }
})

test('reader: whole batches, about maxBytes, up to the end, then null until there is more', () => {
  const { disk, log, stream } = filled()
  for (const maxBytes of [1, 61, 100, 400, 5000]) {
    const reader = readerOf(disk, log, stream)
    let next = 0
    for (let read = reader.read(maxBytes); read !== null; read = reader.read(maxBytes)) {
      assert.equal(read.start, next)
      next = read.end
      assert.ok(read.bytes.length <= maxBytes || nextOffset(read.bytes, 0) === read.end)
    }
    assert.equal(next, COMMITS * 5)
    assert.equal(reader.available, 0)
    assert.equal(reader.read(maxBytes), null)
    commit(log, transaction((log.producer('p')?.id ?? 0) + 1, []))
    assert.equal(reader.read(maxBytes), null)
  }
  const waiting = readerOf(disk, log, stream)
  waiting.seek(COMMITS * 5)
  const id = (log.producer('p')?.id ?? 0) + 1
  commit(log, transaction(id, [{ stream: stream.id, partition: 0, bytes: batch(['new']) }]))
  assert.equal(waiting.read(100)?.start, COMMITS * 5)
})

test('reader: gives fresh buffers, or fills the one it is handed when the batch fits', () => {
  const { disk, log, stream } = filled()
  const reader = readerOf(disk, log, stream)
  const first = reader.read(100)
  const copy = first?.bytes.slice()
  const second = reader.read(100)
  assert.notEqual(first?.bytes.buffer, second?.bytes.buffer)
  assert.deepEqual(first?.bytes, copy)
  assert.equal(first?.bytes.constructor, Uint8Array)
  const into = new Uint8Array(300)
  reader.seek(0)
  const third = reader.read(10, into)
  assert.equal(third?.bytes.buffer, into.buffer)
  assert.ok(third.bytes.length > 100 && third.bytes.length <= 300)
  reader.seek(0)
  const tiny = new Uint8Array(5)
  const fourth = reader.read(10, tiny)
  assert.notEqual(fourth?.bytes.buffer, tiny.buffer)
  assert.deepEqual(fourth?.bytes, copy)
})

test('reader: never passes the published end, though more is written', () => {
  const disk = new MemDisk()
  const log = openLog(disk)
  const stream = log.createStream(spec('s'))
  log.claim('p', '{}')
  commit(log, transaction(1, [{ stream: stream.id, partition: 0, bytes: batch(['a']) }]))
  const offsets = { start: () => 0, end: () => 1 }
  commit(log, transaction(2, [{ stream: stream.id, partition: 0, bytes: batch(['b']) }]))
  const reader = readerOf(disk, { directory: '/data', offsets }, stream)
  assert.equal(reader.read(1000)?.end, 1)
  assert.equal(reader.read(1000), null)
  assert.deepEqual(values(disk, { directory: '/data', offsets }, stream), ['a'])
})

test('reader: by time, to the first batch that reaches it, or to the end', () => {
  for (const segmentMaxBytes of [900, 1 << 20]) {
    const { disk, log, stream } = filled(segmentMaxBytes)
    const reader = readerOf(disk, log, stream)
    for (const [time, offset] of [
      [-5, 0],
      [0, 0],
      [1, 3],
      [50, 3],
      [51, 5],
      [100, 5],
      [1450, 73],
      [1451, 75],
      [2950, 148],
      [2951, 150],
    ] as const) {
      assert.equal(reader.seekToTime(time), offset, `time ${time}`)
      assert.equal(reader.read(1)?.start ?? 150, offset)
    }
  }
})

test('index: closed segments have both files; missing or damaged ones are not needed, and are built again', () => {
  const { disk, log, stream } = filled()
  const folder = '/data/streams/s/0'
  const names = disk.list(folder)
  const logs = names.filter((name) => name.endsWith('.log'))
  const indexes = names.filter((name) => !name.endsWith('.log'))
  assert.ok(logs.length > 3)
  assert.equal(indexes.length, (logs.length - 1) * 2)
  const before = indexes.map((name) => disk.size(`${folder}/${name}`))
  for (const [i, name] of indexes.entries()) {
    if (i % 3 === 0) disk.remove(`${folder}/${name}`)
    else disk.open(`${folder}/${name}`, 'write').write(new Uint8Array([255]), i % 3 === 1 ? 20 : 2)
  }
  checkSeeks(readerOf(disk, log, stream))
  assert.equal(readerOf(disk, log, stream).seekToTime(1451), 75)
  disk.restart()
  openLog(disk, { segmentMaxBytes: 900 })
  assert.deepEqual(
    indexes.map((name) => disk.size(`${folder}/${name}`)),
    before,
  )
  checkSeeks(readerOf(disk, log, stream))
})

test('index: a large segment is entered near the offset, not read from its start', () => {
  const disk = new MemDisk()
  const log = openLog(disk, { segmentMaxBytes: 200_000 })
  const stream = log.createStream(spec('s'))
  log.claim('p', '{}')
  for (let id = 1; id <= 300; id++) {
    commit(log, transaction(id, [{ stream: stream.id, partition: 0, bytes: batch(['x'.repeat(1000)], id) }]))
  }
  let readBytes = 0
  const counting = {
    ...bound(disk),
    open: (path: string, mode: 'read' | 'write' | 'create') => {
      const file = disk.open(path, mode)
      return {
        ...file,
        read: (target: Uint8Array, offset: number, length: number, position: number) => {
          const count = file.read(target, offset, length, position)
          readBytes += count
          return count
        },
      }
    },
  }
  const reader = readerOf(counting, log, stream)
  reader.seek(150)
  assert.equal(reader.read(1)?.start, 150)
  assert.ok(readBytes < 30_000, `${readBytes} bytes read`)
})

function bound(disk: MemDisk): Omit<MemDisk, never> {
  return Object.assign(Object.create(disk) as MemDisk, {
    exists: (path: string) => disk.exists(path),
    size: (path: string) => disk.size(path),
    list: (path: string) => disk.list(path),
  })
}
