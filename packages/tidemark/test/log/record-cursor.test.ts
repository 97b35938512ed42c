import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError, type TidemarkError } from '../../src/errors/error.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import * as header from '../../src/log/batch-header.ts'
import { MAX_UNPACKED_BYTES, plainBytes } from '../../src/log/codec.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { concat, readAll } from './arbitrary-records.ts'

const VALUE = Uint8Array.of(1, 2, 3)

function batchOf(timestamps: readonly number[]): Uint8Array<ArrayBuffer> {
  const encoder = new BatchEncoder()
  for (const timestamp of timestamps) encoder.append(timestamp, null, 0, 0, VALUE, 0, VALUE.length, null)
  return encoder.finish()
}

/** One batch whose records are these bytes as they are. */
function batchWith(records: readonly number[], count: number, change?: (batch: Uint8Array) => void): Uint8Array {
  const batch = concat(batchOf([0]).subarray(0, header.HEADER_BYTES), Uint8Array.from(records))
  header.writeInt32(batch, header.AT.batchLength, batch.length - header.LENGTH_PREFIX_BYTES)
  header.writeInt32(batch, header.AT.recordCount, count)
  header.writeInt32(batch, header.AT.lastOffsetDelta, Math.max(0, count - 1))
  change?.(batch)
  header.sealCrc(batch, 0, batch.length)
  return batch
}

function refused(bytes: Uint8Array, message: RegExp): TidemarkError {
  let raised: unknown = null
  try {
    readAll(new RecordCursor(), bytes)
  } catch (error) {
    raised = error
  }
  assert.ok(isTidemarkError(raised, 'ERR_BATCH_CORRUPT'), String(raised))
  assert.match(raised.message, message)
  return raised
}

test('the time of appending replaces record timestamps, of any length', () => {
  const batch = batchOf([1000, 1001, 900_000_000, 5])
  header.writeInt16(batch, header.AT.attributes, header.LOG_APPEND_TIME)
  header.writeInt64(batch, header.AT.maxTimestamp, 1_700_000_000_000)
  header.sealCrc(batch, 0, batch.length)
  assert.deepEqual(
    readAll(new RecordCursor(), batch).map((record) => record.timestamp),
    Array<number>(4).fill(1_700_000_000_000),
  )
})

test('an error names the byte position in the file and the base offset', () => {
  const second = batchOf([2])
  header.setBaseOffset(second, 0, 77)
  second[header.HEADER_BYTES + 3] = 200
  const first = batchOf([1])
  const cursor = new RecordCursor()
  cursor.reset(concat(first, second), 0, first.length + second.length, 5000)
  assert.ok(cursor.nextBatch())
  assert.throws(
    () => cursor.nextBatch(),
    (error) =>
      isTidemarkError(error, 'ERR_BATCH_CORRUPT') &&
      error.details['position'] === 5000 + first.length &&
      error.details['baseOffset'] === 77 &&
      error.message.includes('its CRC is 0x'),
  )
})

test('without verify a wrong CRC is not looked at', () => {
  const batch = batchOf([1])
  batch[header.AT.crc] = (batch[header.AT.crc] as number) ^ 1
  assert.equal(readAll(new RecordCursor({ verify: false }), batch).length, 1)
  assert.throws(
    () => readAll(new RecordCursor(), batch),
    (error) => isTidemarkError(error, 'ERR_BATCH_CORRUPT'),
  )
})

test('headers that make no sense are refused', () => {
  refused(batchWith([], -1), /record count -1/)
  refused(
    batchWith([], 0, (batch) => header.writeInt32(batch, header.AT.lastOffsetDelta, -1)),
    /last offset delta -1/,
  )
  refused(
    batchWith([], 1, (batch) => header.writeInt16(batch, header.AT.attributes, 5)),
    /unknown codec 5/,
  )
  refused(
    batchWith([], 1, (batch) => header.writeInt16(batch, header.AT.attributes, 1)),
    /gzip data cannot be unpacked/,
  )
  refused(
    batchWith([], 1, (batch) => {
      batch[header.AT.magic] = 1
    }),
    /format 1, but only format 2/,
  )
  refused(
    batchWith([], 1, (batch) => header.writeInt32(batch, header.AT.batchLength, 48)),
    /length of 60 bytes/,
  )
})

