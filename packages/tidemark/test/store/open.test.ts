import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../src/errors/error.ts'
import type { ErrorCode } from '../../src/errors/table.ts'
import { int32 } from '../../src/serde/numbers.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { DeltaReader } from '../../src/store/delta-reader.ts'
import { describe, specFromDescriptor, specWithSerdes } from '../../src/store/descriptor.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { StoreSpec } from '../../src/store/types.ts'
import { drain, Harness, kvSpec, NUMBERS, OBJECTS, windowSpec } from './harness.ts'

function numbersOf(harness: Harness): KeyValueStore<string, number> {
  return new KeyValueStore<string, number>(harness.state.store('numbers'))
}

/** Three commits, the first of them flushed. */
function three(): Harness {
  const harness = new Harness([NUMBERS, OBJECTS])
  for (let i = 1; i <= 3; i++) {
    numbersOf(harness).put(`k${i}`, i)
    harness.commit()
    if (i === 1) drain(harness.state.flush())
  }
  return harness
}

function failsWith(run: () => unknown, code: ErrorCode, pattern: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(isTidemarkError(error, code), `${String(error)} is not ${code}`)
    assert.match(error.message, pattern)
    return true
  })
}

test('C1: files or deltas that are ahead of the committed checkpoint are refused with ERR_STATE_AHEAD', () => {
  const harness = three()
  harness.committed = 2
  failsWith(() => harness.open(), 'ERR_STATE_AHEAD', /there is a delta 3, but the committed checkpoint is 2/)
  drain(three().state.flush())
  const flushed = three()
  drain(flushed.state.flush())
  flushed.deltas = []
  flushed.committed = 2
  flushed.lastDeltaId = 2
  failsWith(() => flushed.open(), 'ERR_STATE_AHEAD', /its files are at 3/)
})

test('a missing delta is ERR_STATE_GAP: in the middle, at the start, at the end', () => {
  const middle = three()
  middle.deltas = middle.deltas.filter(({ id }) => id !== 2)
  failsWith(() => middle.open(), 'ERR_STATE_GAP', /task job-0: the files are at checkpoint 1/)
  const end = three()
  end.deltas = end.deltas.filter(({ id }) => id !== 3)
  failsWith(() => end.open(), 'ERR_STATE_GAP', /delta 3 is missing/)
  const files = three()
  files.base.id = 0
  files.deltas = files.deltas.filter(({ id }) => id !== 1)
  failsWith(() => files.open(), 'ERR_STATE_GAP', /at checkpoint 0/)
  const swapped = three()
  swapped.deltas.reverse()
  failsWith(() => swapped.open(), 'ERR_STATE_GAP', /out of order/)
})

test('commits without changes have no delta, and are no gap', () => {
  const harness = three()
  harness.commit()
  harness.commit()
  assert.equal(harness.deltas.length, 3)
  numbersOf(harness).put('k1', 9)
  harness.commit()
  harness.open()
  assert.deepEqual([harness.state.id, harness.state.lastDeltaId, numbersOf(harness).get('k1')], [6, 6, 9])
})

test('a store declared otherwise than written is ERR_STORE_MISMATCH with both sides and the way out', () => {
  const declared: [StoreSpec, RegExp][] = [
    [
      kvSpec('numbers', string(), int32()),
      /store numbers of task job-0 is declared as kv of string v1 to int32 v1, but its data was written as kv of string v1 to uint v1\. Change/,
    ],
    [kvSpec('numbers', int32(), uint()), /kv of int32/],
    [kvSpec('numbers', string(), { ...uint(), version: 2 }), /uint v2/],
    [
      windowSpec('numbers', string(), uint(), { windowSizeMs: 10 }),
      /windows of string v1 to uint v1, windows of 10 ms/,
    ],
  ]
  for (const [spec, pattern] of declared) {
    const harness = three()
    const open = (): unknown =>
      openTaskState({ task: 'job-0', specs: [spec], base: harness.base, deltas: harness.deltas, id: harness.committed })
    failsWith(open, 'ERR_STORE_MISMATCH', pattern)
    // In the deltas alone, before anything was flushed.
    harness.base.descriptors = []
    failsWith(open, 'ERR_STORE_MISMATCH', pattern)
  }
})

