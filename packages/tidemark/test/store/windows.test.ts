import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTidemarkError } from '../../src/errors/error.ts'
import { bytes as bytesSerde } from '../../src/serde/bytes.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { decodedEntries } from '../../src/store/entry-decoder.ts'
import type { StoreSpec } from '../../src/store/types.ts'
import { WindowKeys } from '../../src/store/window-key.ts'
import { WindowStore } from '../../src/store/window-store.ts'
import { drain, Harness, windowSpec } from './harness.ts'

const HOUR = 3_600_000

function fixed(retentionMs?: number): { harness: Harness; store: WindowStore<string, number> } {
  const times = retentionMs === undefined ? { windowSizeMs: HOUR } : { windowSizeMs: HOUR, retentionMs }
  const harness = new Harness([windowSpec('hours', string(), uint(), times)])
  return { harness, store: new WindowStore<string, number>(harness.state.store('hours')) }
}

function starts(
  entries: Iterable<{ readonly key: string; readonly window: { readonly start: number } }>,
): [string, number][] {
  return [...entries].map(({ key, window }) => [key, window.start / HOUR])
}

function hasCode(code: Parameters<typeof isTidemarkError>[1], pattern: RegExp): (error: unknown) => boolean {
  return (error) => isTidemarkError(error, code) && pattern.test(error.message)
}

test('a value for each key and window, in fixed windows', () => {
  const { harness, store } = fixed()
  store.put('ada', { start: 0 }, 1)
  store.put('ada', HOUR, 2)
  store.put('ada', { start: -HOUR, end: 0 }, 3)
  store.put('a', { start: 5 * HOUR }, 4)
  assert.deepEqual(
    [0, HOUR, -HOUR, 2 * HOUR].map((start) => store.get('ada', { start })),
    [1, 2, 3, undefined],
  )
  assert.deepEqual(starts(store.all()), [
    ['a', 5],
    ['ada', -1],
    ['ada', 0],
    ['ada', 1],
  ])
  assert.deepEqual(starts(store.fetch('ada', 0, HOUR + 1)), [
    ['ada', 0],
    ['ada', 1],
  ])
  assert.deepEqual(starts(store.fetch('ada', 0, HOUR)), [['ada', 0]])
  assert.deepEqual(starts(store.windowsOf('ada', { reverse: true, limit: 2 })), [
    ['ada', 1],
    ['ada', 0],
  ])
  store.delete('ada', { start: 0 })
  assert.equal(store.get('ada', { start: 0 }), undefined)
  assert.equal(store.committed().get('a', { start: 5 * HOUR }), undefined)
  harness.commit()
  assert.equal(store.committed().get('a', { start: 5 * HOUR }), 4)
  assert.deepEqual(
    [...decodedEntries(harness.state.store((harness.specs[0] as StoreSpec).name))],
    [
      { key: 'a', window: { start: 5 * HOUR, end: 6 * HOUR }, value: 4 },
      { key: 'ada', window: { start: -HOUR, end: 0 }, value: 3 },
      { key: 'ada', window: { start: HOUR, end: 2 * HOUR }, value: 2 },
    ],
  )
})

test('windows of any size keep their end', () => {
  const harness = new Harness([windowSpec('sessions', string(), uint())])
  const store = new WindowStore<string, number>(harness.state.store('sessions'))
  store.put('ada', { start: 0, end: 10 }, 1)
  store.put('ada', { start: 0, end: 20 }, 2)
  store.put('ada', { start: 5, end: 7 }, 3)
  assert.equal(store.get('ada', { start: 0, end: 20 }), 2)
  assert.equal(store.get('ada', { start: 0 }), 1)
  assert.equal(store.get('ada', { start: 1 }), undefined)
  assert.deepEqual(
    [...store.all()].map(({ window }) => [window.start, window.end]),
    [
      [0, 10],
      [0, 20],
      [5, 7],
    ],
  )
  assert.throws(() => store.put('ada', 5, 1), hasCode('ERR_WINDOW_INVALID', /no fixed size/))
  assert.throws(() => store.put('ada', { start: 5, end: 5 }, 1), hasCode('ERR_WINDOW_INVALID', /has no length/))
})

