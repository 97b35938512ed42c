import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/errors/error.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import * as header from '../../src/log/batch-header.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { readAll } from './arbitrary-records.ts'

const KEY = Uint8Array.of(7)

function append(encoder: BatchEncoder, timestamp: number): void {
  encoder.append(timestamp, KEY, 0, 1, null, 0, 0, null)
}

test('count, size and timestamps follow what was appended, and reset starts over', () => {
  const encoder = new BatchEncoder()
  assert.deepEqual([encoder.count, encoder.firstTimestamp, encoder.maxTimestamp], [0, -1, -1])
  assert.equal(encoder.sizeBytes, header.HEADER_BYTES)
  append(encoder, 50)
  append(encoder, 70)
  append(encoder, 60)
  assert.deepEqual([encoder.count, encoder.firstTimestamp, encoder.maxTimestamp], [3, 50, 70])
  const batch = encoder.finish()
  assert.equal(batch.length, encoder.sizeBytes)
  assert.equal(header.recordCount(batch, 0), 3)
  assert.equal(header.nextOffset(batch, 0), 3)
  assert.equal(header.baseTimestamp(batch, 0), 50)
  assert.equal(header.maxTimestamp(batch, 0), 70)
  assert.equal(header.producerEpoch(batch, 0), -1)
  assert.equal(header.baseSequence(batch, 0), -1)
  assert.equal(header.producerId(batch, 0), -1)
  encoder.reset()
  append(encoder, 1)
  assert.deepEqual(
    readAll(new RecordCursor(), encoder.finish()).map((record) => record.timestamp),
    [1],
  )
})

test('a finished batch does not change with what is encoded after it', () => {
  const encoder = new BatchEncoder()
  append(encoder, 1)
  const batch = encoder.finish()
  const before = batch.slice()
  encoder.reset()
  append(encoder, 2)
  encoder.finish()
  assert.deepEqual(batch, before)
})

test('a record that was begun and not ended does not exist', () => {
  const encoder = new BatchEncoder()
  append(encoder, 1)
  const sizeBytes = encoder.sizeBytes
  encoder.begin(2, KEY, 0, 1).text('a serde that throws halfway')
  assert.equal(encoder.sizeBytes, sizeBytes)
  encoder.begin(3, null, 0, 0).text('again')
  append(encoder, 4)
  encoder.begin(5, KEY, 0, 1).text('and again')
  assert.deepEqual(
    readAll(new RecordCursor(), encoder.finish()).map((record) => record.timestamp),
    [1, 4],
  )
})

test('end without begin, and a batch of nothing, break an invariant', () => {
  const encoder = new BatchEncoder()
  assert.throws(
    () => encoder.end(null),
    (error) => isTidemarkError(error, 'ERR_INVARIANT'),
  )
  assert.throws(
    () => encoder.finish(),
    (error) => isTidemarkError(error, 'ERR_INVARIANT'),
  )
})

test('ERR_RECORD_INVALID: timestamps that are not whole numbers, first or later', () => {
  for (const timestamp of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    const encoder = new BatchEncoder()
    for (let i = 0; i < 2; i++) {
      assert.throws(
        () => append(encoder, timestamp),
        (error) => isTidemarkError(error, 'ERR_RECORD_INVALID'),
      )
      assert.throws(
        () => encoder.begin(timestamp, null, 0, 0),
        (error) => isTidemarkError(error, 'ERR_RECORD_INVALID'),
      )
      append(encoder, 1)
    }
    assert.equal(encoder.count, 2)
  }
})

test('a value whose length needs more or fewer bytes than the one before is moved into place', () => {
  const encoder = new BatchEncoder(64)
  const lengths = [10, 63, 64, 8191, 8192, 100_000, 0, 1_100_000, 5]
  for (const length of lengths) {
    encoder.begin(1, KEY, 0, 1).raw(new Uint8Array(length).fill(length & 127))
    encoder.end([['h', null]])
  }
  const records = readAll(new RecordCursor(), encoder.finish())
  assert.deepEqual(
    records.map((record) => record.value?.length),
    lengths,
  )
  for (const record of records) assert.ok(record.value?.every((byte) => byte === ((record.value?.length ?? 0) & 127)))
})
