import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import { SteadyClock } from '../../src/clock/steady-clock.ts'

const HOUR_MS = 3_600_000

test('S2: a task’s time is the machine’s, until that is set back: then it goes on by the monotone clock', () => {
  const clock = new ManualClock(1_000_000)
  const steady = new SteadyClock(clock, Number.NEGATIVE_INFINITY)
  assert.equal(steady.now(), 1_000_000)
  clock.advance(500)
  clock.jump(HOUR_MS)
  assert.equal(steady.now(), 1_000_500 + HOUR_MS, 'forth at once')
  clock.jump(-HOUR_MS)
  let last = steady.now()
  for (let second = 0; second < 60; second++) {
    // Asked often: parts of a millisecond add up.
    for (let i = 0; i < 10; i++) {
      clock.advance(100)
      const now = steady.now()
      assert.ok(now > last, 'it never goes back and never stands still')
      last = now
    }
  }
  const passedMs = last - (1_000_500 + HOUR_MS)
  assert.ok(passedMs >= 53_000 && passedMs <= 60_000, `${passedMs} ms of a minute`)
  clock.advance(10 * HOUR_MS)
  assert.equal(steady.now(), clock.now(), 'the machine’s clock has caught up')
})

test('S2: after a restart while the clock is behind it goes on from where the checkpoint was', () => {
  const clock = new ManualClock(1_000_000)
  const steady = new SteadyClock(clock, 1_000_000 + HOUR_MS)
  assert.equal(steady.now(), 1_000_000 + HOUR_MS)
  clock.advance(1000)
  assert.equal(steady.now(), 1_000_900 + HOUR_MS)
  assert.equal(steady.monotonicMs(), clock.monotonicMs())
})
