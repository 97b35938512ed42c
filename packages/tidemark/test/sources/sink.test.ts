import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { test } from 'node:test'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import { int64 } from '../../src/serde/numbers.ts'
import { toJson } from '../../src/sources/message-lines.ts'
import { readSinkPosition, Sink, type SinkOptions, sinkProducer } from '../../src/sources/sink.ts'
import { FileTarget, type SinkTarget, StreamTarget } from '../../src/sources/sink-target.ts'
import { GeneratorSource } from '../../src/sources/generator-source.ts'
import { fill, jsonStream, makeIngest, makeStream, openLog, readersOf, TestPort } from './log-support.ts'
import { noWait } from './support.ts'

const OUT = '/out/counts.jsonl'

function setUp(partitions = 2): { disk: MemDisk; port: TestPort; info: ReturnType<typeof makeStream> } {
  const disk = new MemDisk()
  disk.makeDirectory('/out')
  const log = openLog(disk)
  return { disk, port: new TestPort(log), info: makeStream(log, 'counts', partitions) }
}

type SetUp = ReturnType<typeof setUp>

function makeSink({ disk, port, info }: SetUp, target: SinkTarget, options: Partial<SinkOptions> = {}): Sink {
  const producer = port.log.claim(sinkProducer(info.name, target.name), '{}')
  const readers = readersOf(disk, info, port.offsets)
  return new Sink({ log: port, stream: jsonStream(info.name), info, producer, readers, target, ...options })
}

/** Writes what the stream holds now to a file, and ends. */
async function copyOut(up: SetUp, options: Partial<SinkOptions> = {}, path = OUT): Promise<Sink> {
  const sink = makeSink(up, new FileTarget(up.disk, path), options)
  sink.stop()
  await sink.run()
  return sink
}

const linesIn = (disk: MemDisk, path = OUT): string[] => {
  const text = Buffer.from(readFile(disk, path)).toString()
  assert.ok(text === '' || text.endsWith('\n'))
  return text.split('\n').slice(0, -1)
}
const values = (from: number, n: number): { n: number }[] => Array.from({ length: n }, (_, i) => ({ n: from + i }))
const texts = (from: number, n: number): string[] =>
  values(from, n)
    .map((value) => JSON.stringify(value))
    .sort()

test('each value is a line; a later run appends what is new', async () => {
  const up = setUp()
  await fill(up.port, up.info, 'a', values(0, 10))
  await copyOut(up)
  assert.deepEqual(linesIn(up.disk).sort(), texts(0, 10))
  await copyOut(up)
  assert.equal(linesIn(up.disk).length, 10)
  await fill(up.port, up.info, 'b', values(10, 5))
  const sink = await copyOut(up)
  assert.deepEqual(linesIn(up.disk).sort(), texts(0, 15))
  assert.deepEqual({ ...sink.progress(), bytes: 0 }, { records: 5, missed: 0, bytes: 0, commits: 1 })
})

test('form message: key, value, timestamp, partition, offset, and headers if there are any', async () => {
  const up = setUp(1)
  const dead = makeStream(up.port.log, 'dead', 1)
  const rows = [{ key: 'k', value: { a: 1 }, timestamp: 5 }, { value: undefined }]
  const source = new GeneratorSource({ name: 'g', rows, count: 2 })
  await makeIngest(up.port, up.info, source, { deadLetters: dead, onError: { deadLetter: 'dead' } }).run()
  await copyOut(up, { form: 'message' })
  assert.deepEqual(linesIn(up.disk), ['{"key":"k","value":{"a":1},"timestamp":5,"partition":0,"offset":0}'])
  const stream = jsonStream('dead', { value: jsonStream('dead').key })
  await copyOut({ ...up, info: dead }, { form: 'message', stream }, '/out/dead.jsonl')
  const [line] = linesIn(up.disk, '/out/dead.jsonl')
  const message = JSON.parse(line ?? '') as { value: string; headers: Record<string, string> }
  assert.equal(message.value, '')
  assert.equal(message.headers['tm-file'], 'g')
})

test('values that JSON has no word for', async () => {
  assert.equal(
    toJson({ big: 12345678901234567890n, bytes: Uint8Array.of(1, 2) }),
    '{"big":"12345678901234567890","bytes":"AQI="}',
  )
  assert.equal(toJson(new Map([['a', new Set([1])]])), '[["a",[1]]]')
  assert.equal(toJson(undefined), 'null')
  const up = setUp(1)
  const stream = jsonStream('counts', { value: int64() as unknown as ReturnType<typeof jsonStream>['value'] })
  const source = new GeneratorSource({ name: 'g', rows: [{ value: -5n }], count: 1 })
  await makeIngest(up.port, up.info, source, { stream }).run()
  await copyOut(up, { stream })
  assert.deepEqual(linesIn(up.disk), ['"-5"'])
})

test('a value that cannot be decoded is ERR_SERDE and names the record', async () => {
  const up = setUp(1)
  await fill(up.port, up.info, 'a', ['text'])
  const stream = jsonStream('counts', { value: int64() as unknown as ReturnType<typeof jsonStream>['value'] })
  await assert.rejects(copyOut(up, { stream }), {
    code: 'ERR_SERDE',
    message: /^the value of stream counts, partition 0, offset 0 cannot be decoded/,
  })
})

