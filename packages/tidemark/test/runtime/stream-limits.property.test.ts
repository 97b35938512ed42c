import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stream, type StreamDef } from '../../src/api/stream.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import type { RecordHeaders } from '../../src/log/batch-encoder.ts'
import { batchSizeBytes } from '../../src/log/batch-header.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import type { Append, StreamInfo } from '../../src/log/types.ts'
import { MessageEncoder } from '../../src/runtime/message-encoder.ts'
import { OutputBuffer } from '../../src/runtime/output-buffer.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { RowBatch } from '../../src/sources/row-batch.ts'
import { RowEncoder } from '../../src/sources/row-encoder.ts'

const NOW_MS = 1_000_000_000_000
const HOUR_MS = 3_600_000
const MAX_BYTES = 1000

const out = stream('out', { key: string(), value: json<string>() }) as unknown as StreamDef<unknown, unknown>
const info: StreamInfo = {
  name: 'out',
  partitions: 1,
  kind: 'user',
  retentionMs: null,
  retentionBytes: null,
  meta: '{}',
  id: 0,
  slot: 0,
  limits: { maxBatchBytes: MAX_BYTES, beforeMs: 24 * HOUR_MS, afterMs: HOUR_MS, setBy: 'the test' },
}

/** Values in order; each batch is as large as the stream takes at most. */
function valuesOf(appends: readonly Append[]): string[] {
  const values: string[] = []
  const cursor = new RecordCursor()
  for (const { bytes } of appends) {
    for (let at = 0; at < bytes.length; at += batchSizeBytes(bytes, at)) {
      assert.ok(batchSizeBytes(bytes, at) <= MAX_BYTES, `a batch of ${batchSizeBytes(bytes, at)} bytes`)
    }
    cursor.reset(bytes)
    while (cursor.nextBatch()) {
      while (cursor.next()) values.push(Buffer.from(bytes.subarray(cursor.valueStart, cursor.valueEnd)).toString())
    }
  }
  return values
}

const sizes = fc.array(fc.integer({ min: 0, max: 1200 }), { maxLength: 40 })
const headerSizes = fc.integer({ min: 0, max: 60 })

test('what a task sends is in batches that the stream takes, or is refused: ERR_MESSAGE_TOO_LARGE', () => {
  fc.assert(
    fc.property(sizes, headerSizes, (list, headerBytes) => {
      const buffer = new OutputBuffer()
      const output = buffer.stream(info)
      buffer.sampleTime(NOW_MS)
      const headers: RecordHeaders = [['h'.repeat(headerBytes), Buffer.alloc(headerBytes)]]
      const taken: string[] = []
      for (const [i, size] of list.entries()) {
        const value = Buffer.from(`${i}`.padEnd(size, '.'))
        try {
          output.append(0, NOW_MS + i, value, 0, 1, value, 0, value.length, headers)
          taken.push(value.toString())
        } catch (error) {
          assert.ok(isTidemarkError(error, 'ERR_MESSAGE_TOO_LARGE'))
          assert.match(error.message, /stream out takes \d+ bytes .* takes 1000 at most \(the test\)/)
          // Not by much too careful.
          assert.ok(value.length + 4 * headerBytes > MAX_BYTES - 61 - 60)
        }
      }
      assert.deepEqual(valuesOf(buffer.seal()), taken)
    }),
  )
})

test('so are rows of a source, and those that are refused go by its policy', () => {
  fc.assert(
    fc.property(sizes, (list) => {
      const clock = new ManualClock(NOW_MS)
      const encoder = new RowEncoder({ stream: out, info, deadLetters: { ...info, id: 1 }, clock })
      const batch = new RowBatch()
      const rows = list.map((size, i) => `${i}`.padEnd(size, '.'))
      for (const row of rows) batch.values.push(row)
      const taken: string[] = []
      for (const [i, row] of rows.entries()) {
        const bad = encoder.add(batch, i, i)
        if (bad === null) taken.push(JSON.stringify(row))
        else assert.match(bad.error, /stream out takes \d+ bytes/)
      }
      const appends = encoder.seal()
      assert.deepEqual(valuesOf(appends), taken)
    }),
  )
})

test('timestamps far from the clock are refused where they are sent: ERR_MESSAGE_TIMESTAMP', () => {
  const buffer = new OutputBuffer()
  const output = buffer.stream(info)
  assert.equal(buffer.timed, true)
  buffer.sampleTime(NOW_MS)
  const value = Buffer.from('v')
  const send = (timestamp: number): void => output.append(0, timestamp, value, 0, -1, value, 0, 1, null)
  send(NOW_MS)
  send(NOW_MS + HOUR_MS - 1000)
  send(NOW_MS - 23 * HOUR_MS)
  assert.throws(() => send(NOW_MS + 2 * HOUR_MS), {
    code: 'ERR_MESSAGE_TIMESTAMP',
    message: /has the timestamp \d+, 7200000 ms ahead of the clock; the stream takes 3600000 at most \(the test\)/,
  })
  assert.throws(() => send(NOW_MS - 25 * HOUR_MS), { code: 'ERR_MESSAGE_TIMESTAMP', message: /behind the clock/ })
  buffer.sampleTime(NOW_MS + 2 * HOUR_MS)
  send(NOW_MS + 2 * HOUR_MS)
  assert.equal(output.limits.taken(0), NOW_MS + 2 * HOUR_MS)
  const encoder = new MessageEncoder(out, info)
  const message = { key: 'k', value: 'v', timestamp: NOW_MS + 2 * HOUR_MS }
  assert.throws(() => encoder.encode(message, NOW_MS), { code: 'ERR_MESSAGE_TIMESTAMP' })
  assert.throws(() => encoder.encode({ ...message, value: 'v'.repeat(1000) }, message.timestamp), {
    code: 'ERR_MESSAGE_TOO_LARGE',
  })
  assert.equal(encoder.encode(message, message.timestamp).partition, 0)
})

test('a stream without limits takes everything', () => {
  const { limits: _, ...free } = info
  const buffer = new OutputBuffer()
  const value = Buffer.alloc(2_000_000)
  buffer.stream(free).append(0, 0, value, 0, -1, value, 0, value.length, null)
  assert.equal(buffer.timed, false)
  assert.equal(buffer.seal().length, 1)
})