test('records that make no sense are refused', () => {
  // length, attributes, timestamp delta, offset delta, key length, value length, header count
  assert.equal(readAll(new RecordCursor(), batchWith([12, 0, 0, 0, 1, 1, 0], 1)).length, 1)
  refused(batchWith([14, 0, 0, 0, 1, 1, 0], 1), /length beyond the batch/)
  refused(batchWith([11, 0, 0, 0, 1, 1, 0], 1), /length beyond the batch/)
  refused(batchWith([12, 0, 0, 1, 1, 1, 0], 1), /offset out of order/)
  refused(batchWith([12, 0, 0, 2, 1, 1, 0], 1), /offset out of order or beyond/)
  refused(batchWith([12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0], 2), /record 1 has an offset out of order/)
  refused(batchWith([12, 0, 0, 0, 3, 1, 0], 1), /negative key length/)
  refused(batchWith([12, 0, 0, 0, 20, 1, 0], 1), /key beyond its end/)
  refused(batchWith([12, 0, 0, 0, 1, 3, 0], 1), /negative value length/)
  refused(batchWith([12, 0, 0, 0, 1, 4, 0], 1), /value beyond its end/)
  refused(batchWith([12, 0, 0, 0, 1, 1, 1], 1), /headers beyond its end/)
  refused(batchWith([12, 0, 0, 0, 1, 1, 2], 1), /headers beyond its end/)
  refused(batchWith([14, 0, 0, 0, 1, 1, 0, 0], 1), /bytes after its headers/)
  refused(batchWith([12, 0, 0, 0, 1, 1, 0], 2), /length beyond the batch/)
  refused(batchWith([12, 0, 0, 0, 1, 1, 0, 0], 1), /1 bytes follow the last record/)
  refused(batchWith([16, 0, 0, 0, 1, 1, 2, 8, 65], 1), /malformed headers/)
  refused(batchWith([16, 0, 0, 0, 1, 1, 2, 1, 1], 1), /malformed headers/)
  refused(batchWith([18, 0, 0, 0, 1, 1, 2, 0, 1, 0], 1), /malformed headers/)
  refused(batchWith([255, 255, 255, 255, 31, 0, 0, 0, 1, 1, 0], 1), /number that is too long/)
  refused(batchWith([128, 128, 128, 128, 128, 0, 0, 0, 1, 1, 0], 1), /number that is too long/)
  refused(
    batchWith([40, 0, ...Array<number>(10).fill(128), 0, 0, 1, 1, 0, ...Array<number>(5).fill(0)], 1),
    /timestamp/,
  )
})

test('nextBatch passes over records that were not read', () => {
  const cursor = new RecordCursor()
  cursor.reset(concat(batchOf([1, 2, 3]), batchOf([4, 5])))
  assert.ok(cursor.nextBatch())
  assert.ok(cursor.next())
  assert.ok(cursor.nextBatch())
  assert.ok(cursor.next())
  assert.equal(cursor.timestamp, 4)
  assert.equal(cursor.nextBatch(), false)
  assert.equal(cursor.next(), false)
})

test('a batch that compaction emptied has no records and keeps its last offset', () => {
  const cursor = new RecordCursor()
  cursor.reset(batchWith([], 0, (batch) => header.writeInt32(batch, header.AT.lastOffsetDelta, 9)))
  assert.ok(cursor.nextBatch())
  assert.equal(cursor.lastOffset, 9)
  assert.equal(cursor.next(), false)
})

test('producer fields come through, and are -1 when there are none', () => {
  const encoder = new BatchEncoder()
  encoder.append(1, null, 0, 0, null, 0, 0, null)
  const cursor = new RecordCursor()
  const fields = { producerId: 2 ** 40 + 1, producerEpoch: 32_767, baseSequence: 2_147_483_647 }
  cursor.reset(concat(encoder.finish({ ...fields, transactional: true }), encoder.finish()))
  assert.ok(cursor.nextBatch())
  const { producerId, producerEpoch, baseSequence, isTransactional, isControl } = cursor
  assert.deepEqual({ producerId, producerEpoch, baseSequence }, fields)
  assert.deepEqual([isTransactional, isControl], [true, false])
  assert.ok(cursor.nextBatch())
  assert.deepEqual([cursor.producerId, cursor.producerEpoch, cursor.baseSequence], [-1, -1, -1])
  assert.equal(cursor.isTransactional, false)
})

test('bytes of a Buffer are read as plain arrays, without a copy', () => {
  const buffer = Buffer.from(batchOf([1]))
  const cursor = new RecordCursor()
  cursor.reset(buffer)
  assert.equal(Object.getPrototypeOf(cursor.bytes), Uint8Array.prototype)
  assert.equal(cursor.bytes.buffer, buffer.buffer)
  assert.equal(plainBytes(cursor.bytes), cursor.bytes)
  assert.ok(MAX_UNPACKED_BYTES >= 64 * 1024 * 1024)
})
