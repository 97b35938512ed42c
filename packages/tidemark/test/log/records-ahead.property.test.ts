import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import * as header from '../../src/log/batch-header.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { RecordsAhead } from '../../src/log/records-ahead.ts'
import { appendPlain, concat, plainAt, records } from './arbitrary-records.ts'

const MOST = 5
const encoder = new BatchEncoder(64)

test('a cursor gives the same records whether or not they were read ahead, from wherever', () => {
  let led = 0
  fc.assert(
    fc.property(
      fc.array(fc.tuple(records, fc.constantFrom('none' as const, 'gzip' as const)), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 60, maxLength: 60, size: 'max' }),
      (batches, looks) => {
        let base = 7
        const bytes = concat(
          ...batches.map(([list, codec]) => {
            encoder.reset()
            for (const plain of list) appendPlain(encoder, plain, false)
            const batch = encoder.finish({ codec })
            header.setBaseOffset(batch, 0, base)
            base += list.length
            return batch
          }),
        )
        const [plain, leading] = [new RecordCursor(), new RecordCursor()]
        const ahead = new RecordsAhead(MOST)
        plain.reset(bytes)
        leading.reset(bytes)
        let at = 0
        while (plain.nextBatch()) {
          assert.ok(leading.nextBatch())
          while (plain.next()) {
            if (looks[at++ % looks.length] === true) {
              ahead.read(leading)
              leading.lead(ahead)
            }
            assert.ok(leading.next())
            const { offset, recordStart, recordEnd, keyStart, keyEnd } = leading
            assert.deepEqual([offset, recordStart, recordEnd], [plain.offset, plain.recordStart, plain.recordEnd])
            assert.deepEqual(plainAt(leading), plainAt(plain))
            if (!leading.hashed) continue
            led++
            if (keyEnd >= 0) assert.equal(leading.keyHash, murmur2(leading.bytes, keyStart, keyEnd))
          }
          assert.equal(leading.next(), false)
        }
        assert.equal(leading.nextBatch(), false)
      },
    ),
    { endOnFailure: true },
  )
  assert.ok(led > 100, `${led} records were read ahead`)
})

test('what was read ahead is dropped with its batch, and damage is met where it is', () => {
  encoder.reset()
  const value = Buffer.from('value')
  for (let i = 0; i < 3; i++) encoder.append(i, value, 0, 5, value, 0, 5, null)
  const batch = encoder.finish()
  const cursor = new RecordCursor({ verify: false })
  const ahead = new RecordsAhead(MOST)
  cursor.reset(concat(batch, batch))
  assert.ok(cursor.nextBatch())
  ahead.read(cursor)
  cursor.lead(ahead)
  assert.equal(ahead.count, 3)
  assert.equal(ahead.keyHashes[2], murmur2(value, 0, 5))
  assert.ok(cursor.next() && cursor.hashed)
  assert.ok(cursor.nextBatch() && cursor.next() && !cursor.hashed)
  assert.equal(cursor.timestamp, 0)
  // The length of the second record.
  const second = header.HEADER_BYTES + (batch.length - header.HEADER_BYTES) / 3
  batch[second] = 0x7e
  cursor.reset(batch)
  assert.ok(cursor.nextBatch())
  ahead.read(cursor)
  cursor.lead(ahead)
  assert.equal(ahead.count, 1)
  assert.ok(cursor.next())
  assert.throws(() => cursor.next(), { code: 'ERR_BATCH_CORRUPT' })
})
