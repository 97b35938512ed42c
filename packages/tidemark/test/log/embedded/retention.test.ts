import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../../src/clock/clock.ts'
import type { MemDisk } from '../../../src/disk/mem-disk.ts'
import { LogView } from '../../../src/log/embedded/log-view.ts'
import type { EmbeddedLogOptions } from '../../../src/log/embedded/options.ts'
import { batch, commit, openLog, readerOf, refuses, spec, transaction, values } from './harness.ts'
import { MemDisk as Disk } from '../../../src/disk/mem-disk.ts'
import type { EmbeddedLog } from '../../../src/log/embedded/embedded-log.ts'
import type { StreamInfo, StreamSpec } from '../../../src/log/types.ts'

const clock = new ManualClock()

/** Ten segments of two records each; the record of commit n has timestamp n. */
function filled(
  more: Partial<StreamSpec>,
  options: Partial<EmbeddedLogOptions> = {},
): { disk: MemDisk; log: EmbeddedLog; stream: StreamInfo } {
  const disk = new Disk()
  const log = openLog(disk, { segmentMaxBytes: 200, clock, ...options })
  const stream = log.createStream(spec('s', 1, more))
  log.claim('p', '{}')
  for (let id = 1; id <= 20; id++) {
    commit(log, transaction(id, [{ stream: stream.id, partition: 0, bytes: batch([`value ${id}`.padEnd(20)], id) }]))
  }
  const segments = disk.list('/data/streams/s/0').filter((name) => name.endsWith('.log'))
  assert.equal(segments.length, 10)
  return { disk, log, stream }
}

function startAfter(log: EmbeddedLog, stream: StreamInfo, disk: MemDisk): number {
  const start = log.offsets.start(stream.slot)
  assert.equal(log.offsets.end(stream.slot), 20)
  assert.equal(values(disk, log, stream).length, 20 - start)
  const names = disk.list('/data/streams/s/0')
  assert.equal(Number(names[0]?.slice(0, 20)), start, 'files before the start are removed')
  return start
}

test('trim: drops whole segments before the offset, durably, never the one that grows', () => {
  for (const [before, start] of [
    [0, 0],
    [1, 0],
    [2, 2],
    [7, 6],
    [19, 18],
    [20, 18],
    [99, 18],
  ] as const) {
    const { disk, log, stream } = filled({ kind: 'intermediate' })
    log.trim(stream.id, 0, before)
    assert.equal(startAfter(log, stream, disk), start, `before ${before}`)
    disk.crash({ seed: before })
    assert.equal(startAfter(openLog(disk, { segmentMaxBytes: 200 }), stream, disk), start)
  }
})

test('trim: the segment that grows goes too when all of it was read and it is large; what follows begins a new one', () => {
  const { disk, log, stream } = filled({ kind: 'intermediate' }, { trimOpenBytes: 150 })
  const reader = readerOf(disk, log, stream)
  while (reader.read(1000) !== null);
  log.trim(stream.id, 0, 19)
  assert.equal(startAfter(log, stream, disk), 18, 'not all of it was read')
  log.trim(stream.id, 0, 20)
  assert.deepEqual([log.offsets.start(stream.slot), log.offsets.end(stream.slot)], [20, 20])
  assert.deepEqual(disk.list('/data/streams/s/0'), [])
  assert.equal(reader.read(1000), null)
  log.trim(stream.id, 0, 20)
  const view = LogView.open({ disk, directory: '/data' })
  assert.deepEqual([view.offsets.start(0), view.offsets.end(0), values(disk, view, stream)], [20, 20, []])
  for (const seed of [1, 2, 3]) {
    const lost = filled({ kind: 'intermediate' }, { trimOpenBytes: 150 })
    lost.log.trim(stream.id, 0, 20)
    lost.disk.crash({ seed })
    const after = openLog(lost.disk)
    assert.deepEqual([after.offsets.start(stream.slot), after.offsets.end(stream.slot)], [20, 20])
    assert.deepEqual(lost.disk.list('/data/streams/s/0'), [])
  }
  commit(log, transaction(21, [{ stream: stream.id, partition: 0, bytes: batch(['next']) }]))
  assert.deepEqual(disk.list('/data/streams/s/0'), ['00000000000000000020.log'])
  assert.deepEqual([reader.read(1000)?.start, reader.position], [20, 21], 'a reader that stood at the end goes on')
  log.trim(stream.id, 0, 21)
  assert.equal(log.offsets.start(stream.slot), 20, 'a small one stays')
  log.close()
  const again = openLog(disk, { segmentMaxBytes: 200 })
  assert.deepEqual(values(disk, again, stream), ['next'])
})

test('trim: only intermediate streams, and only partitions that exist', () => {
  const { log, stream } = filled({})
  assert.throws(() => log.trim(stream.id, 0, 5), /retention only/)
  refuses('ERR_UNKNOWN_STREAM', ['partition 1'], () => filled({ kind: 'intermediate' }).log.trim(0, 1, 5))
})

test('retention by time: segments whose newest record is older go', () => {
  const { disk, log, stream } = filled({ retentionMs: 100 })
  log.applyRetention()
  assert.equal(startAfter(log, stream, disk), 0)
  clock.advance(105)
  log.applyRetention()
  // Records 1 to 4 are older than 105 - 100.
  assert.equal(startAfter(log, stream, disk), 4)
  clock.advance(10_000)
  log.applyRetention()
  assert.equal(startAfter(log, stream, disk), 18)
})

test('retention by size: old segments go while the partition is larger', () => {
  const { disk, log, stream } = filled({ retentionBytes: 500 })
  const size = disk.size('/data/streams/s/0/00000000000000000000.log')
  log.applyRetention()
  const start = startAfter(log, stream, disk)
  const kept = (20 - start) / 2
  assert.ok(kept * size <= 500 && (kept + 1) * size > 500, `${kept} segments of ${size}`)
})

test('a reader whose position was dropped is told what there is', () => {
  const { disk, log, stream } = filled({ kind: 'intermediate' })
  const reader = readerOf(disk, log, stream)
  reader.seek(3)
  const late = readerOf(disk, log, stream)
  late.read(1)
  log.trim(stream.id, 0, 8)
  refuses('ERR_OFFSET_OUT_OF_RANGE', ['offset 3', '"s"', '8', '20'], () => reader.read(100))
  refuses('ERR_OFFSET_OUT_OF_RANGE', ['offset 1', '8'], () => late.read(100))
  refuses('ERR_OFFSET_OUT_OF_RANGE', ['offset 7'], () => reader.seek(7))
  refuses('ERR_OFFSET_OUT_OF_RANGE', ['offset 21'], () => reader.seek(21))
  reader.seek(8)
  assert.equal(reader.read(1)?.start, 8)
  reader.seek(20)
  assert.equal(reader.read(1), null)
})
