import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/errors/error.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import * as header from '../../src/log/batch-header.ts'
import type { WriteCodec } from '../../src/log/codec.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { appendPlain, concat, type PlainRecord, plainAt, readAll, records } from './arbitrary-records.ts'

const encoder = new BatchEncoder(64)
const codec = fc.constantFrom<WriteCodec>('none', 'gzip', 'zstd')

function encode(list: readonly PlainRecord[], inPlace: boolean, withCodec: WriteCodec): Uint8Array<ArrayBuffer> {
  encoder.reset()
  for (const plain of list) appendPlain(encoder, plain, inPlace)
  return encoder.finish({ codec: withCodec })
}

test('what the encoder writes, the cursor reads', () => {
  fc.assert(
    fc.property(records, codec, fc.boolean(), fc.nat(2 ** 40), (list, name, inPlace, base) => {
      const batch = encode(list, inPlace, name)
      assert.equal(batch.buffer.byteLength, batch.length)
      assert.ok(header.batchCrcValid(batch, 0, batch.length))
      header.setBaseOffset(batch, 0, base)
      const cursor = new RecordCursor()
      cursor.reset(batch)
      assert.ok(cursor.nextBatch())
      assert.equal(cursor.codec, name)
      assert.equal(cursor.recordCount, list.length)
      assert.equal(cursor.maxTimestamp, Math.max(...list.map((r) => r.timestamp)))
      assert.equal(cursor.lastOffset, base + list.length - 1)
      for (const [i, plain] of list.entries()) {
        assert.ok(cursor.next())
        assert.equal(cursor.offset, base + i)
        assert.deepEqual(plainAt(cursor), plain)
      }
      assert.equal(cursor.next(), false)
      assert.equal(cursor.nextBatch(), false)
      assert.equal(cursor.incomplete, false)
    }),
  )
})

test('both ways to append a record give the same bytes', () => {
  fc.assert(
    fc.property(records, (list) => {
      assert.deepEqual(encode(list, true, 'none'), encode(list, false, 'none'))
    }),
  )
})

test('batches cut at any byte: whole ones are read, the rest is incomplete', () => {
  fc.assert(
    fc.property(fc.array(records, { minLength: 1, maxLength: 3 }), codec, (lists, name) => {
      const batches = lists.map((list) => encode(list, false, name))
      const whole = concat(...batches)
      const cursor = new RecordCursor()
      let fit = 0
      let at = 0
      for (let cut = 0; cut <= whole.length; cut += whole.length > 3000 ? 61 : 1) {
        while (fit < batches.length && at + (batches[fit] as Uint8Array).length <= cut) {
          at += (batches[fit] as Uint8Array).length
          fit++
        }
        cursor.reset(whole, 0, cut)
        let read = 0
        while (cursor.nextBatch()) read++
        assert.equal(read, fit)
        assert.equal(cursor.incomplete, cut !== at)
        assert.equal(cursor.batchEnd, at)
      }
      assert.deepEqual(readAll(cursor, whole), lists.flat())
    }),
    { numRuns: 30 },
  )
})

test('every flipped bit that the CRC covers is found', () => {
  fc.assert(
    fc.property(records, codec, (list, name) => {
      const batch = encode(list, false, name)
      const cursor = new RecordCursor()
      const step = batch.length > 2000 ? 37 : 1
      for (let at = header.AT.crc; at < batch.length; at += step) {
        for (let bit = 0; bit < 8; bit++) {
          batch[at] = (batch[at] as number) ^ (1 << bit)
          cursor.reset(batch)
          assert.throws(
            () => cursor.nextBatch(),
            (error) => isTidemarkError(error, 'ERR_BATCH_CORRUPT'),
          )
          assert.equal(header.batchCrcValid(batch, 0, batch.length), false)
          batch[at] = (batch[at] as number) ^ (1 << bit)
        }
      }
    }),
    { numRuns: 15 },
  )
})

test('damage that no CRC catches gives records or ERR_BATCH_CORRUPT, and never bytes from outside the batch', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(records, damage, (list, writes) => {
      const batch = encode(list, false, 'none')
      const body = batch.length - header.HEADER_BYTES
      for (const [where, byte] of writes) batch[header.HEADER_BYTES + (where % body)] = byte
      const padded = concat(new Uint8Array(100), batch, new Uint8Array(100))
      const cursor = new RecordCursor({ verify: false })
      cursor.reset(padded, 100, 100 + batch.length)
      try {
        while (cursor.nextBatch()) {
          while (cursor.next()) {
            assert.ok(cursor.keyStart >= 100 + header.HEADER_BYTES)
            assert.ok(cursor.keyEnd <= 100 + batch.length && cursor.valueEnd <= 100 + batch.length)
            assert.ok(cursor.valueStart <= 100 + batch.length)
            assert.ok(cursor.keyEnd === -1 || cursor.keyEnd >= cursor.keyStart)
            assert.ok(cursor.valueEnd === -1 || cursor.valueEnd >= cursor.valueStart)
            cursor.headers()
          }
        }
      } catch (error) {
        assert.ok(isTidemarkError(error, 'ERR_BATCH_CORRUPT'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
