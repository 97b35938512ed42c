import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchEncoder, type RecordHeaders } from '../../src/log/batch-encoder.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import type { StreamInfo } from '../../src/log/types.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { OutputBuffer } from '../../src/runtime/output-buffer.ts'
import { SourceEnds } from '../../src/runtime/source-ends.ts'
import { NOTHING } from '../../src/runtime/operators/operator.ts'
import { RepartitionOperator } from '../../src/runtime/operators/outputs.ts'
import { Row } from '../../src/runtime/row.ts'
import { string } from '../../src/serde/string.ts'
import type { Serde } from '../../src/serde/serde.ts'

interface Sent {
  readonly key: string | null
  readonly value: string | null
  readonly headers: RecordHeaders | null
}

const RECORDS: readonly Sent[] = [
  { key: 'a', value: 'one', headers: [['from', Buffer.from('x')]] },
  { key: null, value: 'two', headers: null },
  { key: 'b', value: null, headers: [['gone', null]] },
  {
    key: null,
    value: null,
    headers: [
      ['from', Buffer.from('y')],
      ['more', null],
    ],
  },
]

function batchOf(records: readonly Sent[]): Uint8Array {
  const encoder = new BatchEncoder()
  for (const [i, { key, value, headers }] of records.entries()) {
    const [k, v] = [Buffer.from(key ?? ''), Buffer.from(value ?? '')]
    encoder.append(i, key === null ? null : k, 0, k.length, value === null ? null : v, 0, v.length, headers)
  }
  return encoder.finish()
}

function read(bytes: Uint8Array): Sent[] {
  const cursor = new RecordCursor()
  cursor.reset(bytes)
  const found: Sent[] = []
  const text = (start: number, end: number): string | null =>
    end < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)).toString()
  while (cursor.nextBatch()) {
    while (cursor.next()) {
      const headers =
        cursor.headerCount === 0 ? null : cursor.headers().map(([n, v]) => [n, v && Buffer.from(v)] as const)
      found.push({
        key: text(cursor.keyStart, cursor.keyEnd),
        value: text(cursor.valueStart, cursor.valueEnd),
        headers,
      })
    }
  }
  return found
}

test('R5: a repartition of whole records keeps headers, tombstones and records without a key', () => {
  const info = { name: 'out', id: 1, slot: 0, partitions: 3, kind: 'intermediate' } as StreamInfo
  const outputs = new OutputBuffer()
  const serde = string() as unknown as Serde<unknown>
  let dropped = 0
  const operator = new RepartitionOperator({
    output: outputs.stream(info),
    key: serde,
    value: serde,
    raw: true,
    whole: true,
    producer: 4,
    producers: 5,
    sent: null,
    ends: new SourceEnds(),
    dropped: () => void dropped++,
  })
  operator.next = NOTHING
  const origin = { stream: 's', partition: 4, key: serde, value: serde, onKey: null }
  const cursor = new RecordCursor()
  cursor.reset(batchOf(RECORDS))
  const row = new Row(origin)
  while (cursor.nextBatch()) {
    while (cursor.next()) {
      row.load(origin, cursor, cursor.timestamp, Number.NEGATIVE_INFINITY)
      operator.process(row)
    }
  }
  const appends = outputs.seal()
  const sent = appends.flatMap(({ partition, bytes }) => read(bytes).map((record) => ({ partition, ...record })))
  assert.equal(dropped, 0)
  for (const record of RECORDS) {
    const partition = record.key === null ? 4 % 3 : partitionOf(murmur2(Buffer.from(record.key)), 3)
    const found = sent.filter(({ key, value }) => key === record.key && value === record.value)
    assert.deepEqual(found, [{ partition, ...record }])
  }
})
