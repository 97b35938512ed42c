import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { dumpFile } from '../../../src/log/dump.ts'
import { encodeStreamName } from '../../../src/log/embedded/layout.ts'
import {
  batch,
  commit,
  concat,
  freshLog,
  openLog,
  refuses,
  spec,
  text,
  transaction,
  untext,
  values,
} from './harness.ts'

test('streams: made once, found again, and refused with the difference', () => {
  const disk = new MemDisk()
  const log = openLog(disk)
  const a = log.createStream(spec('a', 3))
  const b = log.createStream(spec('b', 2, { kind: 'intermediate', retentionMs: 5, retentionBytes: 6, meta: '{"x":1}' }))
  assert.deepEqual([a.id, a.slot, b.id, b.slot], [0, 0, 1, 3])
  assert.deepEqual(log.createStream(spec('a', 3)), a)
  const differences: [string, Parameters<typeof spec>[2]][] = [
    ['partitions 3 there, 4 declared', { partitions: 4 }],
    ['kind user there, intermediate declared', { kind: 'intermediate' }],
    ['retentionMs none there, 7 declared', { retentionMs: 7 }],
    ['retentionBytes none there, 8 declared', { retentionBytes: 8 }],
    ['meta {} there, {"y":2} declared', { meta: '{"y":2}' }],
  ]
  for (const [difference, more] of differences) {
    refuses('ERR_STREAM_MISMATCH', ['"a"', difference], () => log.createStream(spec('a', 3, more)))
  }
  disk.crash({ seed: 1 })
  const again = openLog(disk)
  assert.deepEqual(again.streams(), [a, b])
  assert.deepEqual(again.stream('b'), b)
  assert.equal(again.stream('c'), undefined)
})

test('streams: names that a file system cannot take, or not tell apart, are refused', () => {
  const log = openLog(new MemDisk())
  log.createStream(spec('Visits'))
  refuses('ERR_STREAM_NAME', ['"visits"', '"Visits"', 'case'], () => log.createStream(spec('visits')))
  refuses('ERR_STREAM_NAME', ['empty'], () => log.createStream(spec('')))
  refuses('ERR_STREAM_NAME', ['201 bytes'], () => log.createStream(spec('x'.repeat(201))))
  for (const partitions of [0, -1, 1.5]) {
    refuses('ERR_STREAM_NAME', ['partitions'], () => log.createStream(spec('p', partitions)))
  }
  assert.equal(encodeStreamName('a.b/c:ä'), 'a.b%2Fc%3A%C3%A4')
  assert.equal(encodeStreamName('..'), '%2E.'.replace('%2E.', '%2E.'))
  const odd = log.createStream(spec('../up & away'))
  log.claim('p', '{}')
  commit(log, transaction(1, [{ stream: odd.id, partition: 0, bytes: batch(['v']) }]))
})

test('streams: more partitions than slots are refused', () => {
  const log = openLog(new MemDisk(), { shared: new SharedArrayBuffer(16 * 4) })
  log.createStream(spec('a', 3))
  refuses('ERR_TOO_MANY_PARTITIONS', ['"b"', 'has 3 of at most 4'], () => log.createStream(spec('b', 2)))
  log.createStream(spec('c', 1))
})

test('producers: claims count up and survive; meta is the last claim’s', () => {
  const { disk, log } = freshLog()
  assert.equal(log.producer('none'), undefined)
  assert.deepEqual(log.claim('p', '{"b":2}'), {
    producer: 'p',
    epoch: 2,
    id: 0,
    checkpoint: new Uint8Array(0),
    meta: '{"b":2}',
    flushedId: 0,
  })
  disk.crash({ seed: 2 })
  const again = openLog(disk)
  assert.equal(again.claim('p', '{}').epoch, 3)
  assert.deepEqual(
    again.producers().map((producer) => producer.producer),
    ['p'],
  )
})

