import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes } from '../../src/serde/bytes.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { describe, readDescriptor, writeDescriptor } from '../../src/store/descriptor.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { ByteReader } from '../../src/serde/byte-reader.ts'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import type { StoreSpec } from '../../src/store/types.ts'
import { drain, Harness, kvSpec, NUMBERS } from './harness.ts'

const TTL = { durationMs: 1000, time: 'processing' } as const
const TIMED: StoreSpec = { ...kvSpec('timed', string(), uint()), ttl: TTL }
const OBJECTS: StoreSpec = { ...kvSpec('objects', string(), json<{ n: number }>()), ttl: { ...TTL, time: 'event' } }
const BLOBS: StoreSpec = { ...kvSpec('blobs', string(), bytes()), ttl: TTL }

function opened(options: ConstructorParameters<typeof Harness>[1] = {}): {
  harness: Harness
  store: KeyValueStore<string, number>
} {
  const harness = new Harness([TIMED, OBJECTS, BLOBS], options)
  harness.state.clock.sampleProcessing(0)
  return { harness, store: new KeyValueStore<string, number>(harness.state.store('timed')) }
}

function show(store: { entries(): Iterable<{ key: string; value: unknown }> }): string[] {
  return [...store.entries()].map(({ key, value }) => `${key}=${JSON.stringify(value)}`)
}

test('an entry ends when its duration is over, to the millisecond, in every layer', () => {
  const { harness, store } = opened()
  const { clock } = harness.state
  store.put('file', 1)
  harness.commit()
  drain(harness.state.flush())
  clock.sampleProcessing(1)
  store.put('recent', 2)
  harness.commit()
  clock.sampleProcessing(2)
  store.put('frozen', 3)
  const frozen = harness.state.freeze(harness.committed + 1)
  clock.sampleProcessing(3)
  store.put('active', 4)
  const keys = ['file', 'recent', 'frozen', 'active']
  for (let nowMs = 999; nowMs <= 1003; nowMs++) {
    clock.sampleProcessing(nowMs)
    const left = keys.slice(nowMs - 999)
    assert.deepEqual(
      keys.filter((key) => store.get(key) !== undefined),
      left,
      `at ${nowMs}`,
    )
    assert.deepEqual([...store.entries()].map(({ key }) => key).toSorted(), left.toSorted())
    assert.equal(store.approximateCount(), left.length)
    assert.deepEqual(
      [...store.committed().entries()].map(({ key }) => key),
      left.filter((key) => key === 'file' || key === 'recent'),
    )
  }
  assert.equal(store.committed().get('file'), undefined)
  harness.decide(drain(harness.state.delta(frozen)))
  drain(harness.state.commit(frozen))
})

test('a put begins the duration anew; an entry that has ended is none for putIfAbsent and update', () => {
  const { harness, store } = opened()
  const { clock } = harness.state
  store.put('a', 1)
  clock.sampleProcessing(900)
  store.put('a', 2)
  harness.commit()
  drain(harness.state.flush())
  clock.sampleProcessing(1899)
  assert.equal(store.get('a'), 2)
  clock.sampleProcessing(1900)
  assert.equal(store.has('a'), false)
  assert.equal(store.putIfAbsent('a', 3), undefined)
  assert.equal(store.get('a'), 3)
  clock.sampleProcessing(2900)
  assert.equal(
    store.update('a', (n) => (n ?? 10) + 1),
    11,
  )
})

test('the clock never goes back, and an iterator keeps the time of its creation', () => {
  const { harness, store } = opened()
  const { clock } = harness.state
  store.put('a', 1)
  const entries = store.entries()
  clock.sampleProcessing(1000)
  assert.equal(store.get('a'), undefined)
  clock.sampleProcessing(10)
  assert.equal(store.get('a'), undefined)
  assert.deepEqual(
    [...entries].map(({ key }) => key),
    ['a'],
  )
})

test('values of every discipline keep their deadline through delta, files and a restart', () => {
  const { harness } = opened()
  harness.state.clock.advanceEvent(0)
  const fill = (suffix: string): void => {
    new KeyValueStore<string, unknown>(harness.state.store('timed')).put(`n${suffix}`, 7)
    new KeyValueStore<string, unknown>(harness.state.store('objects')).put(`o${suffix}`, { n: 1 })
    new KeyValueStore<string, unknown>(harness.state.store('blobs')).put(`b${suffix}`, new Uint8Array([1, 2]))
  }
  const all = (): string[] => {
    const seen: string[] = []
    for (const name of ['timed', 'objects', 'blobs']) {
      seen.push(...show(new KeyValueStore<string, unknown>(harness.state.store(name))))
    }
    return seen
  }
  fill('-file')
  harness.commit()
  drain(harness.state.flush())
  harness.state.clock.sampleProcessing(500)
  harness.state.clock.advanceEvent(400)
  fill('-delta')
  harness.commit()
  harness.forgetFlushed()
  const before = all()
  assert.equal(before.length, 6)
  for (const round of [0, 1]) {
    harness.open()
    const { clock } = harness.state
    clock.sampleProcessing(999)
    clock.advanceEvent(999)
    assert.deepEqual(all(), before)
    clock.sampleProcessing(1000)
    assert.equal(all().length, 4)
    clock.advanceEvent(1000)
    assert.equal(all().length, 3)
    clock.sampleProcessing(1499)
    clock.advanceEvent(1399)
    assert.deepEqual(new KeyValueStore<string, unknown>(harness.state.store('objects')).get('o-delta'), { n: 1 })
    clock.sampleProcessing(1500)
    clock.advanceEvent(1400)
    assert.deepEqual(all(), [])
    if (round === 0) drain(harness.state.flush())
  }
})

