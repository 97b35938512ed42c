import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import { writeInt64 } from '../../src/log/batch-header.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import type { Append, StreamInfo } from '../../src/log/types.ts'
import { OutputBuffer } from '../../src/runtime/output-buffer.ts'

const PARTITIONS = 2
const info: StreamInfo = {
  id: 0,
  name: 'out',
  kind: 'user',
  partitions: PARTITIONS,
  slot: 0,
  retentionMs: null,
  retentionBytes: null,
  meta: '{}',
  limits: { maxBatchBytes: 40_000, beforeMs: 1e15, afterMs: 1e15, setBy: 'the test' },
}

/** What becomes of a record: most of a batch goes on, but for a few. */
const record = fc.record({
  bytes: fc.integer({ min: 0, max: 1200 }),
  hasKey: fc.boolean(),
  after: fc.integer({ min: -200_000, max: 200_000 }),
  partition: fc.integer({ min: 0, max: PARTITIONS - 1 }),
})
const batch = fc.record({
  records: fc.oneof(
    fc.array(record, { minLength: 1, maxLength: 60 }),
    fc.array(record, { minLength: 20, maxLength: 60, size: 'max' }),
  ),
  codec: fc.constantFrom('none' as const, 'none' as const, 'gzip' as const),
  /** Into the partition of the first, whatever the records say. */
  together: fc.boolean(),
  /** Of which record something else becomes: at this place, and not a run. */
  dropped: fc.option(fc.integer({ min: 0, max: 60 })),
  appended: fc.option(fc.integer({ min: 0, max: 60 })),
  sealed: fc.boolean(),
})

interface Seen {
  readonly key: string | null
  readonly value: string
  readonly timestamp: number
}

const text = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.subarray(start, end)).toString()

function seen(cursor: RecordCursor): Seen {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor
  return {
    key: keyEnd < 0 ? null : text(bytes, keyStart, keyEnd),
    value: text(bytes, valueStart, valueEnd),
    timestamp,
  }
}

/** What batches say, by partition; checks what a broker checks of them. */
function readAll(appends: readonly Append[], into: Seen[][]): void {
  const cursor = new RecordCursor()
  for (const { bytes, partition } of appends) {
    cursor.reset(bytes)
    while (cursor.nextBatch()) {
      assert.ok(cursor.batchBytes <= 40_000)
      assert.equal(cursor.recordCount, cursor.lastOffset + 1)
      let latest = Number.NEGATIVE_INFINITY
      let records = 0
      for (; cursor.next(); records++) {
        assert.equal(cursor.offset, records)
        latest = Math.max(latest, cursor.timestamp)
        into[partition]?.push(seen(cursor))
      }
      assert.equal(cursor.recordCount, records)
      assert.equal(cursor.maxTimestamp, latest)
    }
  }
}

test('records that go on as they came, in runs or not, are the records that would have been appended', () => {
  let runs = 0
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 8 }), (batches) => {
      const buffer = new OutputBuffer()
      const output = buffer.stream(info)
      const wanted: Seen[][] = Array.from({ length: PARTITIONS }, () => [])
      const got: Seen[][] = Array.from({ length: PARTITIONS }, () => [])
      const encoder = new BatchEncoder()
      const cursor = new RecordCursor()
      let offset = 0
      for (const { records, codec, together, dropped, appended, sealed } of batches) {
        encoder.reset()
        for (const [i, { bytes, hasKey, after }] of records.entries()) {
          const value = Buffer.from(`${offset + i}`.padEnd(bytes, '.'))
          encoder.append(
            1e12 + after,
            hasKey ? value : null,
            0,
            Math.min(3, value.length),
            value,
            0,
            value.length,
            null,
          )
        }
        const made = encoder.finish({ codec })
        // As a broker gives it: the base offset is in no checksum.
        writeInt64(made, 0, offset)
        cursor.reset(made)
        assert.ok(cursor.nextBatch())
        for (let i = 0; cursor.next(); i++) {
          const { partition } = records[together ? 0 : i] as (typeof records)[0]
          if (i === dropped) continue
          wanted[partition]?.push(seen(cursor))
          if (i !== appended && output.pass(partition, cursor)) {
            runs++
            continue
          }
          const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestamp } = cursor
          output.append(partition, timestamp, bytes, keyStart, keyEnd, bytes, valueStart, valueEnd, null)
        }
        offset += records.length
        if (sealed) readAll(buffer.seal(), got)
      }
      readAll(buffer.seal(), got)
      assert.deepEqual(got, wanted)
    }),
    // Shrinking takes minutes.
    { endOnFailure: true },
  )
  assert.ok(runs > 1000, `${runs} records were in runs`)
})

test('a batch whose records do not say their times, or that has gaps, is no run', () => {
  const encoder = new BatchEncoder()
  const value = Buffer.alloc(1000)
  for (let i = 0; i < 20; i++) encoder.append(i, null, 0, 0, value, 0, 1000, null)
  const whole = encoder.finish()
  for (const change of [(b: Uint8Array) => (b[22] = 8), (b: Uint8Array) => (b[26] = 30)]) {
    const batchBytes = whole.slice()
    const output = new OutputBuffer().stream(info)
    const cursor = new RecordCursor({ verify: false })
    for (const changed of [false, true]) {
      if (changed) change(batchBytes)
      cursor.reset(batchBytes)
      assert.ok(cursor.nextBatch() && cursor.next())
      assert.equal(output.pass(changed ? 1 : 0, cursor), !changed)
    }
  }
})
