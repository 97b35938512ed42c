import assert from 'node:assert/strict'
import { test } from 'node:test'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { CacheBudget } from '../../src/store/cache-budget.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { BLOBS, drain, Harness, kvSpec, NUMBERS, OBJECTS } from './harness.ts'

interface Item {
  n: number
  tags: string[]
}

const KEYS = 4000
const blobOf = (i: number): Uint8Array => new Uint8Array(100).fill(i)

/** Stores with all keys in the base, and a cache that has room for a small part of them. */
function stores(cacheBytes: number): {
  objects: KeyValueStore<string, Item>
  blobs: KeyValueStore<string, Uint8Array>
  numbers: KeyValueStore<string, number>
  baseReads: () => number
} {
  const harness = new Harness([NUMBERS, OBJECTS, BLOBS], { cache: new CacheBudget(cacheBytes) })
  const objects = new KeyValueStore<string, Item>(harness.state.store('objects'))
  const blobs = new KeyValueStore<string, Uint8Array>(harness.state.store('blobs'))
  const numbers = new KeyValueStore<string, number>(harness.state.store('numbers'))
  for (let i = 0; i < KEYS; i++) {
    objects.put(`k${i}`, { n: i, tags: ['t'] })
    blobs.put(`k${i}`, blobOf(i))
    numbers.put(`k${i}`, i)
  }
  harness.commit()
  drain(harness.state.flush())
  return { objects, blobs, numbers, baseReads: () => harness.base.gets }
}

test('values that are too many for the cache come as they are from the base, by each discipline', () => {
  const { objects, blobs, numbers, baseReads } = stores(64 * 1024)
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < KEYS; i++) {
      const object = objects.get(`k${i}`) as Item
      assert.deepEqual(object, { n: i, tags: ['t'] })
      assert.throws(() => object.tags.push('u'), TypeError)
      const blob = blobs.get(`k${i}`) as Uint8Array
      assert.deepEqual(blob, blobOf(i))
      // One's own: the state does not change with it.
      blob.fill(255)
      assert.equal(numbers.get(`k${i}`), i)
    }
  }
  assert.ok(baseReads() > KEYS * 5, 'nearly all came from the base')
})

test('a key that is read again soon is kept, however many others are read once', () => {
  const { objects, blobs, baseReads } = stores(256 * 1024)
  // Fills the cache, so that it has no room for all.
  for (let i = 0; i < KEYS; i++) objects.get(`k${i}`)
  const before = baseReads()
  let once = 0
  for (let i = 1000; i < KEYS; i++) {
    objects.get(`k${i}`)
    once++
    assert.deepEqual(objects.get('k7'), { n: 7, tags: ['t'] })
    assert.deepEqual(blobs.get('k7'), blobOf(7))
  }
  const hot = baseReads() - before - once
  assert.ok(hot < 200, `two keys that are read all the time were read ${hot} times from the base`)
  assert.equal(objects.get('k7'), objects.get('k7'), 'decoded once')
})

test('while there is room for all, each key is read from the base once', () => {
  const { objects, baseReads } = stores(64 * 1024 * 1024)
  const before = baseReads()
  for (let round = 0; round < 3; round++) for (let i = 0; i < KEYS; i++) objects.get(`k${i}`)
  assert.ok(baseReads() - before <= KEYS)
})

test('an entry that comes straight from the base ends when its duration is over', () => {
  const spec = { ...kvSpec('timed', string(), uint()), ttl: { durationMs: 1000, time: 'processing' } as const }
  const harness = new Harness([spec], { cache: new CacheBudget(64 * 1024) })
  const store = new KeyValueStore<string, number>(harness.state.store('timed'))
  const { clock } = harness.state
  for (let i = 0; i < KEYS; i++) {
    clock.sampleProcessing(i)
    store.put(`k${i}`, i)
  }
  harness.commit()
  drain(harness.state.flush())
  clock.sampleProcessing(KEYS)
  // What was put more than a second ago has ended; the others are there.
  for (let i = 0; i < KEYS; i++) assert.equal(store.get(`k${i}`), i + 1000 <= KEYS ? undefined : i)
})
