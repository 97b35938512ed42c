import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { BulkEntries } from '../../src/lsm/bulk-entries.ts'
import { hexOf } from '../../src/testing/base-model.ts'

/** Short keys of few bytes, many of them equal or the beginning of another, some with a long common beginning. */
const key = fc.oneof(
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 9 }),
  fc.array(fc.constantFrom(0, 7), { maxLength: 4 }).map((end) => [...Buffer.from('user-of-some-kind-'), ...end]),
)
/** Enough of them in one list that they are sorted by numbers; some go on behind what one number holds. */
const manyKeys = fc.oneof(
  fc.nat(400).map((n) => [...Buffer.from(`user-${String(n).padStart(9, '0')}`)]),
  fc.nat(400).map((n) => [...Buffer.from(`${'p'.repeat(n % 3)}-and-a-long-beginning-${n % 7}`), n & 255, n >> 8]),
)
const entry = fc.record({ key, value: fc.option(fc.array(fc.nat(255), { maxLength: 5 })) })

const few = fc.array(entry, { maxLength: 300, size: 'max' })
const many = fc.array(fc.record({ key: manyKeys, value: fc.constantFrom([1], [2, 3], null) }), {
  minLength: 600,
  maxLength: 1500,
  size: 'max',
})

for (const [name, lists, numRuns] of [
  ['few', few, 500],
  ['many', many, 20],
] as const) {
  test(`${name} entries in any order come out sorted, each key once, by its newest`, () => {
    fc.assert(
      fc.property(lists, (list) => {
        const entries = new BulkEntries()
        const model = new Map<string, string | null>()
        for (const each of list) {
          const bytes = new Uint8Array([9, ...each.key, 8, ...(each.value ?? []), 7])
          const keyEnd = 1 + each.key.length
          const valueStart = each.value === null ? -1 : keyEnd + 1
          entries.add(bytes, 1, keyEnd, valueStart, each.value === null ? -1 : valueStart + each.value.length)
          model.set(hexOf(new Uint8Array(each.key)), each.value === null ? null : hexOf(new Uint8Array(each.value)))
        }
        assert.equal(entries.count, list.length)
        const { count, cursor } = entries.sorted()
        const found: [string, string | null][] = []
        while (cursor.next()) {
          const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd, present, hash } = cursor
          assert.equal(hash, murmur2(keyBytes, keyStart, keyEnd))
          const value = present ? hexOf(valueBytes.subarray(valueStart, valueEnd)) : null
          found.push([hexOf(keyBytes.subarray(keyStart, keyEnd)), value])
        }
        assert.equal(found.length, count)
        assert.deepEqual(
          found,
          [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      }),
      { numRuns },
    )
  })
}
