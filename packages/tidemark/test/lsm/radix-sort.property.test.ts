import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { radixSort } from '../../src/lsm/radix-sort.ts'

test('numbers come out in order, and equal ones as they came in', () => {
  const number = fc.oneof(fc.nat(3), fc.nat(5000), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
  fc.assert(
    fc.property(fc.array(number, { maxLength: 200 }), (list) => {
      const keys = Uint32Array.from(list)
      const values = Uint32Array.from(list.keys())
      radixSort(keys, values, Math.max(0, ...list))
      const sorted = [...list.entries()].sort(([i, a], [j, b]) => a - b || i - j)
      assert.deepEqual(
        [...keys],
        sorted.map(([, each]) => each),
      )
      assert.deepEqual(
        [...values],
        sorted.map(([i]) => i),
      )
    }),
  )
})
