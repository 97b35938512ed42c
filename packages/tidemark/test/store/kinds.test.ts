import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counter, kv, list, session, set, versioned, windows } from '../../src/api/store-def.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { json } from '../../src/serde/json.ts'
import { float64, int64 } from '../../src/serde/numbers.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { ByteReader } from '../../src/serde/byte-reader.ts'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import { elementSerde, listHead, NO_VALUE, versionSerde } from '../../src/serde/stored.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { CounterStore } from '../../src/store/counter-store.ts'
import { describe, readDescriptor, writeDescriptor } from '../../src/store/descriptor.ts'
import { ListStore } from '../../src/store/list-store.ts'
import { SessionStore } from '../../src/store/session-store.ts'
import { SetStore } from '../../src/store/set-store.ts'
import type { RawStore, StoreSpec } from '../../src/store/types.ts'
import { VersionedStore } from '../../src/store/versioned-store.ts'
import { drain, Harness } from './harness.ts'

function rawOf(def: unknown): RawStore {
  const spec = def as StoreSpec
  return new Harness([spec]).state.store(spec.name)
}

const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected

test('a session that overlaps another of its key is refused: ERR_SESSION_OVERLAP', () => {
  const store = new SessionStore<string, number>(
    rawOf(session('s', { key: string(), value: uint(), gap: 10, retention: 'forever' })),
  )
  store.put('a', { start: 0, end: 100 }, 1)
  store.put('b', { start: 50, end: 60 }, 1)
  assert.throws(() => store.put('a', { start: 50, end: 60 }, 2), code('ERR_SESSION_OVERLAP'))
  assert.throws(() => store.put('a', { start: 99, end: 200 }, 2), code('ERR_SESSION_OVERLAP'))
  store.put('a', { start: 100, end: 200 }, 2)
  store.put('a', { start: 0, end: 100 }, 3)
  assert.deepEqual(
    [...store.fetch('a')].map(({ value }) => value),
    [3, 2],
  )
  assert.throws(() => store.put('a', { start: 5, end: 5 }, 1), code('ERR_WINDOW_INVALID'))
  assert.throws(() => store.put('a', { start: 300, end: 310 }, undefined as never), code('ERR_NULL_VALUE'))
})

test('sessions behind the retention are out of sight and then removed; a refused merge leaves what was there', () => {
  const store = new SessionStore<string, number>(
    rawOf(session('s', { key: string(), value: uint(), gap: 10, retention: 50 })),
  )
  store.merge('a', 0, () => 1)
  store.merge('a', 100, () => 1)
  assert.throws(() => store.merge('a', 105, () => -1), code('ERR_SERDE'))
  assert.deepEqual(
    [...store.fetch('a')].map(({ window, value }) => [window.start, window.end, value]),
    [
      [0, 10, 1],
      [100, 110, 1],
    ],
  )
  store.expire(60)
  assert.deepEqual(
    [...store.all()].map(({ window }) => window.start),
    [100],
  )
  assert.equal(store.approximateCount(), 1)
})

test('an append writes the new element and the head, not the list', () => {
  const def = list('l', { key: string(), value: string() }) as unknown as StoreSpec
  const harness = new Harness([def])
  const store = (): ListStore<string, string> => new ListStore(harness.state.store('l'))
  store().append('k', ...Array.from({ length: 1000 }, () => 'x'.repeat(100)))
  harness.commit()
  store().append('k', 'y')
  harness.commit()
  const sizes = harness.deltas.map(({ bytes: delta }) => delta.length)
  assert.ok((sizes[0] as number) > 100_000)
  assert.ok((sizes[1] as number) < 300, `${sizes[1]} bytes`)
  assert.throws(() => store().append('k', 'z', null as never), code('ERR_NULL_VALUE'))
  assert.equal(store().get('k', -1), 'z')
  assert.throws(() => store().trim('k', -1), code('ERR_OPTION'))
  store().delete('k')
  assert.equal(store().length('k'), 0)
  assert.deepEqual(store().slice('k'), [])
})

