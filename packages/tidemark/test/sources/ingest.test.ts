import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { z } from 'zod'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { TidemarkError, toWireError } from '../../src/errors/error.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { json } from '../../src/serde/json.ts'
import { uint } from '../../src/serde/uint.ts'
import { FileSource } from '../../src/sources/file-source.ts'
import { GeneratorSource } from '../../src/sources/generator-source.ts'
import { readPosition } from '../../src/sources/ingest.ts'
import { formatOf } from '../../src/sources/input-format.ts'
import { StdinSource } from '../../src/sources/stdin-source.ts'
import { fill, jsonStream, makeIngest, makeStream, openLog, recordsOf, TestPort } from './log-support.ts'
import { noWait, temporaryDirectory } from './support.ts'

const setUp = (partitions = 4): { disk: MemDisk; port: TestPort } & { info: ReturnType<typeof makeStream> } => {
  const disk = new MemDisk()
  const log = openLog(disk)
  return { disk, port: new TestPort(log), info: makeStream(log, 'visits', partitions) }
}

const lines = (from: number, n: number): string => Array.from({ length: n }, (_, i) => `{"n":${from + i}}\n`).join('')
const file = (path: string): FileSource => new FileSource({ path, ...formatOf(path), chunkBytes: 512 })

test('a file becomes records, in runs of rows per partition, with the end offsets', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, lines(0, 1000))
  const { disk, port, info } = setUp()
  const end = await makeIngest(port, info, file(path)).run()
  assert.equal(end.finished, true)
  assert.deepEqual(end.ends, [256, 256, 256, 232])
  assert.deepEqual({ rows: end.progress.rows, committed: end.progress.committedRows }, { rows: 1000, committed: 1000 })
  assert.equal(end.progress.bytes, lines(0, 1000).length)
  const records = recordsOf(disk, port.log, info)
  assert.deepEqual(
    records.flat().map(({ value }) => value),
    lines(0, 1000).trim().split('\n'),
  )
  assert.deepEqual(new Set(records.flat().map(({ key, timestamp }) => `${key} ${timestamp}`)), new Set(['null 1000']))
})

test('running again takes only what is new; with nothing new it commits nothing', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, lines(0, 300))
  const { disk, port, info } = setUp(2)
  await makeIngest(port, info, file(path)).run()
  const again = await makeIngest(port, info, file(path)).run()
  assert.deepEqual(again.progress, { rows: 0, committedRows: 0, bytes: 0, dropped: 0, deadLettered: 0, commits: 0 })
  assert.deepEqual(again.ends, [256, 44])
  appendFileSync(path, lines(300, 300))
  await makeIngest(port, info, file(path)).run()
  const [first, second] = recordsOf(disk, port.log, info)
  assert.deepEqual([first?.length, second?.length], [344, 256], 'rows 512 to 599 are in partition 0 again')
})

test('keyed rows go where their key belongs, with their timestamps', async () => {
  const { disk, port, info } = setUp()
  const rows = (i: number): { key: string; value: number; timestamp: number } => ({
    key: `k${i}`,
    value: i,
    timestamp: i,
  })
  await makeIngest(port, info, new GeneratorSource({ name: 'g', rows, count: 500 })).run()
  for (const [partition, records] of recordsOf(disk, port.log, info).entries()) {
    assert.ok(records.length > 0)
    for (const { key, value, timestamp } of records) {
      assert.equal(partitionOf(murmur2(Buffer.from(key ?? '')), 4), partition)
      assert.deepEqual([`k${value}`, timestamp], [key, Number(value)])
    }
  }
})

test('event time comes from the value', async () => {
  const { disk, port, info } = setUp(1)
  const stream = jsonStream('visits', { time: (value) => (value as { at: number }).at })
  const rows = [{ value: { at: 5 } }, { value: { at: 7.9 } }]
  await makeIngest(port, info, new GeneratorSource({ name: 'g', rows, count: 9 }), { stream }).run()
  assert.deepEqual(
    recordsOf(disk, port.log, info)
      .flat()
      .map(({ timestamp }) => timestamp),
    [5, 7],
  )
})

test('a schema sees the row as its input: CSV text can become numbers', async (t) => {
  const path = join(temporaryDirectory(t), 'rows.csv')
  writeFileSync(path, 'name,delay\na,1\nb,x\nc,3\n')
  const { disk, port, info } = setUp(1)
  const schema = z.object({ name: z.string(), delay: z.coerce.number() })
  const value = json(schema, { encode: (row) => row })
  const stream = jsonStream('visits', {
    value: value as unknown as ReturnType<typeof jsonStream>['value'],
    time: (row) => (row as { delay: number }).delay,
  })
  const end = await makeIngest(port, info, file(path), { stream, onError: 'drop' }).run()
  assert.equal(end.progress.dropped, 1)
  const stored = recordsOf(disk, port.log, info).flat()
  assert.deepEqual(
    stored.map(({ value: text, timestamp }) => [text, timestamp]),
    [
      ['{"name":"a","delay":"1"}', 1],
      ['{"name":"c","delay":"3"}', 3],
    ],
  )
})

