import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../../src/hash/seeded-random.ts'
import { KEY_BYTES, permuted, uniform, writeKey, zipf } from '../../../src/ops/bench-store/bench-keys.ts'

const number = fc.integer({ min: 0, max: 100_000_000 })

function keyOf(n: number, missing: boolean): Buffer {
  const bytes = Buffer.alloc(KEY_BYTES)
  writeKey(bytes, 0, n, missing)
  return bytes
}

test('keys are in the order of their numbers, and a missing key stands right behind its number', () => {
  fc.assert(
    fc.property(number, number, (a, b) => {
      assert.equal(Math.sign(keyOf(a, false).compare(keyOf(b, false))), Math.sign(a - b))
      assert.equal(keyOf(a, true).compare(keyOf(a, false)), 1)
      assert.equal(keyOf(a, true).compare(keyOf(a + 1, false)), -1)
    }),
  )
})

test('a permutation draws every number once, then all again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), (count) => {
      const draw = permuted(count)
      for (let round = 0; round < 2; round++) {
        assert.equal(new Set(Array.from({ length: count }, draw)).size, count)
      }
    }),
  )
})

test('zipf and uniform draw numbers below the count; zipf draws its most frequent one far more often', () => {
  const random = seededRandom(7)
  for (const count of [100, 12_345]) {
    const seen = { zipf: new Map<number, number>(), uniform: new Map<number, number>() }
    const draws = { zipf: zipf(count, random), uniform: uniform(count, random) }
    for (const kind of ['zipf', 'uniform'] as const) {
      for (let i = 0; i < 50_000; i++) {
        const n = draws[kind]()
        assert.ok(Number.isInteger(n) && n >= 0 && n < count, `${kind} ${n}`)
        seen[kind].set(n, (seen[kind].get(n) ?? 0) + 1)
      }
    }
    // The first rank's part is 1 / (1 + 1/2^0.99 + ... + 1/count^0.99).
    let sum = 0
    for (let i = 1; i <= count; i++) sum += 1 / i ** 0.99
    const most = Math.max(...seen.zipf.values()) / 50_000
    assert.ok(Math.abs(most * sum - 1) < 0.1, `${most} of ${1 / sum}`)
    assert.ok(Math.max(...seen.uniform.values()) / 50_000 < most / 3)
  }
})
