import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { ByteMap } from '../../src/store/byte-map.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { WindowStore } from '../../src/store/window-store.ts'
import { drain, Harness, kvSpec, NUMBERS, windowSpec } from './harness.ts'
import { MapBase } from './map-base.ts'

/** Tells of each call of a method of all maps, until the function that it returns is called. */
function countCalls(method: 'keyStartAt' | 'keyLengthAt', called: () => void): () => void {
  const own = Object.getOwnPropertyDescriptor(ByteMap.prototype, method) as PropertyDescriptor
  const original = own.value as (this: ByteMap, entry: number) => number
  ByteMap.prototype[method] = function counted(entry: number) {
    called()
    return original.call(this, entry)
  }
  return () => Object.defineProperty(ByteMap.prototype, method, own)
}

/** Steps of a commit of `changes` keys in a store of `size`, and what it asked of the base. */
function commitWork(size: number, changes: number): { steps: number; gets: number; scans: number } {
  const harness = new Harness([NUMBERS])
  const store = new KeyValueStore<string, number>(harness.state.store('numbers'))
  for (let i = 0; i < size; i++) store.put(`key-${i}`, i)
  harness.commit()
  drain(harness.state.flush())
  harness.forgetFlushed()
  const { base } = harness
  const before = { gets: base.gets, scans: base.scans }
  for (let i = 0; i < changes; i++) store.put(`key-${(i * 31) % size}`, i)
  let steps = 0
  const frozen = harness.state.freeze(harness.committed + 1)
  const delta = harness.state.delta(frozen)
  let step = delta.next()
  for (; step.done !== true; step = delta.next()) steps++
  harness.decide(step.value)
  for (const _ of harness.state.commit(frozen)) steps++
  return { steps, gets: base.gets - before.gets, scans: base.scans - before.scans }
}

test('S3: a commit does work for the keys that changed, whatever the size of the store', () => {
  const small = commitWork(2000, 1000)
  const large = commitWork(100_000, 1000)
  assert.deepEqual(large, small)
  assert.deepEqual([large.gets, large.scans], [0, 0])
})

test('a deletion of a key that was never below is in no delta and in no file', () => {
  const harness = new Harness([NUMBERS])
  const store = new KeyValueStore<string, number>(harness.state.store('numbers'))
  store.put('kept', 1)
  harness.commit()
  for (const round of [0, 1, 2]) {
    store.put(`gone-${round}`, 1)
    store.delete(`gone-${round}`)
    store.get(`other-${round}`)
    store.put(`other-${round}`, 2)
    store.delete(`other-${round}`)
    store.delete(`other-${round}`)
    const frozen = harness.state.freeze(harness.committed + 1)
    assert.equal(drain(harness.state.delta(frozen)), null)
    harness.decide(null)
    drain(harness.state.commit(frozen))
    assert.equal(store.approximateCount(), 1)
  }
  let deletions = 0
  const { base } = harness
  const write = base.write.bind(base)
  base.write = function* counted(id, descriptors, stores) {
    for (const { cursor } of stores) {
      const next = cursor.next.bind(cursor)
      cursor.next = () => {
        const more = next()
        if (more && !cursor.present) deletions++
        return more
      }
    }
    yield* write(id, descriptors, stores)
  }
  drain(harness.state.flush())
  assert.equal(deletions, 0)
  // What is below is covered.
  store.put('kept', 5)
  store.delete('kept')
  harness.commit()
  drain(harness.state.flush())
  assert.equal(deletions, 1)
  assert.equal(store.get('kept'), undefined)
})

test('S3: no step of the work after a burst of inserts takes more than a few thousand entries', () => {
  const count = 60_000
  let most = 0
  class CountingBase extends MapBase {
    override *write(...args: Parameters<MapBase['write']>): ReturnType<MapBase['write']> {
      for (const { cursor } of args[2]) {
        while (cursor.next()) if (murmur2(cursor.keyBytes, cursor.keyStart, cursor.keyEnd) !== cursor.hash) most = count
        yield
      }
    }
  }
  const harness = new Harness([kvSpec('numbers', string(), uint())], { base: new CountingBase() })
  const store = new KeyValueStore<string, number>(harness.state.store('numbers'))
  for (let i = 0; i < count; i++) store.put(`k${(i * 7919) % count}`, i)
  // Every read of an entry's key goes by its chunk: that counts what a step touches.
  let touched = 0
  const restore = countCalls('keyStartAt', () => touched++)
  const run = <T>(work: Generator<unknown, T>): T => {
    for (;;) {
      touched = 0
      const step = work.next()
      most = Math.max(most, touched)
      if (step.done === true) return step.value
    }
  }
  try {
    const frozen = harness.state.freeze(1)
    harness.decide(run(harness.state.delta(frozen)))
    run(harness.state.commit(frozen))
    for (let i = 0; i < count; i += 3) store.put(`k${i}`, i)
    const second = harness.state.freeze(2)
    harness.decide(run(harness.state.delta(second)))
    run(harness.state.commit(second))
    assert.ok(most < 20_000, `a step read ${most} keys`)
  } finally {
    restore()
  }
})

test('reading the windows of one key touches no others, forwards and backwards, deletions included', () => {
  const harness = new Harness([windowSpec('windows', string(), uint(), { windowSizeMs: 10 })])
  const raw = harness.state.store('windows')
  const store = new WindowStore<string, number>(raw)
  for (let user = 0; user < 2000; user++) {
    for (let at = 0; at < 5; at++) store.put(`user-${user}`, at * 10, user + at)
  }
  store.delete('user-7', 20)
  let compared = 0
  const restore = countCalls('keyLengthAt', () => compared++)
  try {
    const seen = [...store.fetch('user-7', 0, 40)].map(({ window }) => window.start)
    assert.deepEqual(seen, [0, 10, 30])
    assert.deepEqual(
      [...store.windowsOf('user-7', { reverse: true })].map(({ window }) => window.start),
      [40, 30, 10, 0],
    )
    assert.ok(compared < 100, `${compared} keys were looked at`)
  } finally {
    restore()
  }
})
