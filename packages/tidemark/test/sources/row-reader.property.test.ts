import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { RowFormat } from '../../src/sources/row-parser.ts'
import { cutAt, readPieces } from './support.ts'

const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>('ä€😀', { 'k"': 'v\n' }, [], {}))
const line = fc.oneof(
  { weight: 6, arbitrary: value.map((v) => JSON.stringify(v)) },
  { weight: 1, arbitrary: fc.constantFrom('', '{', 'nope', '{"a":}', ' ') },
)
const text = fc.tuple(fc.array(line, { maxLength: 20 }), fc.boolean()).map(([lines, end]) => {
  return lines.join('\n') + (end && lines.length > 0 ? '\n' : '')
})
const array = fc.array(value, { maxLength: 20 }).map((values) => JSON.stringify(values, null, values.length % 3))
const table = fc
  .array(fc.constantFrom('1,2', '"a\nb",c', 'x,"y ""z"""', '1', '"open,1', 'ä,😀', ''), { maxLength: 15 })
  .map((lines) => `h1,h2\n${lines.join('\n')}`)

const input: fc.Arbitrary<readonly [RowFormat, string]> = fc.oneof(
  text.map((content) => ['jsonl', content] as const),
  array.map((content) => ['json', content] as const),
  table.map((content) => ['csv', content] as const),
)
const places = fc.array(fc.nat(), { maxLength: 10 })

test('rows and places do not depend on how the bytes arrive, and the CRC is that of the bytes taken', () => {
  fc.assert(
    fc.property(input, places, fc.integer({ min: 1, max: 30 }), ([format, content], cuts, chunkBytes) => {
      const bytes = Buffer.from(content)
      const whole = readPieces(format, [bytes])
      const parts = readPieces(format, cutAt(bytes, cuts), { chunkBytes })
      assert.deepEqual({ ...parts, positions: 0 }, { ...whole, positions: 0 })
      assert.deepEqual(parts.positions.at(-1), whole.positions.at(-1))
      for (const position of parts.positions) assert.equal(position.crc, crc32(bytes.subarray(0, position.byte)))
    }),
    { numRuns: 1500 },
  )
})

test('from any position the rest is read exactly once', () => {
  fc.assert(
    fc.property(input, places, fc.nat(), ([format, content], cuts, pick) => {
      const bytes = Buffer.from(content)
      const whole = readPieces(format, cutAt(bytes, cuts), { chunkBytes: 8 })
      const position = whole.positions[pick % whole.positions.length]
      assert.ok(position !== undefined)
      const rest = readPieces(format, [bytes.subarray(position.byte)], {}, position)
      assert.equal(position.rows + rest.values.length + rest.bad.length, whole.values.length + whole.bad.length)
      assert.deepEqual(rest.values, whole.values.slice(whole.values.length - rest.values.length))
      assert.deepEqual(rest.lines, whole.lines.slice(whole.lines.length - rest.lines.length))
      assert.deepEqual(rest.positions.at(-1), whole.positions.at(-1))
    }),
    { numRuns: 1500 },
  )
})