test('windows that are none are ERR_WINDOW_INVALID', () => {
  const { store } = fixed()
  assert.throws(
    () => store.put('a', { start: 0, end: 5 }, 1),
    hasCode('ERR_WINDOW_INVALID', /store hours: .*not of the store's size, 3600000 ms/),
  )
  assert.throws(() => store.put('a', 0.5, 1), hasCode('ERR_WINDOW_INVALID', /whole milliseconds, not 0.5/))
  assert.throws(() => store.get('a', { start: Number.NaN }), hasCode('ERR_WINDOW_INVALID', /store hours/))
  assert.throws(() => store.get(null as never, { start: 0 }), hasCode('ERR_NULL_KEY', /store hours/))
})

test('expired windows are out of sight at once, and removed a few at a time', () => {
  const { harness, store } = fixed(HOUR)
  for (let i = 0; i < 40; i++) store.put(`k${i % 10}`, Math.floor(i / 10) * HOUR, i)
  harness.commit()
  assert.equal(store.expire(2 * HOUR - 1, 5), false)
  assert.equal([...store.all()].length, 40)
  assert.equal(store.expire(3 * HOUR, 5), true)
  assert.equal(store.get('k0', { start: HOUR }), undefined)
  assert.equal(store.get('k0', { start: 2 * HOUR }), 20)
  assert.deepEqual(starts(store.windowsOf('k3')), [
    ['k3', 2],
    ['k3', 3],
  ])
  assert.equal(store.approximateCount(), 37, 'one call looks at five entries: 0 to 3 of k0, and 0 of k1')
  let calls = 1
  while (store.expire(3 * HOUR, 5)) calls++
  assert.equal(calls, 8)
  assert.equal(store.approximateCount(), 20)
  harness.commit()
  drain(harness.state.flush())
  assert.equal(harness.base.statistics().entries, 20)
  // Nothing more to do until the next window has expired.
  assert.equal(store.expire(4 * HOUR - 1, 1), false)
})

test('a store that was opened again finds windows that expired while it was closed', () => {
  const { harness, store } = fixed(0)
  store.put('a', 0, 1)
  store.put('b', 9 * HOUR, 2)
  harness.commit()
  drain(harness.state.flush())
  const again = new WindowStore<string, number>(harness.open().store('hours'))
  while (again.expire(5 * HOUR)) continue
  assert.deepEqual(starts(again.all()), [['b', 9]])
  harness.commit()
  assert.equal(harness.state.store('hours').approximateCount(), 1)
})

test('window keys come back, and sort by key bytes, then start, then end', () => {
  const time = fc.integer({ min: -(2 ** 40), max: 2 ** 45 })
  const entry = fc.record({
    key: fc.uint8Array({ maxLength: 4, max: 2 }),
    start: time,
    length: fc.integer({ min: 1, max: 9 }),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), fc.boolean(), (entries, anySize) => {
      const keys = new WindowKeys('w', anySize ? null : 7)
      const encoded = entries.map(({ key, start, length }) => {
        const end = start + (anySize ? length : 7)
        keys.encode(Buffer.from([9, ...key, 9]), 1, key.length + 1, start, end)
        const bytes = keys.bytes.slice(0, keys.end)
        assert.deepEqual([...keys.userKeyOf(bytes)], [...key])
        assert.deepEqual([keys.startOf(bytes), keys.endOf(bytes)], [start, end])
        return { bytes, key, start, end }
      })
      const byBytes = encoded.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
      const byParts = encoded.toSorted((a, b) => Buffer.compare(a.key, b.key) || a.start - b.start || a.end - b.end)
      assert.deepEqual(
        byBytes.map(({ key, start, end }) => [[...key], start, end]),
        byParts.map(({ key, start, end }) => [[...key], start, end]),
      )
    }),
  )
})

test('bytes that are no window key are ERR_STATE_CORRUPT', () => {
  const keys = new WindowKeys('w', 7)
  for (const bad of [[], [1, 2, 3], [0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]) {
    assert.throws(
      () => keys.userKeyOf(new Uint8Array(bad)),
      hasCode('ERR_STATE_CORRUPT', /store w: .*not a window key/),
    )
  }
})

test('binary keys with zeros keep the windows of one key together', () => {
  const harness = new Harness([windowSpec('w', bytesSerde(), uint(), { windowSizeMs: 1 })])
  const store = new WindowStore<Uint8Array, number>(harness.state.store('w'))
  const all = [[], [0], [0, 0], [0, 128], [0, 255], [1]]
  for (const start of [5, 0, 2 ** 40]) for (const key of all) store.put(new Uint8Array(key), start, start)
  assert.deepEqual(
    [...store.windowsOf(new Uint8Array([0]))].map(({ value }) => value),
    [0, 5, 2 ** 40],
  )
  assert.deepEqual(
    [...store.all()].map(({ key }) => [...key]),
    all.flatMap((key) => [key, key, key]),
  )
})
