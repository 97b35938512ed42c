import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import type { StreamInfo } from '../../src/log/types.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead, type ReadStreamOptions } from '../../src/ops/read-stream.ts'
import { StreamWriter } from './stream-writer.ts'
import { batch, DIRECTORY, JobData } from './job-data.ts'

const META = JSON.stringify({ key: 'string', keyVersion: 1, value: 'json', valueVersion: 1 })

function withStream(meta = META, partitions = 2): { data: JobData; stream: StreamInfo } {
  const data = new JobData([], 1)
  const spec = { name: 'visits', partitions, kind: 'user', retentionMs: null, retentionBytes: null, meta } as const
  return { data, stream: data.log.createStream(spec) }
}

function read(data: JobData, options?: ReadStreamOptions): unknown[][] {
  const stream = new StreamRead(openDataDir(DIRECTORY, data.disk), 'visits', options)
  try {
    return [...stream.read()].map(({ partition, offset, key, value }) => [partition, offset, key, value])
  } finally {
    stream.close()
  }
}

test('records are read by partition, decoded, from an offset inside a batch too', () => {
  const { data, stream } = withStream()
  const bytes = batch([
    { key: 'a', value: { n: 1 }, timestamp: 5 },
    { key: null, value: { n: 2 }, timestamp: 6 },
    { key: 'b', value: null, timestamp: 7 },
  ])
  data.commit([
    { stream: stream.id, partition: 1, bytes },
    { stream: stream.id, partition: 0, bytes: batch([{ key: 'c', value: [3], timestamp: 8 }]) },
  ])
  assert.deepEqual(read(data), [
    [0, 0, 'c', [3]],
    [1, 0, 'a', { n: 1 }],
    [1, 1, null, { n: 2 }],
    [1, 2, 'b', null],
  ])
  assert.deepEqual(read(data, { partition: 1, from: 1 }), [
    [1, 1, null, { n: 2 }],
    [1, 2, 'b', null],
  ])
  assert.deepEqual(read(data, { partition: 1, from: 99 }), [])
  assert.throws(() => read(data, { partition: 2 }), {
    code: 'ERR_UNKNOWN_STREAM',
    message: /no partition 2: .* 0 to 1/,
  })
})

test('reading goes on after a refresh', () => {
  const { data, stream } = withStream()
  const directory = openDataDir(DIRECTORY, data.disk)
  const reading = new StreamRead(directory, 'visits')
  assert.deepEqual([...reading.read()], [])
  data.commit([{ stream: stream.id, partition: 0, bytes: batch([{ key: 'a', value: 1, timestamp: 5 }]) }])
  assert.deepEqual([...reading.read()], [])
  directory.refresh()
  assert.deepEqual(
    [...reading.read()].map(({ key }) => key),
    ['a'],
  )
  assert.deepEqual([...reading.read()], [])
  reading.close()
})

test('ERR_SERDE names stream, partition and offset', () => {
  const { data, stream } = withStream(META.replace('"json"', '"uint"'))
  const bytes = batch([{ key: 'a', value: { not: 'a number' }, timestamp: 5 }])
  data.commit([{ stream: stream.id, partition: 1, bytes }])
  assert.throws(() => read(data), { code: 'ERR_SERDE', message: /stream "visits", partition 1, offset 0/ })
})

test('a stream of a serde that only the job knows is read as bytes and not written', () => {
  const { data, stream } = withStream(META.replace('"json"', '"secret"'))
  data.commit([{ stream: stream.id, partition: 0, bytes: batch([{ key: 'a', value: 'x', timestamp: 5 }]) }])
  assert.deepEqual(read(data), [[0, 0, 'a', Uint8Array.of(34, 120, 34)]])
  assert.throws(() => new StreamWriter(data.log, stream, new ManualClock()), { code: 'ERR_SERDE_UNKNOWN' })
})

test('written records go to the partition of their key, each commit is one transaction, and a later writer goes on', () => {
  const { data, stream } = withStream(META, 4)
  const write = (keys: readonly string[]): void => {
    const writer = new StreamWriter(data.log, stream, new ManualClock(77))
    for (const key of keys) writer.add({ key, value: { key }, timestamp: null })
    assert.equal(writer.waiting, keys.length)
    assert.equal(data.log.offsets.end(stream.slot), before, 'nothing is visible before the commit')
    writer.commit()
    assert.equal(writer.waiting, 0)
    writer.commit()
  }
  let before = 0
  write(['a', 'b', 'c'])
  before = data.log.offsets.end(stream.slot)
  write(['d', 'a'])
  const records = read(data)
  assert.equal(records.length, 5)
  const partitions = new Map<unknown, Set<unknown>>()
  for (const [partition, , key, value] of records) {
    assert.deepEqual(value, { key })
    partitions.set(key, (partitions.get(key) ?? new Set()).add(partition))
  }
  assert.ok(
    [...partitions.values()].every((set) => set.size === 1),
    'a key has one partition',
  )
})

test('records without a key go to the partitions in turn', () => {
  const { data, stream } = withStream(META, 3)
  const writer = new StreamWriter(data.log, stream, new ManualClock(77))
  for (let i = 0; i < 6; i++) writer.add({ key: null, value: i, timestamp: i })
  writer.commit()
  assert.deepEqual(
    read(data).map(([partition, , , value]) => [partition, value]),
    [
      [0, 0],
      [0, 3],
      [1, 1],
      [1, 4],
      [2, 2],
      [2, 5],
    ],
  )
})

test('a writer that another has taken over from is refused', () => {
  const { data, stream } = withStream()
  const first = new StreamWriter(data.log, stream, new ManualClock())
  const second = new StreamWriter(data.log, stream, new ManualClock())
  first.add({ key: 'a', value: 1, timestamp: 1 })
  assert.throws(() => first.commit(), { code: 'ERR_FENCED' })
  second.add({ key: 'b', value: 2, timestamp: 1 })
  second.commit()
  assert.deepEqual(
    read(data).map(([, , key]) => key),
    ['b'],
  )
})

test('a damaged claim or stream description is ERR_LOG_CORRUPT', () => {
  const { data } = withStream('not json')
  assert.throws(() => read(data), { code: 'ERR_LOG_CORRUPT', message: /description of stream "visits"/ })
  data.log.claim('task:visits/0', '[')
  assert.throws(() => openDataDir(DIRECTORY, data.disk).tasks(), { code: 'ERR_LOG_CORRUPT', message: /task:visits\/0/ })
})
