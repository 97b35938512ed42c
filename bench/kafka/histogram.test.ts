import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from './histogram.ts'

test('percentiles are the smallest latency that so many do not exceed', () => {
  const histogram = new Histogram()
  for (let ms = 1; ms <= 200; ms++) histogram.add(ms - 0.5)
  assert.deepEqual(
    [0, 0.5, 0.99, 1].map((share) => histogram.percentileMs(share)),
    [1, 100, 198, 200],
  )
  assert.deepEqual([histogram.count, histogram.maxMs], [200, 200])
})

test('a latency that is too long for the histogram counts as the longest, one before its time as none', () => {
  const histogram = new Histogram()
  histogram.add(10 * Histogram.LONGEST_MS)
  assert.equal(histogram.percentileMs(0.5), Histogram.LONGEST_MS)
  histogram.add(-3)
  assert.equal(histogram.percentileMs(0.5), 0)
  assert.throws(() => new Histogram().percentileMs(0.5), /no percentile/)
})