test('policy fail: ERR_INPUT_MALFORMED names file, line and column; nothing of the piece is taken', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, `${lines(0, 3)}{"n": oops}\n${lines(4, 1)}`)
  const { disk, port, info } = setUp(1)
  await assert.rejects(makeIngest(port, info, file(path)).run(), (error: unknown) => {
    assert.ok(error instanceof TidemarkError)
    assert.equal(error.code, 'ERR_INPUT_MALFORMED')
    assert.ok(error.message.startsWith(`${path}:4:7: not JSON: a value expected, but found 'oops'. Mend the row`))
    assert.deepEqual(error.details, { file: path, line: 4, column: 7 })
    return true
  })
  // Mended, it goes on.
  writeFileSync(path, lines(0, 5))
  await makeIngest(port, info, file(path)).run()
  assert.deepEqual(
    recordsOf(disk, port.log, info)
      .flat()
      .map(({ value }) => value),
    lines(0, 5).trim().split('\n'),
  )
})

test('a bad time and a value that the serde refuses are malformed rows', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, '{"at":"noon"}\n')
  const { port, info } = setUp(1)
  const timed = jsonStream('visits', { time: (value) => (value as { at: number }).at })
  await assert.rejects(makeIngest(port, info, file(path), { stream: timed }).run(), {
    code: 'ERR_INPUT_MALFORMED',
    message: /:1:1: the event time of stream visits must be ms since 1970, but is the text "noon"/,
  })
  const counted = jsonStream('visits', { value: uint() as unknown as ReturnType<typeof jsonStream>['value'] })
  await assert.rejects(makeIngest(port, info, file(path), { stream: counted }).run(), { code: 'ERR_INPUT_MALFORMED' })
})

test('policy drop counts and goes on', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, `oops\n${lines(0, 2)}nope\n`)
  const { disk, port, info } = setUp(1)
  const end = await makeIngest(port, info, file(path), { onError: 'drop' }).run()
  assert.deepEqual([end.progress.dropped, end.progress.rows], [2, 4])
  assert.equal(recordsOf(disk, port.log, info).flat().length, 2)
  assert.equal((await makeIngest(port, info, file(path), { onError: 'drop' }).run()).progress.dropped, 0)
})

test('policy dead letter: the text with its cause and place, in the same transaction', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, `${lines(0, 1)}  {"n": oops\n{"at":1}\n`)
  const { disk, port, info } = setUp(1)
  const deadLetters = makeStream(port.log, 'visits-dead', 1)
  const stream = jsonStream('visits', { time: (value) => ('at' in (value as object) ? Number.NaN : 1) })
  const options = { stream, deadLetters, onError: { deadLetter: 'visits-dead' } } as const
  const end = await makeIngest(port, info, file(path), options).run()
  assert.equal(end.progress.deadLettered, 2)
  assert.equal(port.seen.length, 1)
  const dead = recordsOf(disk, port.log, deadLetters).flat()
  assert.deepEqual(
    dead.map(({ value, headers }) => [value, headers]),
    [
      [
        '  {"n": oops',
        {
          'tm-error': "not JSON: a value expected, but found 'oops'",
          'tm-stream': 'visits',
          'tm-file': path,
          'tm-line': '2',
          'tm-column': '9',
        },
      ],
      [
        '{"at":1}',
        {
          'tm-error': 'the event time of stream visits must be ms since 1970, but is NaN',
          'tm-stream': 'visits',
          'tm-file': path,
          'tm-line': '3',
          'tm-column': '1',
        },
      ],
    ],
  )
  assert.throws(() => makeIngest(port, info, file(path), { onError: { deadLetter: 'gone' } }), {
    code: 'ERR_UNKNOWN_STREAM',
  })
})

test('standard input: the producer goes on, and so do the rows', async () => {
  const { disk, port, info } = setUp(1)
  for (const n of [0, 1]) {
    const stream = new PassThrough()
    stream.end(lines(n, 1))
    await makeIngest(port, info, new StdinSource({ stream, format: 'jsonl', waiter: noWait })).run()
  }
  assert.deepEqual(
    recordsOf(disk, port.log, info)
      .flat()
      .map(({ value }) => value),
    ['{"n":0}', '{"n":1}'],
  )
  const producer = port.log.producer('source:visits:-')
  assert.equal(producer?.id, 2)
  assert.deepEqual(readPosition(producer.checkpoint), { kind: 'stdin', rows: 2 })
})

