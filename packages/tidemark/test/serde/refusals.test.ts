import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/errors/error.ts'
import { serdeByName } from '../../src/serde/by-name.ts'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { hexOf } from '../../src/serde/hex.ts'
import { string } from '../../src/serde/string.ts'
import { tuple } from '../../src/serde/tuple.ts'
import { decode, encode } from './encode.ts'

const NAMES = ['string', 'bytes', 'json', 'int32', 'int64', 'float64', 'uint', 'boolean', 'tuple(string,uint,boolean)']

const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  string: [1, null, undefined, {}, '\ud800', `${'x'.repeat(100)}\udc00`],
  bytes: ['x', [1], null, new Uint16Array(1)],
  int32: [1.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN, '1', 1n, null],
  int64: [1, 2n ** 63n, -(2n ** 63n) - 1n, null],
  float64: ['1', 1n, null],
  uint: [-1, 1.5, 2 ** 53, Number.NaN, '1', 1n, null],
  boolean: [0, 'true', null],
  'tuple(string,uint,boolean)': [[], ['a', 1], ['a', 1, 2], ['a', 1, true, 0], 'a', null],
}

for (const [name, values] of Object.entries(WRONG)) {
  test(`${name}: values it cannot keep throw ERR_SERDE from write and from check, and write nothing`, () => {
    const serde = serdeByName(name)
    for (const value of values) {
      const out = new ByteWriter(8)
      assert.throws(() => serde.write(value, out), { code: 'ERR_SERDE' }, String(value))
      assert.throws(() => serde.check?.(value), { code: 'ERR_SERDE' }, String(value))
      if (!name.startsWith('tuple')) assert.equal(out.position, 0)
    }
  })
}

const MALFORMED: Readonly<Record<string, readonly (readonly number[])[]>> = {
  string: [[0xff], [0xc0, 0x80], [...Buffer.from('long enough, yes: '), 0xe2, 0x82]],
  json: [[], [0x7b], [...Buffer.from('{"a":1}}')], [0xff, 0xfe]],
  int32: [[], [1, 2, 3], [1, 2, 3, 4, 5]],
  int64: [[1, 2, 3]],
  float64: [[1, 2, 3]],
  boolean: [[], [2], [0, 0]],
  // Too short, too long, a longer encoding than needed, beyond 2^53, first byte without a length.
  uint: [[], [0x80], [0x05, 0], [0x80, 0x01], [0xfe, 0xff, 0, 0, 0, 0, 0, 0], [0xff, 0, 0, 0, 0, 0, 0, 0, 0]],
  'tuple(string,uint,boolean)': [[], [0x61], [0x61, 0], [0x61, 0, 2], [0x61, 0, 1], [0x61, 0, 1, 0x80]],
}

for (const [name, inputs] of Object.entries(MALFORMED)) {
  test(`${name}: malformed bytes throw ERR_SERDE`, () => {
    for (const input of inputs) {
      assert.throws(() => decode(serdeByName(name), Uint8Array.from(input)), { code: 'ERR_SERDE' }, String(input))
    }
  })
}

test('any bytes decode to a value that encodes, or throw ERR_SERDE with a bounded message', () => {
  const run = (name: string, input: Uint8Array): void => {
    const serde = serdeByName(name)
    let value: unknown
    try {
      value = decode(serde, input)
    } catch (error) {
      assert.ok(isTidemarkError(error, 'ERR_SERDE'), String(error))
      assert.ok(error.message.length < 400, error.message)
      return
    }
    encode(serde, value)
  }
  fc.assert(fc.property(fc.constantFrom(...NAMES), fc.uint8Array({ maxLength: 80 }), run), { numRuns: 2000 })
})

test('messages show at most 32 bytes', () => {
  assert.equal(hexOf(new Uint8Array(0)), '0 bytes')
  assert.equal(hexOf(Uint8Array.of(9, 255)), '2 bytes 0x09ff')
  assert.equal(hexOf(new Uint8Array(1000)), `1000 bytes 0x${'00'.repeat(32)}…`)
})

test('what was read does not change with the buffer it came from', () => {
  const buffer = Buffer.from('abcdef')
  const read = bytes().read(buffer, 1, 3)
  buffer.fill(0)
  assert.deepEqual(read, Uint8Array.of(98, 99))
  assert.equal(read.byteLength, read.buffer.byteLength)
})

test('a tuple without parts is refused', () => {
  assert.throws(() => tuple(), { code: 'ERR_OPTION' })
})

test('disciplines follow design: immutable, frozen or copied, by what is inside', () => {
  const found = NAMES.map((name) => [name, serdeByName(name).discipline])
  assert.deepEqual(Object.fromEntries(found), {
    string: 'immutable',
    bytes: 'copied',
    json: 'frozen',
    int32: 'immutable',
    int64: 'immutable',
    float64: 'immutable',
    uint: 'immutable',
    boolean: 'immutable',
    'tuple(string,uint,boolean)': 'frozen',
  })
  assert.equal(tuple(string(), bytes()).discipline, 'copied')
})

test('serdeByName finds nested tuples, and refuses what it does not know with ERR_SERDE_UNKNOWN', () => {
  const name = 'tuple(string,tuple(int32,bytes),uint)'
  assert.equal(serdeByName(name).name, name)
  const serde = serdeByName(name)
  const value = ['a', [-1, Uint8Array.of(0, 1)], 7]
  assert.deepEqual(decode(serde, encode(serde, value)), value)
  for (const unknown of ['', 'varchar', 'tuple()', 'tuple(string', 'tuple(string,)', 'tuple(a))']) {
    assert.throws(() => serdeByName(unknown), { code: 'ERR_SERDE_UNKNOWN' }, unknown)
  }
})
