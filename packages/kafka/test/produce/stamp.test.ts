import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { BatchEncoder, batchHeader as header, CODECS, isTidemarkError, RecordCursor } from 'tidemark/system'
import { registerKafkaCodecs } from '../../src/codecs/register.ts'
import { checkSize, sequenceAfter, stamp } from '../../src/produce/stamp.ts'

before(registerKafkaCodecs)

const VALUE = Buffer.from('a value that is said again and again, again and again, again and again')
const IDENTITY = { producerId: 2 ** 40 + 7, epoch: 32_766 }

function batchOf(records: number): Uint8Array {
  const encoder = new BatchEncoder()
  for (let i = 0; i < records; i++) encoder.append(1000 + i, null, 0, 0, VALUE, 0, VALUE.length, null)
  return encoder.finish()
}

for (const codec of CODECS) {
  test(`${codec}: a stamped batch has its producer, a right CRC, and the same records`, () => {
    const plain = batchOf(50)
    const batch = stamp(plain, IDENTITY, 2 ** 31 - 1, { transactional: true, codec })
    assert.ok(header.batchCrcValid(batch, 0, batch.length))
    assert.equal(batch === plain, codec === 'none')
    if (codec !== 'none') assert.ok(batch.length < plain.length / 4)
    const cursor = new RecordCursor()
    cursor.reset(batch)
    assert.ok(cursor.nextBatch())
    const { producerId, producerEpoch, baseSequence, isTransactional } = cursor
    assert.deepEqual([producerId, producerEpoch, baseSequence], [IDENTITY.producerId, IDENTITY.epoch, 2 ** 31 - 1])
    assert.equal(isTransactional, true)
    assert.equal(cursor.codec, codec)
    let count = 0
    while (cursor.next()) {
      assert.equal(cursor.timestamp, 1000 + count++)
      assert.deepEqual(Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd)), VALUE)
    }
    assert.equal(count, 50)
    // Stamped again, as another producer's: nothing of the first stays, and it is not packed twice.
    const again = stamp(batch, { producerId: 1, epoch: 0 }, 0, { transactional: false, codec: 'gzip' })
    cursor.reset(again)
    assert.ok(cursor.nextBatch())
    assert.deepEqual([cursor.producerId, cursor.isTransactional], [1, false])
    assert.equal(cursor.codec, codec === 'none' ? 'gzip' : codec)
  })
}

test('a batch that packing would make larger stays as it is', () => {
  const encoder = new BatchEncoder()
  encoder.append(1, null, 0, 0, Uint8Array.of(1), 0, 1, null)
  const plain = encoder.finish()
  assert.equal(stamp(plain, IDENTITY, 0, { transactional: false, codec: 'gzip' }), plain)
})

test('sequences start over after 2^31 - 1', () => {
  assert.equal(sequenceAfter(0, 5), 5)
  assert.equal(sequenceAfter(2 ** 31 - 1, 1), 0)
  assert.equal(sequenceAfter(2 ** 31 - 3, 5), 2)
})

test('a batch larger than the topic takes is ERR_KAFKA_RECORD_REFUSED, with both sizes', () => {
  const batch = batchOf(50)
  checkSize(batch, 'out', 3, batch.length)
  assert.throws(
    () => checkSize(batch, 'out', 3, batch.length - 1),
    (error) =>
      isTidemarkError(error, 'ERR_KAFKA_RECORD_REFUSED') &&
      error.details['sizeBytes'] === batch.length &&
      error.message.includes('stream "out", partition 3'),
  )
})
