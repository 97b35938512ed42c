import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, describe, median } from './compare.ts'

const side = (seconds: number, cpuSeconds: number): { records: number; seconds: number; cpuSeconds: number } => ({
  records: 1000,
  seconds,
  cpuSeconds,
})

test('ratios are medians of the ratios of single rounds, ours over theirs', () => {
  const rounds = [
    { peer: side(10, 20), own: side(1, 4) },
    { peer: side(9, 18), own: side(3, 3) },
    { peer: side(40, 10), own: side(2, 5) },
  ]
  assert.deepEqual(compare('count', 1, rounds), {
    case: 'count',
    threads: 1,
    records: 1000,
    peer: { perSecond: 100, perCpuSecond: 1000 / 18 },
    own: { perSecond: 500, perCpuSecond: 250 },
    wallRatio: 10,
    cpuRatio: 5,
  })
})

test('with one side there is no ratio', () => {
  const result = compare('pass', 2, [{ peer: side(2, 4), own: null }])
  assert.deepEqual([result.own, result.wallRatio, result.cpuRatio], [null, null, null])
  assert.match(describe(result), /^pass +2 +1 k +0 k +- +- +- +-$/)
})

test('the median is the middle one, of two the lower', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2)
  assert.throws(() => median([]), /no median/)
})
