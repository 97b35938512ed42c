import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { retained, retainedCovering, type RetentionPolicy } from '../../src/checkpoint/retention.ts'

const policies = fc.array(
  fc.record({ periodMs: fc.integer({ min: 1, max: 50 }), forMs: fc.integer({ min: 1, max: 400 }) }),
  { maxLength: 3 },
)
const histories = fc
  .uniqueArray(fc.nat(1000), { maxLength: 40 })
  .map((times) => times.toSorted((a, b) => a - b).map((atMs, index) => ({ id: index + 1, atMs, savepoint: false })))

/** Ends of periods that a policy asks for at a moment. */
function ends(policy: RetentionPolicy, nowMs: number): number[] {
  return policy.flatMap(({ periodMs, forMs }) => {
    const found: number[] = []
    for (let end = Math.floor(nowMs / periodMs) * periodMs; end >= Math.max(0, nowMs - forMs); end -= periodMs)
      found.push(end)
    return found
  })
}

test('for each period of the policy the newest one before its end is kept, however long nothing was kept', () => {
  fc.assert(
    fc.property(histories, policies, fc.nat(200), (history, policy, after) => {
      const nowMs = (history.at(-1)?.atMs ?? 0) + after
      const kept = retainedCovering(history, nowMs, policy)
      for (const end of ends(policy, nowMs)) {
        const newest = history.findLast(({ atMs }) => atMs < end)
        if (newest !== undefined) assert.ok(kept.has(newest.id), `the one before ${end}`)
      }
      const last = history.at(-1)
      if (last !== undefined) assert.ok(kept.has(last.id), 'the newest')
      const most = 1 + policy.reduce((sum, { periodMs, forMs }) => sum + Math.floor(forMs / periodMs) + 1, 0)
      assert.ok(kept.size <= most, `${kept.size} of at most ${most}`)
    }),
  )
})

test('it keeps what the rule for managers keeps of periods that are over', () => {
  fc.assert(
    fc.property(histories, policies, (history, policy) => {
      const nowMs = history.at(-1)?.atMs ?? 0
      const kept = retainedCovering(history, nowMs, policy)
      const over = history.filter(({ atMs }) =>
        policy.every(({ periodMs }) => Math.floor(atMs / periodMs) < Math.floor(nowMs / periodMs)),
      )
      const others = retained(history, nowMs, policy)
      for (const { id } of over) if (others.has(id)) assert.ok(kept.has(id), `${id}`)
    }),
  )
})

test('applying it again and again keeps what applying it once keeps', () => {
  fc.assert(
    fc.property(histories, policies, (history, policy) => {
      let left: typeof history = []
      for (const each of history) {
        left.push(each)
        const kept = retainedCovering(left, each.atMs, policy)
        left = left.filter(({ id }) => kept.has(id))
      }
      const nowMs = history.at(-1)?.atMs ?? 0
      const once = retainedCovering(history, nowMs, policy)
      for (const id of once)
        assert.ok(
          left.some((each) => each.id === id),
          `${id} was given up early`,
        )
    }),
  )
})