test('fencing: another epoch, another id, or no claim gives fenced, and writes nothing', () => {
  const { disk, log, stream } = freshLog()
  const append = () => [{ stream: stream.id, partition: 0, bytes: batch(['v']) }]
  commit(log, transaction(1, append()))
  const refused = [
    transaction(1, append()),
    transaction(3, append()),
    transaction(2, append(), { epoch: 0 }),
    transaction(2, append(), { epoch: 2 }),
    transaction(1, append(), { producer: 'nobody' }),
  ]
  const size = disk.size('/data/journal/00000001.journal')
  for (const each of refused) {
    assert.deepEqual(log.commit([each]), [{ producer: each.producer, id: each.id, outcome: 'fenced', error: null }])
  }
  assert.equal(disk.size('/data/journal/00000001.journal'), size)
  log.claim('p', '{}')
  assert.equal(log.commit([transaction(2, append())])[0]?.outcome, 'fenced', 'the old owner')
  commit(log, transaction(2, append(), { epoch: 2 }))
  assert.deepEqual(values(disk, log, stream), ['v', 'v'])
})

test('commit: a group is one write and one sync; its members follow each other; a bad one fails alone', () => {
  const { disk, log, stream } = freshLog({}, 2)
  log.claim('q', '{}')
  const on = (partition: number, ...list: string[]) => ({ stream: stream.id, partition, bytes: batch(list) })
  const before = log.statistics().journalSyncs
  const operations: string[] = []
  disk.onOperation = (operation, path) => {
    if (path.includes('journal')) operations.push(operation)
  }
  const good = batch(['x'])
  const results = log.commit([
    transaction(1, [on(0, 'a', 'b'), on(1, 'c')]),
    transaction(1, [on(0, 'd')], { producer: 'q' }),
    transaction(2, [on(0, 'e'), { stream: 9, partition: 0, bytes: good }]),
    transaction(2, [on(0, 'f'), { stream: stream.id, partition: 1, bytes: good.subarray(0, 65) }]),
    transaction(2, [on(0, 'g'), on(0, 'h')]),
    transaction(3, []),
  ])
  assert.deepEqual(
    results.map((result) => [result.producer, result.id, result.outcome, result.error?.code]),
    [
      ['p', 1, 'committed', undefined],
      ['q', 1, 'committed', undefined],
      ['p', 2, 'failed', 'ERR_UNKNOWN_STREAM'],
      ['p', 2, 'failed', 'ERR_BATCH_CORRUPT'],
      ['p', 2, 'committed', undefined],
      ['p', 3, 'committed', undefined],
    ],
  )
  assert.deepEqual(operations, ['write', 'sync'])
  assert.equal(log.statistics().journalSyncs, before + 1)
  assert.deepEqual(values(disk, log, stream, 0), ['a', 'b', 'd', 'g', 'h'])
  assert.deepEqual(values(disk, log, stream, 1), ['c'])
  assert.equal(log.producer('p')?.id, 3)
  assert.equal(untext(log.producer('p')?.checkpoint ?? text('')), 'checkpoint 3')
})

test('commit: with fsync never the journal is not synced, with always the segments are', () => {
  for (const fsync of ['never', 'commit', 'always'] as const) {
    const { disk, log, stream } = freshLog({ fsync })
    const synced: string[] = []
    disk.onOperation = (operation, path) => {
      if (operation === 'sync') synced.push(path.split('/')[2] ?? '')
    }
    commit(log, transaction(1, [{ stream: stream.id, partition: 0, bytes: batch(['v']) }]))
    assert.deepEqual(synced, { never: [], commit: ['journal'], always: ['journal', 'streams'] }[fsync])
    log.close()
    if (fsync === 'never') {
      disk.crash({ seed: 5 })
      assert.deepEqual(values(disk, openLog(disk), stream), ['v'], 'a close makes all durable')
    }
  }
})

test('commit: more bytes than an entry can take are refused', () => {
  const { log } = freshLog()
  const huge = { length: 2 ** 30 } as Uint8Array
  const [result] = log.commit([transaction(1, [], { delta: huge })])
  assert.deepEqual([result?.outcome, result?.error?.code], ['failed', 'ERR_TRANSACTION_TOO_LARGE'])
})