test('C8: a damaged delta, wherever the damage is, opens nothing and says so', () => {
  const harness = three()
  const good = harness.deltas[1]
  assert.ok(good !== undefined)
  for (let at = 0; at < good.bytes.length; at++) {
    const bytes = good.bytes.slice()
    bytes[at] = (bytes[at] as number) ^ 0x10
    harness.deltas[harness.deltas.indexOf(harness.deltas.find(({ id }) => id === 2) as never)] = { id: 2, bytes }
    failsWith(() => harness.open(), 'ERR_STATE_CORRUPT', /delta 2 of task job-0 is damaged: its checksum/)
  }
  for (let length = 0; length < good.bytes.length; length++) {
    failsWith(
      () => new DeltaReader('t', { id: 2, bytes: good.bytes.subarray(0, length) }),
      'ERR_STATE_CORRUPT',
      /damaged/,
    )
  }
  failsWith(() => new DeltaReader('t', { id: 5, bytes: good.bytes }), 'ERR_STATE_CORRUPT', /says that it is delta 2/)
  assert.equal(harness.base.closed, false)
  harness.deltas = harness.deltas.map((delta) => (delta.id === 2 ? good : delta))
  harness.open()
  assert.deepEqual(
    [...numbersOf(harness).entries()].map(({ value }) => value),
    [1, 2, 3],
  )
})

test('a store that is not declared any more keeps its data, through a flush, until it is declared again', () => {
  const harness = three()
  const fewer = openTaskState({ task: 'job-0', specs: [OBJECTS], base: harness.base, deltas: harness.deltas, id: 3 })
  failsWith(() => fewer.store('numbers'), 'ERR_UNKNOWN_STORE', /task job-0 has no store numbers; it declares objects/)
  new KeyValueStore<string, { n: number }>(fewer.store('objects')).put('o', { n: 1 })
  const frozen = fewer.freeze(4)
  harness.decide(drain(fewer.delta(frozen)))
  drain(fewer.commit(frozen))
  drain(fewer.flush())
  assert.deepEqual(harness.base.descriptors.map(({ name }) => name).toSorted(), ['numbers', 'objects'])
  harness.forgetFlushed()
  harness.deltas = []
  harness.open()
  assert.deepEqual(
    [...numbersOf(harness).entries()].map(({ value }) => value),
    [1, 2, 3],
  )
})

test('the delta has net changes only, is of the freeze, and owns its memory', () => {
  const harness = new Harness()
  const numbers = numbersOf(harness)
  numbers.put('gone', 1)
  numbers.delete('gone')
  numbers.putIfAbsent('fresh', 1)
  numbers.delete('fresh')
  numbers.delete('never')
  numbers.put('a', 1)
  numbers.put('a', 2)
  const frozen = harness.state.freeze(1)
  numbers.put('a', 3)
  const bytes = drain(harness.state.delta(frozen))
  assert.ok(bytes !== null)
  assert.equal(structuredClone(bytes.length, { transfer: [] }), bytes.length)
  const seen: [string, number | null][] = []
  const reader = new DeltaReader('t', { id: 1, bytes })
  reader.visit({
    store: ({ name }) => assert.equal(name, 'numbers'),
    entry: (source, start, end, valueStart) => {
      seen.push([
        Buffer.from(source.subarray(start, end)).toString(),
        valueStart < 0 ? null : (source[valueStart] as number),
      ])
    },
  })
  // Of `gone` and `fresh` nothing was there before: their deletions say nothing.
  assert.deepEqual(seen, [['a', 2]])
  const moved = structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })
  assert.equal(bytes.length, 0)
  assert.deepEqual(
    new DeltaReader('t', { id: 1, bytes: moved }).descriptors.map(({ name }) => name),
    ['numbers', 'objects', 'blobs'],
  )
})