test('a running sink writes what comes, until it is stopped', async () => {
  const up = setUp()
  const sink = makeSink(up, new FileTarget(up.disk, OUT))
  const ended = sink.run()
  for (const from of [0, 10, 20]) {
    await fill(up.port, up.info, `g${from}`, values(from, 10))
    while (sink.progress().records < from + 10) await noWait.wait(0)
  }
  sink.stop()
  await ended
  assert.deepEqual(linesIn(up.disk).sort(), texts(0, 30))
})

test('a file that the data directory knows nothing of is ERR_OUTPUT_EXISTS and stays as it is', async () => {
  const up = setUp()
  const file = up.disk.open(OUT, 'create')
  file.write(Buffer.from('precious\n'), 0)
  await assert.rejects(copyOut(up), { code: 'ERR_OUTPUT_EXISTS', message: /counts.jsonl holds 9 bytes/ })
  assert.deepEqual(linesIn(up.disk), ['precious'])
})

test('a file that is missing, shorter or different is ERR_OUTPUT_CHANGED; what is behind the committed end goes', async () => {
  const up = setUp(1)
  await fill(up.port, up.info, 'a', values(0, 10))
  await copyOut(up)
  const whole = Buffer.from(readFile(up.disk, OUT))
  const file = up.disk.open(OUT, 'write')
  file.write(Buffer.from('torn li'), whole.length)
  await copyOut(up)
  assert.deepEqual(Buffer.from(readFile(up.disk, OUT)), whole)
  file.write(Buffer.from('#'), 3)
  await assert.rejects(copyOut(up), { code: 'ERR_OUTPUT_CHANGED', message: /content is different/ })
  file.truncate(5)
  await assert.rejects(copyOut(up), { code: 'ERR_OUTPUT_CHANGED', message: /only 5 bytes/ })
  up.disk.remove(OUT)
  await assert.rejects(copyOut(up), { code: 'ERR_OUTPUT_CHANGED', message: /it is missing/ })
})

test('a sink whose producer was claimed again ends with ERR_SOURCE_FENCED', async () => {
  const up = setUp()
  const old = makeSink(up, new FileTarget(up.disk, OUT))
  await copyOut(up)
  await assert.rejects(old.run(), { code: 'ERR_SOURCE_FENCED', message: /output \/out\/counts.jsonl of stream counts/ })
})

test('a stream target: lines come after DECIDE of their records; the position is kept', async () => {
  const up = setUp(1)
  const run = async (): Promise<string> => {
    const stream = new PassThrough()
    const sink = makeSink(up, new StreamTarget(stream))
    sink.stop()
    await sink.run()
    stream.end()
    return Buffer.concat(await stream.toArray()).toString()
  }
  await fill(up.port, up.info, 'a', [1, 2])
  assert.equal(await run(), '1\n2\n')
  await fill(up.port, up.info, 'b', [3])
  assert.equal(await run(), '3\n')
  const producer = up.port.log.producer(sinkProducer('counts', '-'))
  assert.deepEqual(readSinkPosition(producer?.checkpoint ?? new Uint8Array(0)), {
    version: 1,
    positions: [3],
    written: { bytes: 6, crc: 0 },
  })
})

test('a stream whose other end is gone is ERR_OUTPUT_CLOSED', async () => {
  const up = setUp(1)
  await fill(up.port, up.info, 'a', [1, 2])
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('write EPIPE')) })
  const sink = makeSink(up, new StreamTarget(broken))
  sink.stop()
  await assert.rejects(sink.run(), {
    code: 'ERR_OUTPUT_CLOSED',
    message: 'standard output takes nothing more: write EPIPE',
  })
})

test('records that retention took away are counted as missed, before a run and during it', async () => {
  const disk = new MemDisk()
  disk.makeDirectory('/out')
  // Only streams of this kind can be trimmed at will.
  const port = new TestPort(openLog(disk, 200))
  const up = { disk, port, info: makeStream(port.log, 'counts', 1, 'intermediate') }
  const part = (i: number): Promise<unknown> => fill(port, up.info, `g${i}`, values(i * 10, 10))
  for (const i of [0, 1, 2]) await part(i)
  await copyOut(up)
  for (const i of [3, 4, 5]) await part(i)
  port.log.trim(up.info.id, 0, 45)
  const sink = makeSink(up, new FileTarget(disk, OUT))
  const ended = sink.run()
  while (sink.progress().records < 20) await noWait.wait(0)
  assert.equal(sink.progress().missed, 10, 'segments go whole')
  // At once, so that the sink sees none of it before the trim.
  const { producer, epoch } = port.log.claim('direct', '{}')
  for (const i of [6, 7, 8]) {
    const batch = new BatchEncoder()
    for (const value of values(i * 10, 10)) {
      const bytes = Buffer.from(JSON.stringify(value))
      batch.append(0, null, 0, 0, bytes, 0, bytes.length, null)
    }
    const appends = [{ stream: up.info.id, partition: 0, bytes: batch.finish() }]
    port.log.commit([{ producer, epoch, id: i - 5, appends, delta: null, checkpoint: new Uint8Array(0) }])
  }
  port.log.trim(up.info.id, 0, 80)
  sink.stop()
  await ended
  assert.deepEqual([sink.progress().missed, sink.progress().records], [30, 30])
  assert.deepEqual(linesIn(disk).sort(), [...texts(0, 30), ...texts(40, 20), ...texts(80, 10)].sort())
})
