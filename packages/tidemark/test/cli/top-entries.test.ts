import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topEntries } from '../../src/cli/top-entries.ts'

function keys(entries: readonly { readonly key: unknown }[]): unknown[] {
  return entries.map(({ key }) => key)
}

test('ranks by the value when it is a number, ties in key order', () => {
  const entries = [3, 9, 1, 9, 4].map((value, i) => ({ key: `k${i}`, value }))
  const top = topEntries(entries, 3)
  assert.deepEqual(keys(top.entries), ['k1', 'k3', 'k4'])
  assert.equal(top.field, '')
  assert.equal(top.total, 5)
})

test('ranks by the first numeric field of objects, bigints too', () => {
  const entries = [
    { key: 'a', value: { name: 'x', flights: 5n, known: 9 } },
    { key: 'b', value: { name: 'y', flights: 7n, known: 1 } },
  ]
  const top = topEntries(entries, 1)
  assert.deepEqual(keys(top.entries), ['b'])
  assert.equal(top.field, 'flights')
})

test('keeps the first entries when nothing can rank them', () => {
  const entries = ['x', 'y', 'z'].map((value, i) => ({ key: i, value }))
  const top = topEntries(entries, 2)
  assert.deepEqual(keys(top.entries), [0, 1])
  assert.equal(top.field, null)
  assert.deepEqual(topEntries([], 2), { entries: [], field: null, total: 0 })
})
