import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, TidemarkError, type Clock } from 'tidemark/system'
import { kafkaError, refusal } from '../../src/net/kafka-errors.ts'
import { Backoff, retrying } from '../../src/net/retry.ts'

/** Sleeping is over at once, and only counted. */
function fastClock(): Clock & { slept: number[] } {
  let nowMs = 0
  const slept: number[] = []
  const sleep = (ms: number): Promise<void> => {
    nowMs += ms
    slept.push(ms)
    return Promise.resolve()
  }
  return { now: () => nowMs, monotonicMs: () => nowMs, sleep, slept }
}

test('waits lie between the first and three times the one before, and under the most', () => {
  const backoff = new Backoff({ firstMs: 10, mostMs: 500, random: seededRandom(3) })
  let last = 10
  for (let i = 0; i < 200; i++) {
    const next = backoff.nextMs()
    assert.ok(next >= 10 && next <= Math.min(500, last * 3), `${last} is followed by ${next}`)
    last = next
  }
  backoff.reset()
  assert.ok(backoff.nextMs() <= 30)
})

test('tries again what may succeed later, and nothing else', async () => {
  const clock = fastClock()
  const options = { clock, random: seededRandom(1), withinMs: 10_000 }
  let calls = 0
  const done = await retrying(options, () => {
    calls++
    return calls < 4 ? Promise.reject(refusal('it', 15, null)) : Promise.resolve('done')
  })
  assert.equal(done, 'done')
  assert.equal(clock.slept.length, 3)
  const fatal = new TidemarkError('ERR_KAFKA_REFUSED', 'no')
  await assert.rejects(
    retrying(options, () => Promise.reject(fatal)),
    fatal,
  )
  await assert.rejects(
    retrying(options, () => Promise.reject(new RangeError('a bug'))),
    RangeError,
  )
  assert.equal(clock.slept.length, 3)
})

test('gives up when the time is over', async () => {
  const clock = fastClock()
  const options = { clock, random: seededRandom(1), withinMs: 3000 }
  await assert.rejects(
    retrying(options, () => Promise.reject(refusal('it', 5, null))),
    { code: 'ERR_KAFKA_NOT_READY' },
  )
  assert.ok(clock.monotonicMs() <= 3000 && clock.monotonicMs() >= 1900, `${clock.monotonicMs()} ms`)
})

test('while a right is held, brokers that do not answer are waited for, and those that refuse for a time', async () => {
  const clock = fastClock()
  const away = new TidemarkError('ERR_KAFKA_UNREACHABLE', 'no broker answers')
  const refused = refusal('it', 5, null)
  let calls = 0
  let isHeld = true
  const options = { clock, random: seededRandom(1), withinMs: 3000, isHeld: () => isHeld }
  await retrying(options, () => (++calls < 100 ? Promise.reject(away) : Promise.resolve()))
  assert.ok(clock.monotonicMs() > 10 * options.withinMs, `${clock.monotonicMs()} ms`)
  // A broker that is back and away again and again: what refused before is forgiven.
  calls = 0
  await retrying(options, () =>
    ++calls < 60 ? Promise.reject(calls % 3 === 0 ? away : refusal('it', 6, null)) : Promise.resolve(),
  )
  const beganMs = clock.monotonicMs()
  await assert.rejects(
    retrying(options, () => Promise.reject(refused)),
    refused,
  )
  assert.ok(clock.monotonicMs() - beganMs <= options.withinMs)
  // Once it is lost no try begins.
  calls = 0
  const lost = retrying(options, () => {
    if (++calls === 20) isHeld = false
    return Promise.reject(away)
  })
  await assert.rejects(lost, away)
  assert.equal(calls, 20)
})

test('a lease that is lost is not tried for again: ERR_LEASE_LOST is for the next start of the process', async () => {
  const clock = fastClock()
  const lost = new TidemarkError('ERR_LEASE_LOST', 'lost')
  assert.equal(lost.retry, 'later')
  const options = { clock, random: seededRandom(1), withinMs: 3000, isHeld: () => true }
  await assert.rejects(
    retrying(options, () => Promise.reject(lost)),
    lost,
  )
  assert.deepEqual(clock.slept, [])
})

test('what to do about an error of a broker', () => {
  assert.deepEqual(kafkaError(90), { code: 90, name: 'PRODUCER_FENCED', remedy: 'fenced' })
  assert.equal(kafkaError(47).remedy, 'fenced')
  assert.equal(kafkaError(51).remedy, 'retry')
  assert.equal(kafkaError(6).remedy, 'metadata')
  assert.equal(kafkaError(16).remedy, 'coordinator')
  assert.equal(kafkaError(10).remedy, 'fatal')
  assert.equal(kafkaError(9999).name, 'error 9999')
  assert.equal(refusal('writing', 10, 'too big').code, 'ERR_KAFKA_REFUSED')
  assert.match(refusal('writing', 10, 'too big').message, /writing was refused: MESSAGE_TOO_LARGE \(too big\)/)
  assert.equal(refusal('reading', 29, null).code, 'ERR_KAFKA_DENIED')
  assert.equal(refusal('reading', 6, null, { stream: 'a' }).details['stream'], 'a')
})
