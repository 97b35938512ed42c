import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { editDistance } from '../../src/ops/nearest.ts'

const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') })

test('edit distance is 0 for equal words only, the same both ways, and within the lengths', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b)
      assert.equal(distance === 0, a === b)
      assert.equal(distance, editDistance(b, a))
      assert.ok(distance >= Math.abs(a.length - b.length))
      assert.ok(distance <= Math.max(a.length, b.length))
    }),
  )
})
