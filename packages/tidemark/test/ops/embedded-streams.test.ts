import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { StreamRange } from '../../src/api/system-tools.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { EmbeddedStreams } from '../../src/ops/embedded-streams.ts'
import { RecordDecoder } from '../../src/ops/record-decoder.ts'
import { RecordPacker } from '../../src/ops/record-packer.ts'
import { toolSerde } from '../../src/ops/tool-serdes.ts'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import { batch, DIRECTORY, JobData } from './job-data.ts'

const META = JSON.stringify({ key: 'string', keyVersion: 1, value: 'json', valueVersion: 1 })
const AUTO = { key: toolSerde('auto', ''), value: toolSerde('auto', '') }

function visits(): { data: JobData; tools: EmbeddedStreams; clock: ManualClock } {
  const data = new JobData([], 1)
  const spec = { name: 'visits', partitions: 2, kind: 'user', retentionMs: 1000, retentionBytes: null } as const
  const stream = data.log.createStream({ ...spec, meta: META })
  const times = [5, 7, 6, 9]
  const bytes = batch(times.map((timestamp) => ({ key: 'k', value: timestamp, timestamp })))
  data.commit([{ stream: stream.id, partition: 1, bytes }])
  const clock = new ManualClock()
  const tools = new EmbeddedStreams({ disk: data.disk, directory: DIRECTORY, clock })
  return { data, tools, clock }
}

async function timestamps(tools: EmbeddedStreams, range: StreamRange): Promise<number[]> {
  const decoder = new RecordDecoder({ stream: 'visits', serdes: AUTO, marks: false })
  const found: number[] = []
  for await (const { partition, bytes, from, to } of tools.read('visits', range)) {
    for (const { timestamp } of decoder.records(partition, bytes, from, to)) found.push(timestamp)
  }
  return found
}

test('a range of a stream: by offset, and from or to the first record of a time, in the middle of a batch', async () => {
  const { tools } = visits()
  assert.deepEqual(await timestamps(tools, {}), [5, 7, 6, 9])
  assert.deepEqual(await timestamps(tools, { from: { offset: 1 }, to: { offset: 3 } }), [7, 6])
  assert.deepEqual(await timestamps(tools, { from: { timestampMs: 6 } }), [7, 6, 9])
  assert.deepEqual(await timestamps(tools, { to: { timestampMs: 8 } }), [5, 7, 6])
  assert.deepEqual(await timestamps(tools, { from: { timestampMs: 10 } }), [])
  assert.deepEqual(await timestamps(tools, { from: 'end' }), [])
  assert.deepEqual(await timestamps(tools, { partition: 0 }), [])
  await assert.rejects(timestamps(tools, { partition: 2 }), { code: 'ERR_UNKNOWN_STREAM' })
  await assert.rejects(timestamps(tools, { committed: false }), { code: 'ERR_USAGE' })
})

test('following goes on with what comes, up to where it is to end', async () => {
  const { data, tools, clock } = visits()
  const range = { from: { offset: 3 }, to: { offset: 5 }, partition: 1, follow: true }
  const found = timestamps(tools, range)
  const more = batch([11, 12].map((timestamp) => ({ key: 'k', value: timestamp, timestamp })))
  data.commit([{ stream: data.log.streams()[0]?.id ?? -1, partition: 1, bytes: more }])
  await setImmediate()
  clock.advance(100)
  assert.deepEqual(await found, [9, 11])
})

test('streams are listed with offsets and sizes', async () => {
  const { tools } = visits()
  const [listed] = await tools.list()
  assert.deepEqual([listed?.name, listed?.kind, listed?.job, listed?.value], ['visits', 'user', null, 'json'])
  assert.equal(listed?.retentionMs, 1000)
  const [empty, full] = listed?.partitions ?? []
  assert.deepEqual([empty?.start, empty?.end], [0, 0])
  assert.deepEqual([full?.start, full?.end], [0, 4])
  assert.ok((full?.sizeBytes ?? 0) > 0)
})

test('a packer ends a batch before it is too large, keeps the order, and refuses a record that no batch can hold', () => {
  const packer = new RecordPacker({
    stream: 's',
    partitions: 2,
    serdes: AUTO,
    clock: new ManualClock(77),
    maxBatchBytes: 1000,
  })
  for (let i = 0; i < 9; i++) packer.add({ key: null, value: 'x'.repeat(200) + i, timestamp: null, partition: i % 2 })
  assert.throws(() => packer.add({ key: null, value: 'x'.repeat(1000), timestamp: null }), {
    code: 'ERR_RECORD_INVALID',
  })
  assert.throws(() => packer.add({ key: null, value: 'x', timestamp: null, partition: 2 }), {
    code: 'ERR_UNKNOWN_STREAM',
  })
  assert.equal(packer.waiting, 9)
  const batches = packer.take()
  assert.ok(batches.length > 2 && batches.every(({ bytes }) => bytes.length <= 1000))
  const decoder = new RecordDecoder({ stream: 's', serdes: AUTO, marks: false })
  const values = [0, 1].map((wanted) =>
    batches
      .filter(({ partition }) => partition === wanted)
      .flatMap(({ partition, bytes }) => [...decoder.records(partition, bytes, 0)])
      .map(({ value }) => String(value).slice(200)),
  )
  assert.deepEqual(values, [
    ['0', '2', '4', '6', '8'],
    ['1', '3', '5', '7'],
  ])
  assert.deepEqual(packer.take(), [])
})

test('auto: text as it is, other bytes by base64, everything else as JSON; names of others for our serdes', () => {
  const through = (name: string, value: unknown, readBy = name): unknown => {
    const out = new ByteWriter()
    toolSerde(name, '--value-serde').write(value, out)
    return toolSerde(readBy, '--value-serde').read(out.bytes, 0, out.position)
  }
  assert.equal(through('auto', 'grün'), 'grün')
  assert.equal(through('auto', { a: 1 }), '{"a":1}')
  assert.equal(through('auto', 5), '5')
  assert.deepEqual(through('auto', { base64: '/wA=' }), Uint8Array.of(255, 0))
  assert.deepEqual(through('base64', { base64: 'YQ==' }, 'utf8'), 'a')
  assert.deepEqual(through('json', { base64: 'YQ==' }), { base64: 'YQ==' })
  assert.throws(() => toolSerde('xml', '--value-serde'), { code: 'ERR_USAGE', message: /--value-serde: .*utf8/ })
})
