import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DEFAULT_RETENTION, retained, type RetentionSubject } from '../../src/checkpoint/retention.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Checkpoints in order of id with times that grow, up to two days. */
const history: fc.Arbitrary<RetentionSubject[]> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 40 * MINUTE_MS }), fc.boolean()), { maxLength: 150 })
  .map((steps) => {
    let atMs = 0
    return steps.map(([stepMs, rare], index) => {
      atMs += rare ? stepMs : stepMs / 100
      return { id: index + 1, atMs, savepoint: stepMs % 17 === 0 }
    })
  })

const delay = fc.integer({ min: 0, max: DAY_MS * 2 })

function endOf(checkpoints: readonly RetentionSubject[]): number {
  return checkpoints.at(-1)?.atMs ?? 0
}

test('keeps the newest and every savepoint, and no more than the tiers can hold', () => {
  fc.assert(
    fc.property(history, delay, (checkpoints, laterMs) => {
      const kept = retained(checkpoints, endOf(checkpoints) + laterMs)
      const newest = checkpoints.at(-1)
      if (newest !== undefined) assert.ok(kept.has(newest.id))
      const savepoints = checkpoints.filter(({ savepoint }) => savepoint)
      for (const { id } of savepoints) assert.ok(kept.has(id))
      assert.ok(kept.size <= 1 + savepoints.length + 61 + 25)
      for (const id of kept) assert.ok(id >= 1 && id <= checkpoints.length)
    }),
  )
})

test('every minute of the last hour and every hour of the last day that had one still has one', () => {
  fc.assert(
    fc.property(history, delay, (checkpoints, laterMs) => {
      const nowMs = endOf(checkpoints) + laterMs
      const kept = retained(checkpoints, nowMs)
      const left = checkpoints.filter(({ id }) => kept.has(id))
      for (const { atMs } of checkpoints) {
        for (const { periodMs, forMs } of DEFAULT_RETENTION) {
          if (nowMs - atMs > forMs) continue
          assert.ok(left.some((other) => Math.floor(other.atMs / periodMs) === Math.floor(atMs / periodMs)))
        }
      }
    }),
  )
})

test('applying it often loses nothing that applying it once would keep', () => {
  fc.assert(
    fc.property(history, fc.array(delay, { maxLength: 5 }), (checkpoints, delaysMs) => {
      let left: RetentionSubject[] = []
      for (const checkpoint of checkpoints) {
        left.push(checkpoint)
        const kept = retained(left, checkpoint.atMs)
        left = left.filter(({ id }) => kept.has(id))
      }
      let nowMs = endOf(checkpoints)
      for (const ms of delaysMs) {
        nowMs += ms
        const kept = retained(left, nowMs)
        left = left.filter(({ id }) => kept.has(id))
      }
      const once = retained(checkpoints, nowMs)
      assert.deepEqual(new Set(left.map(({ id }) => id)), once)
    }),
  )
})

test('an empty policy keeps the newest and savepoints only', () => {
  fc.assert(
    fc.property(history, (checkpoints) => {
      const expected = checkpoints.filter(({ savepoint }, index) => savepoint || index === checkpoints.length - 1)
      assert.deepEqual(retained(checkpoints, endOf(checkpoints), []), new Set(expected.map(({ id }) => id)))
    }),
  )
})
