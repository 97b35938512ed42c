import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatBytes,
  formatCount,
  formatInstant,
  formatShort,
  formatSpan,
  formatValue,
  toJson,
} from '../../src/cli/format.ts'

test('counts, short counts and bytes', () => {
  assert.equal(formatCount(336_776), '336,776')
  assert.equal(formatCount(2n ** 60n), '1,152,921,504,606,846,976')
  const short = [0, 999, 999.6, 1000, 4210, 9960, 177_000, 999_700, 2_400_000].map(formatShort)
  assert.deepEqual(short, ['0', '999', '1.0 k', '1.0 k', '4.2 k', '10 k', '177 k', '1.0 M', '2.4 M'])
  const bytes = [0, 1023, 1024, 4300, 16 * 1024 ** 2, 3 * 1024 ** 3].map(formatBytes)
  assert.deepEqual(bytes, ['0 B', '1023 B', '1.0 KiB', '4.2 KiB', '16 MiB', '3.0 GiB'])
})

test('time spans and instants', () => {
  const spans = [0, 4.4, 999, 999.6, 1240, 48_000, 185_000, 7_440_000, 262_800_000].map(formatSpan)
  assert.deepEqual(spans, ['0 ms', '4 ms', '999 ms', '1.0 s', '1.2 s', '48 s', '3 min 5 s', '2 h 4 min', '3 d 1 h'])
  assert.equal(formatInstant(Date.UTC(2013, 0, 1, 5)), '2013-01-01T05:00:00Z')
  assert.equal(formatInstant(1), '1970-01-01T00:00:00.001Z')
  assert.equal(formatInstant(1e300), '1e+300')
})

test('control characters of data never reach the terminal', () => {
  assert.equal(formatValue('a\u001b[31mred\u0007'), 'a\\u001b[31mred\\u0007')
  assert.equal(formatValue('plain ünïcode'), 'plain ünïcode')
  assert.equal(formatValue({ a: 1, b: 'x' }), '{"a":1,"b":"x"}')
})

test('JSON of everything that a serde gives', () => {
  assert.equal(toJson(9007199254740993n), '9007199254740993')
  assert.equal(toJson({ a: 2n ** 63n, b: [1n], c: null }), '{"a":9223372036854775808,"b":[1],"c":null}')
  assert.equal(toJson(Uint8Array.of(1, 2, 255)), '{"base64":"AQL/"}')
  assert.equal(toJson(new Date(0)), '"1970-01-01T00:00:00.000Z"')
  assert.equal(toJson(new Map([['a', 1]])), '[["a",1]]')
  assert.equal(toJson(new Set([1, 2])), '[1,2]')
  assert.equal(toJson({ a: undefined, b: 1 }), '{"b":1}')
  assert.equal(toJson(undefined), 'null')
  assert.equal(toJson('a\n"b"'), '"a\\n\\"b\\""')
})
