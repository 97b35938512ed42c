import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { THOROUGH } from '../../../tidemark/test/thorough.ts'
import type { Cluster } from '../../src/net/cluster.ts'
import { deleteRecords, deleteTopics } from '../../src/wire/topics.ts'
import {
  batchOf,
  closeFetchers,
  connect,
  fetcher,
  makeTopic,
  readValues,
  TestProducer,
  untilStable,
  upTo,
  write,
} from './support.ts'
import { SuiteBroker } from '../suite-broker.ts'

const missing = kafkaMissing()

describe('Fetcher on a broker', { skip: missing ?? false }, () => {
  const broker = new SuiteBroker('fetch', null)
  let cluster: Cluster

  before(async () => {
    cluster = await connect(broker.server.brokers)
  })
  afterEach(closeFetchers)
  after(() => cluster.close())

  test('several partitions, several codecs, and what is written while it reads: each record once, in order', async () => {
    await makeTopic(cluster, 'plain', 3)
    const codecs = ['none', 'gzip', 'zstd'] as const
    for (const [p, codec] of codecs.entries())
      for (let i = 0; i < 20; i++) await write(cluster, 'plain', p, batchOf(i * 50, 50, codec))
    let wakes = 0
    const ends = new Map<number, number>()
    const source = fetcher(cluster, { onData: () => wakes++, onOffsets: (_, p, __, end) => ends.set(p, end) })
    const readers = codecs.map((_, p) => source.reader('plain', p))
    for (const reader of readers) reader.seek(0)
    for (const reader of readers) assert.deepEqual(await readValues(reader, 1000), upTo(1000))
    assert.deepEqual([...ends.values()], [1000, 1000, 1000])
    const woken = wakes
    await write(cluster, 'plain', 1, batchOf(1000, 10))
    assert.deepEqual(await readValues(readers[1] as (typeof readers)[0], 10), upTo(10, 1000))
    assert.ok(wakes > woken)
    source.close()
  })

  test('a reader begins in the middle of a batch, and seeks back and forth', async () => {
    await makeTopic(cluster, 'seeks', 1)
    for (let i = 0; i < 10; i++) await write(cluster, 'seeks', 0, batchOf(i * 100, 100))
    const source = fetcher(cluster)
    const reader = source.reader('seeks', 0)
    for (const offset of [550, 0, 999, 123, 550]) {
      reader.seek(offset)
      assert.deepEqual(await readValues(reader, 1000 - offset), upTo(1000 - offset, offset))
    }
    source.close()
  })

  test('small budgets: no more is buffered than was allowed, and all of it comes', async () => {
    await makeTopic(cluster, 'budget', 2)
    for (let p = 0; p < 2; p++) for (let i = 0; i < 100; i++) await write(cluster, 'budget', p, batchOf(i * 20, 20))
    const source = fetcher(cluster, { partitionMaxBytes: 4096, partitionBufferBytes: 8192, bufferBytes: 12_288 })
    const [slow, fast] = [source.reader('budget', 0), source.reader('budget', 1)]
    slow.seek(0)
    fast.seek(0)
    assert.deepEqual(await readValues(fast, 2000), upTo(2000), 'one reads on while the other is left alone')
    assert.ok(slow.bufferedBytes > 0 && slow.bufferedBytes < 8192 + 4096, `${slow.bufferedBytes} bytes`)
    assert.deepEqual(await readValues(slow, 2000), upTo(2000))
    source.close()
  })

  test('read committed: no aborted record, nothing of an open transaction; uncommitted shows both', async () => {
    await makeTopic(cluster, 'txn', 1)
    const a = await new TestProducer(cluster, 'a').begin()
    const b = await new TestProducer(cluster, 'b').begin()
    await a.write('txn', 0, 0, 10)
    await b.write('txn', 0, 900, 5)
    await a.write('txn', 0, 10, 10)
    await b.end(false)
    await a.end(true)
    await write(cluster, 'txn', 0, batchOf(20, 5))
    await b.write('txn', 0, 25, 5)
    await b.end(true)
    await untilStable(cluster, 'txn', 0)
    await a.write('txn', 0, 30, 5)
    const ends = { committed: -1, uncommitted: -1 }
    const source = fetcher(cluster, { onOffsets: (_, __, ___, end) => (ends.committed = end) })
    const reader = source.reader('txn', 0)
    reader.seek(0)
    assert.deepEqual(await readValues(reader, 30), upTo(30))
    assert.deepEqual(await readValues(reader, 1, 700), [], 'the last transaction is open')
    const all = fetcher(cluster, { readCommitted: false, onOffsets: (_, __, ___, end) => (ends.uncommitted = end) })
    const seesAll = all.reader('txn', 0)
    seesAll.seek(0)
    const seen = await readValues(seesAll, 40)
    assert.deepEqual(
      seen.toSorted((x, y) => x - y),
      [...upTo(35), ...upTo(5, 900)],
    )
    assert.equal(ends.uncommitted - ends.committed, 5, 'the last stable offset is where the open transaction begins')
    await a.end(true)
    assert.deepEqual(await readValues(reader, 5), upTo(5, 30))
    source.close()
    all.close()
  })

  test('hidden batches alone move the position', async () => {
    await makeTopic(cluster, 'hidden', 1)
    const a = await new TestProducer(cluster, 'hidden').begin()
    await a.write('hidden', 0, 0, 10)
    await a.end(false)
    const source = fetcher(cluster)
    const reader = source.reader('hidden', 0)
    reader.seek(0)
    assert.deepEqual(await readValues(reader, 1, 1500), [])
    assert.equal(reader.position, 11, 'ten records and the marker')
    source.close()
  })

  test('ERR_OFFSET_OUT_OF_RANGE after DeleteRecords, or by policy the earliest or the latest', async () => {
    await makeTopic(cluster, 'trimmed', 1)
    for (let i = 0; i < 10; i++) await write(cluster, 'trimmed', 0, batchOf(i * 10, 10))
    const { node } = await cluster.leader('trimmed', 0)
    const topics = [{ topic: 'trimmed', partitions: [{ partition: 0, offset: 35 }] }]
    const [deleted] = await cluster.request(node, deleteRecords, { topics, timeoutMs: 5000 }, 'control')
    assert.deepEqual(deleted?.partitions, [{ partition: 0, logStart: 35, error: 0 }])
    const failed: string[] = []
    const strict = fetcher(cluster, { onFailed: (error) => failed.push(error.message) })
    const reader = strict.reader('trimmed', 0)
    reader.seek(5)
    await assert.rejects(readValues(reader, 1), {
      code: 'ERR_OFFSET_OUT_OF_RANGE',
      details: { stream: 'trimmed', partition: 0, offset: 5, start: 35, end: 100 },
    })
    assert.equal(failed.length, 1)
    reader.seek(35)
    assert.deepEqual(await readValues(reader, 65), upTo(65, 35), 'a seek to what is there goes on')
    const moves: number[][] = []
    const lenient = fetcher(cluster, { outOfRange: 'earliest', onMoved: (_, __, from, to) => moves.push([from, to]) })
    const other = lenient.reader('trimmed', 0)
    other.seek(5)
    assert.deepEqual(await readValues(other, 65), upTo(65, 35))
    const latest = fetcher(cluster, { outOfRange: 'latest', onMoved: (_, __, from, to) => moves.push([from, to]) })
    const last = latest.reader('trimmed', 0)
    last.seek(5000)
    while (moves.length < 2) await sleep(5)
    await write(cluster, 'trimmed', 0, batchOf(100, 3))
    assert.deepEqual(await readValues(last, 3), upTo(3, 100))
    assert.deepEqual(moves, [
      [5, 35],
      [5000, 100],
    ])
    for (const each of [strict, lenient, latest]) each.close()
  })

  test('ERR_KAFKA_TOPIC_MISSING for a topic that is not there, or is deleted, or made again', async () => {
    await makeTopic(cluster, 'gone', 1)
    await write(cluster, 'gone', 0, batchOf(0, 10))
    const source = fetcher(cluster, { deletedGraceMs: 500 })
    const reader = source.reader('gone', 0)
    reader.seek(0)
    assert.deepEqual(await readValues(reader, 10), upTo(10))
    const never = source.reader('never-made', 0)
    never.seek(0)
    await assert.rejects(readValues(never, 1), { code: 'ERR_KAFKA_TOPIC_MISSING' })
    await cluster.request('controller', deleteTopics, { topics: ['gone'], timeoutMs: 5000 }, 'control')
    await sleep(200)
    await makeTopic(cluster, 'gone', 1)
    await write(cluster, 'gone', 0, batchOf(0, 20))
    await assert.rejects(readValues(reader, 1), { code: 'ERR_KAFKA_TOPIC_MISSING', message: /made again/ })
    source.close()
  })

  test('the broker is killed and comes back, again and again: every record once, in order', async () => {
    await makeTopic(cluster, 'killed', 2)
    const source = fetcher(cluster)
    const readers = [source.reader('killed', 0), source.reader('killed', 1)]
    for (const reader of readers) reader.seek(0)
    const rounds = THOROUGH ? 5 : 2
    const count = rounds * 1000
    const reading = Promise.all(readers.map((reader) => readValues(reader, count, 60_000)))
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 10; i++)
        for (const p of [0, 1]) await write(cluster, 'killed', p, batchOf(round * 1000 + i * 100, 100))
      await broker.server.restart()
    }
    for (const values of await reading) assert.deepEqual(values, upTo(count))
    source.close()
  })
})