test('segments: roll by size, hold exactly the batches back to back, and are read by the dump', () => {
  const { disk, log, stream } = freshLog({ segmentMaxBytes: 500 })
  const all: string[] = []
  for (let id = 1; id <= 20; id++) {
    const list = [`a${id}`, `b${id}`]
    all.push(...list)
    commit(
      log,
      transaction(id, [{ stream: stream.id, partition: 0, bytes: concat(batch([`a${id}`]), batch([`b${id}`])) }]),
    )
  }
  const names = disk.list('/data/streams/s/0').filter((name) => name.endsWith('.log'))
  assert.ok(names.length > 4)
  const dumped = names.flatMap((name) => [...dumpFile(disk, `/data/streams/s/0/${name}`)])
  assert.deepEqual(
    dumped.map((record) => [record.offset, atob(record.value ?? '')]),
    all.map((value, offset) => [offset, value]),
  )
  assert.equal(
    Number(names[1]?.slice(0, 20)),
    dumped.findIndex((record) => record.offset === Number(names[1]?.slice(0, 20))),
  )
  assert.deepEqual(values(disk, log, stream), all)
})

test('deltas: by id, after a restart too; gone once flushed and reclaimed', () => {
  const { disk, log } = freshLog({ journalMaxBytes: 1600 })
  for (let id = 1; id <= 12; id++) {
    commit(log, transaction(id, [], { delta: id % 4 === 0 ? null : text(`delta ${id}`.padEnd(100)) }))
  }
  const ids = (from: number, of = log) => of.deltas('p', from).map((delta) => delta.id)
  assert.deepEqual(ids(0), [1, 2, 3, 5, 6, 7, 9, 10, 11])
  assert.deepEqual(ids(6), [7, 9, 10, 11])
  assert.equal(untext(log.deltas('p', 10)[0]?.bytes ?? text('')).trim(), 'delta 11')
  assert.deepEqual(log.deltas('nobody', 0), [])
  assert.deepEqual(log.flushWanted(), ['p'])
  const files = disk.list('/data/journal').length
  log.flushed('p', 7)
  assert.ok(disk.list('/data/journal').length < files)
  assert.equal(log.producer('p')?.flushedId, 7)
  assert.deepEqual(ids(7), [9, 10, 11])
  refuses('ERR_DELTAS_GONE', ['"p"', 'after checkpoint 0'], () => log.deltas('p', 0))
  disk.crash({ seed: 3 })
  const again = openLog(disk, { journalMaxBytes: 1600 })
  assert.equal(again.producer('p')?.flushedId, 7)
  assert.deepEqual(ids(7, again), [9, 10, 11])
  refuses('ERR_DELTAS_GONE', ['state files are missing'.replace('state', 'State')], () => again.deltas('p', 0))
  assert.throws(() => again.flushed('p', 13), /broken invariant/)
})

test('journal: without deltas it stays within its budget, and flushWanted is silent', () => {
  const { disk, log, stream } = freshLog({ journalMaxBytes: 4000 })
  for (let id = 1; id <= 100; id++) {
    commit(log, transaction(id, [{ stream: stream.id, partition: 0, bytes: batch(['v'.repeat(50)]) }]))
    assert.ok(log.statistics().journalBytes < 4000)
    assert.deepEqual(log.flushWanted(), [])
  }
  assert.ok(!disk.exists('/data/journal/00000005.journal'))
})

test('statistics and close: counts, and nothing works afterwards', () => {
  const { log, stream } = freshLog({}, 2)
  const bytes = batch(['v'])
  commit(log, transaction(1, [{ stream: stream.id, partition: 1, bytes }]))
  const { journalBytes, journalSyncs, ...rest } = log.statistics()
  assert.ok(journalBytes > 0 && journalSyncs === 3)
  assert.deepEqual(rest, {
    streams: 1,
    partitions: 2,
    producers: 1,
    journalFiles: 1,
    segmentFiles: 1,
    segmentBytes: bytes.length,
    groups: 1,
    transactions: 1,
    appendedBytes: bytes.length,
  })
  log.close()
  log.close()
  refuses('ERR_LOG_CLOSED', ['was closed'], () => log.commit([]))
})

test('a data directory may be named relative to the current one, and lie deep', () => {
  for (const directory of ['data', './data', 'a/b/data', '/x/y/data']) {
    const disk = new MemDisk()
    const log = openLog(disk, { directory })
    const stream = log.createStream(spec('s'))
    log.claim('p', '{}')
    commit(log, transaction(1, [{ stream: stream.id, partition: 0, bytes: batch(['v']) }]))
    disk.crash({ seed: 3 })
    assert.deepEqual(values(disk, openLog(disk, { directory }), stream), ['v'])
  }
})
