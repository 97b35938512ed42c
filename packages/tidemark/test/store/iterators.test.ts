import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { decodedEntries } from '../../src/store/entry-decoder.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { drain, Harness, NUMBERS } from './harness.ts'

function filled(options: ConstructorParameters<typeof Harness>[1] = {}): {
  harness: Harness
  store: KeyValueStore<string, number>
} {
  const harness = new Harness([NUMBERS], options)
  const store = new KeyValueStore<string, number>(harness.state.store('numbers'))
  for (let i = 0; i < 10; i++) store.put(`k${i}`, i)
  harness.commit()
  drain(harness.state.flush())
  store.put('k3', 33)
  harness.commit()
  store.put('k4', 44)
  store.delete('k5')
  return { harness, store }
}

const EXPECTED = ['k0=0', 'k1=1', 'k2=2', 'k3=33', 'k4=44', 'k6=6', 'k7=7', 'k8=8', 'k9=9']

function show(entries: Iterable<{ readonly key: unknown; readonly value: unknown }>): string[] {
  return [...entries].map(({ key, value }) => `${String(key)}=${String(value)}`)
}

test('a range is stable across puts, deletes, commits and flushes that come while it is read', () => {
  const { harness, store } = filled()
  const forward = store.entries()
  const reverse = store.snapshot()
  const backward = store.range(null, null, { reverse: true })
  assert.equal(forward.next().value?.key, 'k0')
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) store.put(`k${i}`, 1000 + round)
    store.put(`j${round}`, 1)
    store.delete('k8')
    harness.commit()
    drain(harness.state.flush())
  }
  assert.deepEqual(show(forward), EXPECTED.slice(1))
  assert.deepEqual(show(backward), EXPECTED.toReversed())
  assert.deepEqual(show(reverse), EXPECTED)
  assert.equal(store.get('k8'), undefined)
})

test('a committed range skips what is uncommitted', () => {
  const { harness, store } = filled()
  const committed = EXPECTED.map((entry) => (entry === 'k4=44' ? 'k4=4' : entry)).toSpliced(5, 0, 'k5=5')
  assert.deepEqual(show(store.committed().entries()), committed)
  const frozen = harness.state.freeze(3)
  assert.deepEqual(show(store.committed().entries()), committed)
  assert.deepEqual(show(decodedEntries(harness.state.store(NUMBERS.name))), committed)
  harness.decide(drain(harness.state.delta(frozen)))
  // Visible at once, before a step of the merge.
  const merge = harness.state.commit(frozen)
  assert.deepEqual(show(decodedEntries(harness.state.store(NUMBERS.name))), EXPECTED)
  drain(merge)
  assert.deepEqual(show(decodedEntries(harness.state.store(NUMBERS.name), { limit: 1 })), ['k0=0'])
})

test('leaving a loop, using, close and the end all release what an iterator pins', () => {
  const { harness, store } = filled()
  for (const entry of store.entries()) if (entry.key === 'k2') break
  {
    using some = store.entries()
    some.next()
  }
  const closed = store.entries()
  closed.close()
  assert.equal(closed.next().done, true)
  show(store.entries({ limit: 3 }))
  assert.equal(harness.base.openScans, 0)
})

test('an iterator that has given what its limit allows lets go at once, though nobody asks it for more', () => {
  const { harness, store } = filled()
  assert.equal(store.range('k3', null, { limit: 1 }).next().value?.value, 33)
  const two = store.entries({ reverse: true, limit: 2 })
  two.next()
  assert.equal(harness.base.openScans, 1)
  assert.equal(two.next().value?.key, 'k8')
  assert.equal(harness.base.openScans, 0)
  assert.equal(two.next().done, true)
})

test('an iterator that was dropped is reported in development, and what it pinned is released', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const warnings: string[] = []
  const { harness, store } = filled({ onWarning: (line) => warnings.push(line) })
  const drop = (): void => {
    store.entries().next()
  }
  drop()
  show(store.entries())
  for (let i = 0; i < 200 && warnings.length === 0; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] as string, /task job-0: an iterator over store numbers was neither closed/)
  assert.equal(harness.base.openScans, 0)
})

test('an iterator of a state that was closed says so, and does not end as if there were no more: ERR_STORE_CLOSED', () => {
  const { harness, store } = filled()
  const begun = store.entries()
  begun.next()
  const untouched = store.entries({ reverse: true })
  const read = store.entries()
  show(read)
  harness.state.close()
  for (const open of [begun, untouched])
    assert.throws(() => open.next(), { code: 'ERR_STORE_CLOSED', message: /numbers/ })
  assert.equal(read.next().done, true)
  assert.equal(harness.base.openScans, 0)
})

test('a task has a bounded number of open iterators: one more is ERR_TOO_MANY_ITERATORS', () => {
  const { store } = filled({ iterators: { most: 3 } })
  const open = [store.entries(), store.entries(), store.entries()]
  assert.throws(() => store.entries(), { code: 'ERR_TOO_MANY_ITERATORS', message: /job-0: 3 iterators .* numbers/ })
  open[1]?.close()
  show(store.entries())
  open[0]?.close()
  open[2]?.close()
  for (let i = 0; i < 10; i++) show(store.entries({ limit: 1 }))
})

test('an iterator that is open for too long is closed at a commit, and says so: ERR_ITERATOR_EXPIRED', () => {
  let nowMs = 1000
  const { harness, store } = filled({ iterators: { ageMs: 500 }, nowMs: () => nowMs })
  const old = store.entries()
  assert.equal(old.next().done, false)
  nowMs += 499
  harness.commit()
  const young = store.entries()
  assert.equal(old.next().done, false)
  nowMs += 1
  harness.commit()
  assert.throws(() => old.next(), { code: 'ERR_ITERATOR_EXPIRED', message: /store numbers .* 500 ms/ })
  assert.equal(harness.base.openScans, 1)
  assert.equal(show(young).length, EXPECTED.length)
  assert.equal(harness.base.openScans, 0)
})