test('what has ended is removed by deletions in later commits, a few at a time, wherever it is', () => {
  const { harness, store } = opened()
  const { state } = harness
  for (let i = 0; i < 100; i++) store.put(`file-${i}`, i)
  harness.commit()
  drain(state.flush())
  for (let i = 0; i < 100; i++) store.put(`recent-${i}`, i)
  harness.commit()
  state.clock.sampleProcessing(900)
  store.put('file-7', 70)
  store.put('alive', 1)
  assert.equal(state.expire(50), false)
  // A whole bucket of deadlines has passed.
  state.clock.sampleProcessing(1100)
  let calls = 0
  while (state.expire(50)) calls++
  assert.ok(calls >= 3, `${calls} calls`)
  harness.commit()
  drain(state.flush())
  assert.equal(harness.base.approximateCount('timed'), 2)
  assert.deepEqual(show(store), ['alive=1', 'file-7=70'])
  assert.equal(harness.state.expire(50), false)
})

test('after a restart, what the files have is found by a walk, and then known', () => {
  const { harness, store } = opened()
  for (let i = 0; i < 3000; i++) store.put(`k${i}`, i)
  harness.commit()
  drain(harness.state.flush())
  harness.forgetFlushed()
  harness.open()
  const { state } = harness
  const { clock } = state
  clock.sampleProcessing(300)
  assert.equal(state.expire(10), false)
  clock.sampleProcessing(500)
  let calls = 0
  while (state.expire(10)) calls++
  assert.ok(calls >= 3000 / 40 - 1, `a call looks at no more than four entries for each it may remove: ${calls} calls`)
  const scans = harness.base.scans
  clock.sampleProcessing(1100)
  while (state.expire(100)) continue
  assert.equal(harness.base.scans, scans)
  harness.commit()
  drain(state.flush())
  assert.equal(harness.base.approximateCount('timed'), 0)
})

test('a commit removes a bounded number of entries', () => {
  const { harness, store } = opened()
  for (let i = 0; i < 30_000; i++) store.put(`k${i}`, i)
  harness.commit()
  harness.state.clock.sampleProcessing(2000)
  while (harness.state.expire(5000)) continue
  harness.commit()
  assert.equal(harness.state.expire(5000), true)
  while (harness.state.expire(5000)) continue
  harness.commit()
  drain(harness.state.flush())
  assert.equal(harness.base.approximateCount('timed'), 0)
})

test('before the time is known, entries have no deadline', () => {
  const harness = new Harness([OBJECTS])
  const store = new KeyValueStore<string, { n: number }>(harness.state.store('objects'))
  store.put('init', { n: 1 })
  harness.state.clock.advanceEvent(1_000_000)
  store.put('later', { n: 2 })
  harness.commit()
  drain(harness.state.flush())
  harness.open()
  harness.state.clock.advanceEvent(2_000_000)
  assert.deepEqual(show(new KeyValueStore<string, { n: number }>(harness.state.store('objects'))), ['init={"n":1}'])
})

test('a TTL is part of what a store is: with, without, and by another time are ERR_STORE_MISMATCH; its duration may change', () => {
  const { harness, store } = opened()
  store.put('a', 1)
  harness.commit()
  const reopen = (spec: StoreSpec): Harness => {
    return new Harness([spec], { base: harness.base, deltas: harness.deltas, id: 1 })
  }
  const without = kvSpec('timed', string(), uint())
  assert.throws(() => reopen(without), { code: 'ERR_STORE_MISMATCH', message: /with a TTL by processing time/ })
  assert.throws(() => reopen({ ...TIMED, ttl: { ...TTL, time: 'event' } }), { code: 'ERR_STORE_MISMATCH' })
  reopen({ ...TIMED, ttl: { ...TTL, durationMs: 5 } })
  for (const spec of [TIMED, OBJECTS, NUMBERS]) {
    const out = new ByteWriter()
    writeDescriptor(describe(spec), out)
    assert.deepEqual(readDescriptor(new ByteReader(out.bytes, 0, out.position)), describe(spec))
  }
})