test('S1 an iterator over lists numbers the elements of its own moment, whatever is trimmed and appended meanwhile', () => {
  const harness = new Harness([list('l', { key: string(), value: uint() })])
  const store = new ListStore<string, number>(harness.state.store('l'))
  for (const k of ['a', 'b', 'c']) store.append(k, 1, 2, 3)
  store.trim('b', 2)
  const all = [...store.all()].map(({ key, index, value }) => `${key}${index}=${value}`)
  assert.deepEqual(all, ['a0=1', 'a1=2', 'a2=3', 'b0=2', 'b1=3', 'c0=1', 'c1=2', 'c2=3'])
  harness.commit()
  const open = [
    store.all(),
    store.all({ reverse: true }),
    store.committed().all(),
    store.committed().all({ reverse: true }),
  ]
  store.trim('a', 1)
  store.delete('b')
  store.append('b', 9)
  store.append('c', 4)
  harness.commit()
  store.trim('c', 1)
  for (const [i, entries] of open.entries()) {
    const seen = [...entries].map(({ key, index, value }) => `${key}${index}=${value}`)
    assert.deepEqual(seen, i % 2 === 0 ? all : all.toReversed(), `iterator ${i}`)
  }
})

test('counters say what their serde cannot hold, and stay as they were', () => {
  const small = new CounterStore<string, number>(rawOf(counter('c', { key: string() })))
  small.add('a', 2)
  assert.throws(() => small.add('a', -3), code('ERR_SERDE'))
  assert.equal(small.get('a'), 2)
  const big = new CounterStore<string, bigint>(rawOf(counter('c', { key: string(), value: int64() })))
  assert.equal(big.get('a'), 0n)
  assert.equal(big.add('a'), 1n)
  assert.throws(() => big.add('a', 1 as never), code('ERR_SERDE'))
  assert.throws(() => small.add('a', 1n as never), code('ERR_SERDE'))
  assert.deepEqual([big.get('a'), small.get('a')], [1n, 2])
  assert.throws(() => counter('c', { key: string(), value: float64() }), code('ERR_OPTION'))
})

test('sets and versions of bytes keep no reference to what they were given', () => {
  const sets = new SetStore<string, Uint8Array>(rawOf(set('s', { key: string(), value: bytes() })))
  const member = Uint8Array.of(1)
  sets.add('k', member)
  member[0] = 9
  assert.deepEqual([...sets.values('k')], [Uint8Array.of(1)])
  assert.throws(() => sets.add('k', null as never), code('ERR_NULL_VALUE'))
  const versions = new VersionedStore<string, Uint8Array>(
    rawOf(versioned('v', { key: string(), value: bytes(), history: 'forever' })),
  )
  versions.put('k', member, 0)
  member[0] = 8
  versions.delete('k', 5)
  assert.deepEqual([versions.getAsOf('k', 4), versions.get('k')], [Uint8Array.of(9), undefined])
  assert.throws(() => versions.put('k', member, 0.5), code('ERR_WINDOW_INVALID'))
  assert.throws(() => versions.put(null as never, member, 1), code('ERR_NULL_KEY'))
})

test('objects of versions and lists come back frozen', () => {
  const lists = new ListStore<string, { n: number }>(rawOf(list('l', { key: string(), value: json<{ n: number }>() })))
  lists.append('k', { n: 1 })
  assert.throws(() => {
    ;(lists.get('k', 0) as { n: number }).n = 2
  }, TypeError)
})