test('commits are due by rows, bytes, time, or when nothing more comes', async () => {
  const rows = (i: number): { value: number } => ({ value: i })
  const source = (): GeneratorSource => new GeneratorSource({ name: 'g', rows, count: 10_240 })
  const commits = async (options: Parameters<typeof makeIngest>[3]): Promise<number> => {
    const { port, info } = setUp()
    return (await makeIngest(port, info, source(), options).run()).progress.commits
  }
  assert.equal(await commits({ commitRows: 1e9, commitBytes: 1e9, commitIntervalMs: 1e9 }), 1)
  assert.equal(await commits({ commitRows: 2048, commitBytes: 1e9, commitIntervalMs: 1e9 }), 5)
  assert.equal(await commits({ commitRows: 1e9, commitBytes: 1, commitIntervalMs: 1e9 }), 10)
  assert.equal(await commits({ commitRows: 1e9, commitBytes: 1e9, commitIntervalMs: 0 }), 10)
})

test('two commits are in flight at most, with ids that follow', async () => {
  const { port, info } = setUp()
  port.held = true
  const rows = (i: number): { value: number } => ({ value: i })
  const source = new GeneratorSource({ name: 'g', rows, count: 20_000 })
  const ended = makeIngest(port, info, source, { commitRows: 1 }).run()
  const state = { running: true }
  void ended.finally(() => void (state.running = false))
  while (state.running) {
    for (let turn = 0; turn < 5; turn++) await noWait.wait(0)
    port.pump()
  }
  const { progress } = await ended
  assert.equal(progress.commits, 20)
  assert.equal(port.mostWaiting, 2)
  assert.deepEqual(
    port.seen.map(({ id }) => id),
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
})

test('a failed commit ends the ingest with its error, whatever the log says of the one behind it', async () => {
  const { disk, port, info } = setUp()
  const full = toWireError(new TidemarkError('ERR_DISK_FULL', 'no space'))
  const rows = (i: number): { value: number } => ({ value: i })
  const make = (): GeneratorSource => new GeneratorSource({ name: 'g', rows, count: 20_000 })
  const ingest = makeIngest(port, info, make(), { commitRows: 1 })
  const ended = ingest.run()
  while (ingest.progress().commits < 3) await noWait.wait(0)
  port.held = true
  port.outcomes = [
    { outcome: 'failed', error: full },
    { outcome: 'fenced', error: null },
  ]
  for (const before = port.seen.length; port.seen.length < before + 2; ) await noWait.wait(0)
  port.pump()
  await assert.rejects(ended, { code: 'ERR_DISK_FULL' })
  assert.equal(ingest.progress().committedRows, 1024 * ingest.progress().commits)
  // The next run goes on after what was committed.
  port.held = false
  await makeIngest(port, info, make()).run()
  const values = recordsOf(disk, port.log, info)
    .flat()
    .map(({ value }) => Number(value))
  assert.deepEqual(
    values.sort((a, b) => a - b),
    Array.from({ length: 20_000 }, (_, i) => i),
  )
})

test('an ingest whose producer was claimed again ends with ERR_SOURCE_FENCED', async () => {
  const { port, info } = setUp()
  const source = (): GeneratorSource => new GeneratorSource({ name: 'g', rows: [{ value: 1 }], count: 1 })
  const old = makeIngest(port, info, source())
  await makeIngest(port, info, source()).run()
  await assert.rejects(old.run(), { code: 'ERR_SOURCE_FENCED', message: /input g of stream visits/ })
})

test('stop commits what was read, and the next run goes on', async (t) => {
  const path = join(temporaryDirectory(t), 'visits.jsonl')
  writeFileSync(path, lines(0, 5))
  const { disk, port, info } = setUp(1)
  const source = new FileSource({ path, format: 'jsonl', follow: true, waiter: noWait })
  const ingest = makeIngest(port, info, source)
  const ended = ingest.run()
  while (ingest.progress().committedRows < 5) await noWait.wait(0)
  appendFileSync(path, lines(5, 5))
  while (ingest.progress().rows < 10) await noWait.wait(0)
  ingest.stop()
  const { finished, progress } = await ended
  assert.deepEqual([finished, progress.committedRows], [false, 10])
  assert.equal(recordsOf(disk, port.log, info).flat().length, 10)
})

test('back-pressure: nothing is read while it is asked for, and what was read is committed', async () => {
  const { port, info } = setUp()
  let full = false
  const rows = (i: number): { value: number } => ({ value: i })
  const source = new GeneratorSource({ name: 'g', rows, count: 4096 })
  const ingest = makeIngest(port, info, source, { pauseWhile: () => full, waiter: { wait: () => noWait.wait(0) } })
  const ended = ingest.run()
  while (ingest.progress().rows === 0) await noWait.wait(0)
  full = true
  await noWait.wait(0)
  const { rows: before } = ingest.progress()
  for (let i = 0; i < 20; i++) await noWait.wait(0)
  assert.ok(before < 4096 || ingest.progress().rows === before)
  assert.equal(ingest.progress().rows, before)
  assert.equal(ingest.progress().committedRows, before)
  full = false
  assert.equal((await ended).progress.rows, 4096)
})

test('fill puts keyed values into a stream', async () => {
  const { port, info } = setUp()
  assert.equal((await fill(port, info, 'g', [1, 2, 3])).progress.rows, 3)
})
