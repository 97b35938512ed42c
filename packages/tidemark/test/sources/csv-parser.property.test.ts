import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cutAt, readPieces } from './support.ts'

const field = fc.oneof(
  fc.constantFrom('', 'x', 'a,b', 'say "hi"', 'two\nlines', 'cr\r\nlf', ' spaced ', 'ä€😀', '"'),
  fc.string({ maxLength: 6 }).map((text) => text.replaceAll('\r', '')),
)
const lineEnd = fc.constantFrom('\n', '\r\n')

/** A table of 2 columns or more, written with quotes where they are needed and sometimes where not. */
const table = fc
  .tuple(fc.integer({ min: 2, max: 5 }), lineEnd, fc.boolean(), fc.infiniteStream(fc.boolean()))
  .chain(([width, end, lastEnd, quoted]) =>
    fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 30 }).map((rows) => {
      const header = Array.from({ length: width }, (_, i) => `c${i}`)
      const lines = [header, ...rows].map((row) =>
        row
          .map((value) => {
            const mustQuote = /[",\r\n]/.test(value)
            return mustQuote || quoted.next().value === true ? `"${value.replaceAll('"', '""')}"` : value
          })
          .join(','),
      )
      return {
        text: lines.join(end) + (lastEnd ? end : ''),
        values: rows.map((row) => Object.fromEntries(row.map((value, i) => [`c${i}`, value]))),
      }
    }),
  )

test('rows are those that were written, however the bytes arrive', () => {
  fc.assert(
    fc.property(
      table,
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      ({ text, values }, cuts, chunk) => {
        const rows = readPieces('csv', cutAt(Buffer.from(text), cuts), { chunkBytes: chunk })
        assert.deepEqual(rows.bad, [])
        assert.deepEqual(rows.values, values)
        assert.equal(rows.positions.at(-1)?.byte, Buffer.byteLength(text))
      },
    ),
    { numRuns: 500 },
  )
})
