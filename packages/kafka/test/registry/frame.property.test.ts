import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from 'tidemark/system'
import { readIndexes, schemaId, writeHead, writeIndexes } from '../../src/registry/frame.ts'

/** Bytes by hand, as "Wire format" of the registry's documentation has them. */
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

function written(work: (out: ByteWriter) => void): string {
  const out = new ByteWriter(8)
  work(out)
  return Buffer.from(out.bytes.subarray(0, out.position)).toString('hex')
}

test('a value begins with a byte 0 and the id in four bytes, big-endian', () => {
  assert.equal(
    written((out) => writeHead(1, out)),
    '0000000001',
  )
  assert.equal(
    written((out) => writeHead(0x01020304, out)),
    '0001020304',
  )
  assert.equal(schemaId(hex('00 00000102 ff'), 0, 6), 258)
  assert.equal(schemaId(hex('aa 00 7fffffff'), 1, 6), 0x7fffffff)
  for (const none of ['', '00 000001', '01 00000001 ff', '7b 226122 3a31']) {
    const bytes = hex(none)
    assert.equal(schemaId(bytes, 0, bytes.length), -1, none)
  }
})

test('message indexes: the first message is one byte, others are counted, as zigzag varints', () => {
  assert.equal(
    written((out) => writeIndexes([0], out)),
    '00',
  )
  assert.equal(
    written((out) => writeIndexes([1, 0], out)),
    '040200',
  )
  assert.equal(
    written((out) => writeIndexes([2], out)),
    '0204',
  )
  assert.deepEqual(readIndexes(hex('00 08'), 0, 2), { indexes: [0], end: 1 })
  assert.deepEqual(readIndexes(hex('ff 04 02 00 08'), 1, 5), { indexes: [1, 0], end: 4 })
  // What some clients write for the first message.
  assert.deepEqual(readIndexes(hex('02 00'), 0, 2), { indexes: [0], end: 2 })
  for (const broken of ['', '04', '04 02', '01', '02 01', 'ffffffffff', 'c801']) {
    const bytes = hex(broken)
    assert.equal(readIndexes(bytes, 0, bytes.length), null, broken)
  }
})

test('ids and indexes come back as they were written', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0x7fffffff }),
      fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 9 }),
      (id, indexes) => {
        const out = new ByteWriter(8)
        writeHead(id, out)
        writeIndexes(indexes, out)
        assert.equal(schemaId(out.bytes, 0, out.position), id)
        assert.deepEqual(readIndexes(out.bytes, 5, out.position), { indexes, end: out.position })
      },
    ),
  )
})
