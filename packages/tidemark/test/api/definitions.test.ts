import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isJob, json, kv, type Serde, stream, string, timer, tumbling, uint, windows } from '../../src/index.ts'

const serdes = { key: string(), value: uint() }

test('stream: options become data, durations milliseconds, and nothing can be changed', () => {
  const time = (): number => 1
  const full = stream('visits', { ...serdes, time, partitions: 3, retention: '2d', outOfOrder: '5s' })
  const { kind, name, partitions, retentionMs, outOfOrderMs } = full
  assert.deepEqual([kind, name, partitions, retentionMs, outOfOrderMs], ['stream', 'visits', 3, 172_800_000, 5000])
  assert.equal(full.time, time)
  const bare = stream('bare', serdes)
  assert.deepEqual([bare.time, bare.partitions, bare.retentionMs, bare.outOfOrderMs], [null, null, null, 0])
  assert.ok(Object.isFrozen(full))
})

test('kv and windows: kinds, and whether a retention was given', () => {
  assert.equal(kv('a', serdes).kind, 'kv')
  const undecided = windows('b', serdes)
  assert.deepEqual([undecided.kind, undecided.retentionMs, undecided.retentionGiven], ['windows', null, false])
  const given = windows('b', { ...serdes, retention: '1h' })
  assert.deepEqual([given.retentionMs, given.retentionGiven], [3_600_000, true])
  const forEver = windows('b', { ...serdes, retention: 'forever' })
  assert.deepEqual([forEver.retentionMs, forEver.retentionGiven], [null, true])
})

test('timer: strings are the keys unless a serde is given', () => {
  assert.deepEqual([timer('event').time, timer('event').key.name], ['event', 'string'])
  assert.equal(timer('processing', { key: uint() }).key.name, 'uint')
})

test('tumbling: size and grace; a grace makes a new one', () => {
  const hour = tumbling('1h')
  const late = hour.grace('5m')
  assert.deepEqual([hour.sizeMs, hour.graceMs, late.sizeMs, late.graceMs], [3_600_000, 0, 3_600_000, 300_000])
})

test('names that cannot be file and topic names throw ERR_NAME', () => {
  for (const name of ['', '.', '..', '-a', '.hidden', 'a b', 'a/b', 'é', 'a\0', 'x'.repeat(101)]) {
    assert.throws(() => stream(name, serdes), { code: 'ERR_NAME' }, name)
    assert.throws(() => kv(name, serdes), { code: 'ERR_NAME' }, name)
  }
  for (const name of ['a', 'A.b-c_d', '_x', '9lives', 'x'.repeat(100)]) stream(name, serdes)
  assert.throws(() => stream(7 as never, serdes), { code: 'ERR_NAME' })
})

test('options that are not allowed throw ERR_OPTION', () => {
  const option = { code: 'ERR_OPTION' }
  for (const partitions of [0, -1, 1.5, 10_001, Number.NaN, '4']) {
    assert.throws(() => stream('s', { ...serdes, partitions: partitions as number }), option, String(partitions))
  }
  assert.throws(() => stream('s', { ...serdes, time: 'at' as never }), option)
  const uncalled = string as unknown as Serde<string>
  assert.throws(() => stream('s', { key: uncalled, value: json() }), {
    ...option,
    message: /call it, as in string\(\)/,
  })
  assert.throws(() => kv('s', { key: string(), value: undefined as never }), {
    ...option,
    message: /value must be a serde/,
  })
  assert.throws(() => timer('later' as 'event'), option)
  assert.throws(() => timer('event', { key: {} as never }), option)
  assert.throws(() => windows('s', { ...serdes, retention: '0s' }), { code: 'ERR_DURATION' })
})

test('isJob: only what defineJob made', () => {
  for (const value of [null, undefined, 1, 'job', {}, { kind: 'job', name: 'x', topology: {} }])
    assert.equal(isJob(value), false)
})
