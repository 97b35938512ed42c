import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lz4 } from '../../src/codecs/lz4.ts'
import { unpackBlock } from '../../src/codecs/lz4-block.ts'
import { snappy } from '../../src/codecs/snappy.ts'

/** Bytes with repetitions, near and far, short and long. */
const source: fc.Arbitrary<Uint8Array> = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 60, size: 'max' }), fc.integer({ min: 1, max: 40 })), {
    maxLength: 60,
    size: 'max',
  })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))))

test('what is packed unpacks to the same bytes', () => {
  fc.assert(
    fc.property(source, (bytes) => {
      for (const codec of [lz4, snappy]) {
        const packed = codec.compress(bytes)
        assert.ok(Buffer.from(codec.decompress(packed, bytes.length)).equals(bytes))
        if (bytes.length > 0) assert.throws(() => codec.decompress(packed, bytes.length - 1), RangeError)
      }
    }),
    { numRuns: 300 },
  )
})

test('nothing is packed too, also when the memory of the package has just grown', () => {
  for (const codec of [lz4, snappy]) {
    for (let sizeBytes = 1 << 16; sizeBytes <= 1 << 24; sizeBytes <<= 2) {
      codec.compress(Buffer.alloc(sizeBytes, 7))
      const packed = codec.compress(new Uint8Array(0))
      assert.equal(codec.decompress(packed, 0).length, 0)
    }
  }
})

test('damaged blocks of LZ4 give an error or bytes, and never touch anything outside their place', () => {
  const writes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(source, writes, (bytes, changes) => {
      const frame = Uint8Array.from(lz4.compress(bytes))
      const end = frame.length - 4
      const block = frame.slice(Math.min(11, end), end)
      for (const [where, byte] of changes) if (block.length > 0) block[where % block.length] = byte
      const target = new Uint8Array(bytes.length + 200).fill(7)
      try {
        const to = unpackBlock(block, 0, block.length, target, 100, 100 + bytes.length)
        assert.ok(to <= 100 + bytes.length)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
      assert.ok(target.subarray(0, 100).every((byte) => byte === 7))
      assert.ok(target.subarray(100 + bytes.length).every((byte) => byte === 7))
    }),
    { numRuns: 2000 },
  )
})
