import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Duration, durationMs, positiveDurationMs, showDuration } from '../../src/api/duration.ts'

const GOOD: readonly (readonly [Duration, number])[] = [
  ['1h', 3_600_000],
  ['5m', 300_000],
  ['1h6m', 3_960_000],
  ['250ms', 250],
  ['1d2h3m4s5ms', 93_784_005],
  ['1m1ms', 60_001],
  ['0s', 0],
  [0, 0],
  [1500, 1500],
]

test('durations: text and milliseconds', () => {
  for (const [text, ms] of GOOD) assert.equal(durationMs(text, 'x'), ms, String(text))
})

const WRONG: readonly (readonly [unknown, RegExp])[] = [
  ['', /it is empty/],
  ['5', /"5" has no unit: add d, h, m, s or ms/],
  ['5 m', /"5 m" has no unit of time|has a space/],
  ['1h 6m', /it has a space in it/],
  ['5x', /"5x" has no unit of time/],
  ['1.5h', /"1\.5h" is no whole number: use a smaller unit, as 1h30m for 1\.5h/],
  ['-1h', /it is negative/],
  ['5m1h', /'h' comes after 'm': the order is d h m s ms/],
  ['1h1h', /'h' is there twice/],
  ['soon', /"soon" does not start with a whole number/],
  ['1h,5m', /",5m" does not start/],
  [1.5, /milliseconds are a whole number/],
  [-1, /milliseconds are a whole number/],
  [Number.NaN, /milliseconds are a whole number/],
  ['9007199254740992ms', /milliseconds are a whole number/],
  [undefined, /it must be text or a number/],
  [{}, /it must be text or a number/],
]

test('durations: wrong ones throw ERR_DURATION, which names the option and says what is wrong', () => {
  for (const [text, message] of WRONG) {
    assert.throws(() => durationMs(text as Duration, 'stream s, retention'), { code: 'ERR_DURATION', message })
    assert.throws(() => durationMs(text as Duration, 'stream s, retention'), /^TidemarkError: stream s, retention: /)
  }
  assert.throws(() => positiveDurationMs('0s', 'x'), { code: 'ERR_DURATION', message: /longer than 0/ })
})

test('durations: what is shown parses to the same', () => {
  assert.equal(showDuration(3_960_000), '1h6m')
  assert.equal(showDuration(0), '0ms')
  fc.assert(fc.property(fc.nat(2 ** 40), (ms) => assert.equal(durationMs(showDuration(ms) as Duration, 'x'), ms)))
})
