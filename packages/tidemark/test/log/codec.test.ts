import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/errors/error.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import { type CodecFunctions, compress, decompress, registerCodec } from '../../src/log/codec.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'

/** Turns every byte over: enough to see who was called. */
const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)

test('a codec that nobody registered is ERR_CODEC_UNSUPPORTED, for writing too', () => {
  const encoder = new BatchEncoder()
  encoder.append(1, null, 0, 0, null, 0, 0, null)
  for (const call of [
    () => compress('snappy', Uint8Array.of(1)),
    () => decompress('snappy', Uint8Array.of(1)),
    () => encoder.finish({ codec: 'snappy' }),
  ]) {
    assert.throws(call, (error) => isTidemarkError(error, 'ERR_CODEC_UNSUPPORTED') && error.message.includes('snappy'))
  }
})

test('a registered codec writes and reads batches, and is told how much it may unpack', () => {
  let mostBytes = 0
  const functions: CodecFunctions = {
    compress: turned,
    decompress: (bytes, maxBytes) => {
      mostBytes = maxBytes
      return turned(bytes)
    },
  }
  registerCodec('lz4', functions)
  registerCodec('lz4', functions)
  const encoder = new BatchEncoder()
  encoder.append(7, null, 0, 0, Uint8Array.of(1, 2, 3), 0, 3, null)
  const cursor = new RecordCursor()
  cursor.reset(encoder.finish({ codec: 'lz4' }))
  assert.ok(cursor.nextBatch())
  assert.equal(cursor.codec, 'lz4')
  assert.ok(cursor.next())
  assert.deepEqual([...cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd)], [1, 2, 3])
  decompress('lz4', Uint8Array.of(1), 99)
  assert.equal(mostBytes, 99)
  assert.throws(
    () => registerCodec('lz4', { compress: turned, decompress: turned }),
    (error) => isTidemarkError(error, 'ERR_INVARIANT'),
  )
})