test('what a committed reader sees is the last commit', () => {
  const harness = new Harness([
    list('l', { key: string(), value: string() }),
    set('s', { key: string(), value: string() }),
    counter('c', { key: string() }),
    versioned('v', { key: string(), value: string(), history: 'forever' }),
    session('w', { key: string(), value: string(), gap: 1, retention: 'forever' }),
  ])
  const raw = (name: string): RawStore => harness.state.store(name)
  const write = (text: string, n: number): void => {
    new ListStore<string, string>(raw('l')).append('k', text)
    new SetStore<string, string>(raw('s')).add('k', text)
    new CounterStore<string, number>(raw('c')).add('k')
    new VersionedStore<string, string>(raw('v')).put('k', text, n)
    new SessionStore<string, string>(raw('w')).merge('k', n * 10, () => text)
  }
  write('one', 1)
  harness.commit()
  write('two', 2)
  const seen = (): unknown[] => [
    new ListStore<string, string>(raw('l')).committed().slice('k'),
    [...new SetStore<string, string>(raw('s')).committed().values('k')],
    new SetStore<string, string>(raw('s')).committed().size('k'),
    new CounterStore<string, number>(raw('c')).committed().get('k'),
    new VersionedStore<string, string>(raw('v')).committed().get('k'),
    [...new SessionStore<string, string>(raw('w')).committed().fetch('k')].map(({ value }) => value),
  ]
  assert.deepEqual(seen(), [['one'], ['one'], 1, 1, 'one', ['one']])
  harness.commit()
  drain(harness.state.flush())
  assert.deepEqual(seen(), [['one', 'two'], ['one', 'two'], 2, 2, 'two', ['one', 'two']])
})

test('descriptors of every kind come back as they were written', () => {
  const serdes = { key: string(), value: uint() }
  const defs = [
    kv('a', { ...serdes, ttl: { after: '1h', time: 'processing' }, partitionBy: 'opaque' }),
    windows('b', { ...serdes, retention: '1d', ttl: '2h', partitionBy: (key) => key }),
    session('c', { ...serdes, gap: '5m', retention: '1d' }),
    versioned('d', { ...serdes, history: '1d' }),
    counter('e', { key: string(), ttl: 1 }),
    list('f', serdes),
    set('g', { ...serdes, partitionBy: 'identity' }),
  ] as unknown as StoreSpec[]
  for (const spec of defs) {
    const out = new ByteWriter()
    writeDescriptor(describe(spec), out)
    assert.deepEqual(readDescriptor(new ByteReader(out.copy())), describe(spec))
  }
  assert.deepEqual(
    defs.map((spec) => describe(spec).partitionBy),
    ['opaque', 'function', 'identity', 'identity', 'identity', 'identity', 'identity'],
  )
})

test('entries that versions and lists keep are refused when they are malformed', () => {
  const inner = uint() as unknown as Serde<unknown>
  const out = new ByteWriter()
  for (const [serde, value] of [
    [versionSerde(inner), NO_VALUE],
    [versionSerde(inner), 7],
    [elementSerde(inner), listHead(300, 7_000_000)],
    [elementSerde(inner), 0],
  ] as const) {
    out.reset()
    serde.write(value, out)
    assert.deepEqual(serde.read(out.bytes, 0, out.position), value)
  }
  for (const broken of [[], [2, 1], [0, 1, 1]])
    assert.throws(() => versionSerde(inner).read(Uint8Array.from(broken), 0, broken.length), code('ERR_SERDE'))
  for (const broken of [[0], [0, 1], [0, 1, 1], [0, 9, 1, 1]])
    assert.throws(() => elementSerde(inner).read(Uint8Array.from(broken), 0, broken.length), code('ERR_SERDE'))
})

test('store options that cannot be are refused: ERR_OPTION', () => {
  const serdes = { key: string(), value: uint() }
  assert.throws(() => kv('a', { ...serdes, partitionBy: 'key' as never }), code('ERR_OPTION'))
  assert.throws(() => kv('a', { ...serdes, ttl: { after: '1h', time: 'wall' as never } }), code('ERR_OPTION'))
  assert.throws(() => kv('a', { ...serdes, ttl: 0 }), code('ERR_DURATION'))
  assert.throws(() => session('a', { ...serdes, gap: 0, retention: '1h' }), code('ERR_DURATION'))
})
