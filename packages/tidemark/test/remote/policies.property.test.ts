import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from '../../src/remote/backoff.ts'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import { TokenBucket } from '../../src/remote/token-bucket.ts'
import { ValueCache } from '../../src/remote/value-cache.ts'
import { policyOf } from './support.ts'

test('the rate limiter lets through at most burst + rate * time, in order, and no later than it must', () => {
  const takes = fc.array(fc.record({ afterMs: fc.nat(2000), count: fc.integer({ min: 1, max: 50 }) }), {
    maxLength: 60,
  })
  const rates = fc.record({ perSecond: fc.integer({ min: 1, max: 1000 }), burst: fc.integer({ min: 1, max: 40 }) })
  fc.assert(
    fc.property(rates, takes, ({ perSecond, burst }, list) => {
      const bucket = new TokenBucket(perSecond, burst, 0)
      let nowMs = 0
      let lastMs = 0
      let taken = 0
      for (const { afterMs, count } of list) {
        nowMs += afterMs
        const waitMs = bucket.take(count, nowMs)
        assert.ok(waitMs >= 0)
        const atMs = nowMs + waitMs
        assert.ok(atMs >= lastMs, 'served in order')
        lastMs = Math.max(lastMs, atMs)
        taken += count
        assert.ok(taken <= burst + (perSecond * atMs) / 1000 + 1e-6, `${taken} by ${atMs} ms`)
        // One ms earlier there was not enough, counted from when the bucket was last full.
        if (waitMs > 0) assert.ok(waitMs <= Math.ceil((taken * 1000) / perSecond), 'no later than all of it takes')
      }
    }),
  )
})

test('a bucket that was emptied gives exactly its rate', () => {
  const bucket = new TokenBucket(10, 5, 0)
  assert.equal(bucket.take(5, 0), 0)
  assert.equal(bucket.take(1, 0), 100)
  assert.equal(bucket.take(1, 0), 200)
  assert.equal(bucket.take(3, 200), 300)
  assert.equal(bucket.take(5, 10_000), 0, 'after a pause the burst is there, and no more')
  assert.equal(bucket.take(1, 10_000), 100)
})

test('waits between attempts double up to the limit, and chance takes off at most its part', () => {
  const policies = fc.record({
    baseMs: fc.integer({ min: 0, max: 1000 }),
    maxMs: fc.integer({ min: 0, max: 60_000 }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 1_000_000 }), fc.nat(), (policy, failed, seed) => {
      const waitMs = backoffMs(policy, failed, seededRandom(seed))
      const full = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failed - 1, 60))
      assert.ok(Number.isFinite(waitMs))
      assert.ok(waitMs <= Math.round(full))
      assert.ok(waitMs >= Math.floor(full * (1 - policy.jitter)))
      if (policy.jitter === 0) assert.equal(waitMs, Math.round(full))
    }),
  )
  const waits = Array.from({ length: 8 }, (_, i) => backoffMs({ baseMs: 100, maxMs: 3000, jitter: 0 }, i + 1, () => 0))
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3000, 3000, 3000])
})

type Step = readonly [op: 'set' | 'none' | 'get' | 'delete' | 'wait', key: number, amount: number]

test('the cache holds what a model holds, within its limits, and for no longer than its ttl', () => {
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom<Step[0]>('set', 'set', 'none', 'get', 'get', 'delete', 'wait'),
      fc.nat(8),
      fc.integer({ min: 1, max: 400 }),
    ),
    { maxLength: 120 },
  )
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 100, max: 1500 }),
      (list, maxEntries, maxBytes) => {
        const policy = policyOf({ cache: { maxEntries, maxBytes, ttl: 300, negativeTtl: 50 } }).cache
        assert.ok(policy !== null)
        const cache = new ValueCache(policy)
        /** In order of use, the longest unused first. */
        const model = new Map<string, { value: unknown; untilMs: number; size: number }>()
        let nowMs = 0
        for (const [op, key, amount] of list) {
          const id = `k${key}`
          if (op === 'wait') nowMs += amount
          else if (op === 'delete') {
            cache.delete(id)
            model.delete(id)
          } else if (op === 'get') {
            const found = { value: undefined as unknown }
            const there = cache.get(id, nowMs, found)
            const expected = model.get(id)
            if (expected === undefined || nowMs >= expected.untilMs) {
              assert.equal(there, false)
              model.delete(id)
            } else {
              assert.ok(there)
              assert.equal(found.value, expected.value)
              model.delete(id)
              model.set(id, expected)
            }
          } else {
            const value = op === 'none' ? undefined : amount
            cache.set(id, value, amount, nowMs)
            model.delete(id)
            const size = amount + 64
            if (size <= maxBytes) model.set(id, { value, untilMs: nowMs + (op === 'none' ? 50 : 300), size })
            const bytes = (): number => [...model.values()].reduce((sum, entry) => sum + entry.size, 0)
            while (model.size > maxEntries || bytes() > maxBytes) model.delete([...model.keys()][0] as string)
            assert.equal(cache.sizeBytes, bytes())
          }
          assert.equal(cache.size, model.size)
          assert.ok(cache.size <= maxEntries && cache.sizeBytes <= maxBytes)
        }
      },
    ),
  )
})