test('only changes that cancel out make no delta', () => {
  const harness = new Harness()
  const numbers = numbersOf(harness)
  numbers.update('a', () => 1)
  numbers.delete('a')
  assert.equal(harness.state.dirty, true)
  harness.commit()
  assert.deepEqual([harness.deltas, harness.state.lastDeltaId, harness.state.id], [[], 0, 1])
  harness.open()
  assert.equal(numbersOf(harness).approximateCount(), 0)
})

test('freeze, delta and commit out of order are broken invariants', () => {
  const harness = new Harness()
  numbersOf(harness).put('a', 1)
  const frozen = harness.state.freeze(1)
  failsWith(() => harness.state.freeze(2), 'ERR_INVARIANT', /freeze while commit 1 is in flight/)
  drain(harness.state.commit(frozen))
  failsWith(() => harness.state.commit(frozen), 'ERR_INVARIANT', /1 is not the frozen commit/)
  failsWith(() => harness.state.freeze(1), 'ERR_INVARIANT', /1 is committed/)
  const flush = harness.state.flush()
  flush.next()
  failsWith(() => drain(harness.state.flush()), 'ERR_INVARIANT', /flush while one runs/)
})

test('wantsFlush, statistics and close', () => {
  const harness = new Harness([NUMBERS], { flushThresholdBytes: 10_000 })
  const numbers = numbersOf(harness)
  for (let i = 0; i < 300; i++) numbers.put(`k${i}`, i)
  assert.ok(harness.state.activeBytes > 300 * 20)
  assert.equal(harness.state.wantsFlush, false)
  harness.commit()
  assert.equal(harness.state.activeBytes, 0)
  assert.equal(harness.state.wantsFlush, true)
  const flush = harness.state.flush()
  flush.next()
  assert.equal(harness.state.wantsFlush, false)
  assert.ok(harness.state.recentBytes > 10_000)
  drain(flush)
  const { recentBytes, cacheBytes, baseEntries } = harness.state.statistics()
  assert.deepEqual([recentBytes, cacheBytes > 10_000, baseEntries], [0, true, 300])
  harness.state.close()
  assert.equal(harness.base.closed, true)
})

test('a descriptor gives its store back, with Tidemark’s serdes or the job’s', () => {
  const spec = windowSpec('w', string(), uint(), { windowSizeMs: 1000, retentionMs: 0 })
  const back = specFromDescriptor(describe(spec))
  assert.deepEqual(describe(back), describe(spec))
  const own = { ...uint(), name: 'own', version: 3 }
  const described = describe(kvSpec('k', string(), own))
  failsWith(() => specFromDescriptor(described), 'ERR_SERDE_UNKNOWN', /own/)
  const named = specWithSerdes(described, (name, version) => {
    assert.ok((name === 'own' && version === 3) || name === 'string')
    return (name === 'own' ? own : string()) as never
  })
  assert.deepEqual(describe(named), described)
})

test('a flush that fails while a large commit is being merged loses nothing (C7), and the next one takes all', () => {
  const harness = new Harness([NUMBERS])
  const numbers = numbersOf(harness)
  const fill = (from: number, to: number, value: number): void => {
    for (let i = from; i < to; i++) numbers.put(`k${i}`, value)
  }
  fill(0, 12_000, 1)
  harness.commit()
  const flush = harness.state.flush()
  for (let i = 0; i < 20; i++) flush.next()
  fill(3000, 9000, 2)
  harness.commit()
  fill(0, 6000, 3)
  const frozen = harness.state.freeze(3)
  harness.decide(drain(harness.state.delta(frozen)))
  const merge = harness.state.commit(frozen)
  merge.next()
  harness.base.failNextWrite = new Error('no space')
  assert.throws(() => drain(flush), /no space/)
  const check = (): void => {
    for (const [key, value] of [
      ['k0', 3],
      ['k5999', 3],
      ['k6000', 2],
      ['k8999', 2],
    ] as const) {
      assert.equal(numbers.get(key), value)
    }
    assert.equal([...numbers.entries()].length, 12_000)
  }
  check()
  drain(merge)
  check()
  assert.equal(harness.state.flushedId, 0)
  drain(harness.state.flush())
  assert.deepEqual([harness.state.flushedId, harness.base.id, harness.base.statistics().entries], [3, 3, 12_000])
  check()
})
