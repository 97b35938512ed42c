import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { CacheBudget } from '../../src/store/cache-budget.ts'
import { KeyList } from '../../src/store/key-list.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import type { KeyBatch } from '../../src/store/types.ts'
import { drain, Harness, NUMBERS } from './harness.ts'
import { MapBase } from './map-base.ts'

/** A base that has to fetch keys first. */
class SlowBase extends MapBase {
  readonly asked: string[][] = []
  cold = true

  prefetch(_store: string, keys: KeyBatch): Promise<void> | null {
    const names: string[] = []
    for (let i = 0; i < keys.count; i++) {
      const key = keys.bytes.subarray(keys.starts[i], keys.ends[i])
      assert.equal(keys.hashes[i], murmur2(key))
      names.push(Buffer.from(key).toString())
    }
    this.asked.push(names)
    return this.cold ? Promise.resolve() : null
  }
}

function batch(keys: readonly string[]): KeyList {
  const list = new KeyList()
  for (const key of keys) {
    const bytes = Buffer.from(key)
    list.add(bytes, 0, bytes.length, murmur2(bytes))
  }
  return list
}

function opened(): { base: SlowBase; harness: Harness; store: KeyValueStore<string, number> } {
  const base = new SlowBase()
  const harness = new Harness([NUMBERS], { base, cache: new CacheBudget(1_000_000) })
  harness.base = base
  return { base, harness, store: new KeyValueStore(harness.state.store('numbers')) }
}

const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `k${from + i}`)

test('prefetch asks the base for keys that no layer in memory answers, deletions included', async () => {
  const { base, harness, store } = opened()
  for (const key of names(0, 40)) store.put(key, 1)
  harness.commit()
  drain(harness.state.flush())
  harness.open()
  const again = new KeyValueStore<string, number>(harness.state.store('numbers'))
  const raw = harness.state.store('numbers')
  assert.equal(raw.wantsPrefetch, false)
  for (const key of names(0, 16)) assert.equal(again.get(key), 1)
  assert.equal(raw.wantsPrefetch, true)
  again.put('k20', 2)
  harness.commit()
  again.delete('k21')
  again.put('k22', 3)
  const keys = batch(['k1', 'k20', 'k21', 'k22', 'k30', 'missing', 'a-key-that-is-longer-than-the-buffer-'.repeat(40)])
  await raw.prefetch(keys)
  assert.deepEqual(base.asked, [['k30', 'missing', 'a-key-that-is-longer-than-the-buffer-'.repeat(40)]])
  assert.equal(raw.prefetch(batch(['k1', 'k22'])), null)
  assert.equal(base.asked.length, 1)
})

test('prefetch is asked for less and less often while the base has all in memory', () => {
  const { base, harness, store } = opened()
  base.cold = false
  for (const key of names(0, 4000)) store.put(key, 1)
  harness.commit()
  drain(harness.state.flush())
  harness.open()
  const raw = harness.state.store('numbers')
  const again = new KeyValueStore<string, number>(raw)
  let asked = 0
  for (const key of names(0, 4000)) {
    again.get(key)
    if (!raw.wantsPrefetch) continue
    asked++
    assert.equal(raw.prefetch(batch(['missing'])), null)
  }
  assert.ok(asked > 3 && asked < 12, `${asked} times`)
})

test('a base that prepares nothing is never asked', () => {
  const harness = new Harness([NUMBERS])
  const raw = harness.state.store('numbers')
  const store = new KeyValueStore<string, number>(raw)
  for (const key of names(0, 100)) store.put(key, 1)
  harness.commit()
  drain(harness.state.flush())
  harness.open()
  const again = new KeyValueStore<string, number>(harness.state.store('numbers'))
  for (const key of names(0, 100)) again.get(key)
  assert.equal(harness.state.store('numbers').wantsPrefetch, false)
  assert.equal(harness.state.store('numbers').prefetch(batch(['missing'])), null)
})
