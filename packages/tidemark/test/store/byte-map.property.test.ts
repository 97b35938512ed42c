import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { ByteMap } from '../../src/store/byte-map.ts'
import { DELETED, ENCODED } from '../../src/store/entry-flags.ts'
import { sortEntries } from '../../src/store/sort-entries.ts'
import { drain } from './harness.ts'

function put(map: ByteMap, key: Uint8Array, value: unknown, flags = 0, valueBytes = 8): number {
  const hash = murmur2(key)
  const entry = map.find(key, 0, key.length, hash)
  if (entry < 0) return map.insert(key, 0, key.length, hash, value, flags, valueBytes)
  map.setAt(entry, value, flags, valueBytes)
  return entry
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}

/** Keys in order of arrival. */
function keysOf(map: ByteMap): string[] {
  const keys: string[] = []
  for (let entry = map.firstEntry; entry >= 0; entry = map.nextEntry(entry)) keys.push(nameOf(map.keyAt(entry)))
  return keys
}

function inOrder(map: ByteMap): string[] {
  const keys: string[] = []
  for (let place = 0; map.order.at(place) >= 0; place = map.order.after(place)) {
    keys.push(nameOf(map.keyAt(map.order.at(place))))
  }
  return keys
}

function backwards(map: ByteMap): string[] {
  const keys: string[] = []
  for (let place = map.order.before(map.order.end); place >= 0; place = map.order.before(place)) {
    keys.push(nameOf(map.keyAt(map.order.at(place))))
  }
  return keys
}

const value = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.string(),
  fc.constant({ object: true }),
  fc.boolean(),
)
const key = fc.uint8Array({ maxLength: 12 })

test('a ByteMap holds what a Map holds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, value, fc.nat(3)), { maxLength: 400, size: 'max' }),
      fc.nat(400),
      (puts, orderFrom) => {
        const map = new ByteMap()
        const model = new Map<string, [unknown, number]>()
        puts.forEach(([k, v, flags], i) => {
          if (i === orderFrom) map.keepOrder()
          put(map, k, v, flags)
          model.set(nameOf(k), [v, flags])
        })
        assert.equal(map.size, model.size)
        for (const [name, [v, flags]] of model) {
          const bytes = Buffer.from(`--${name}-`, 'latin1')
          const entry = map.find(bytes, 2, bytes.length - 1, murmur2(bytes, 2, bytes.length - 1))
          assert.deepEqual([map.valueAt(entry), map.flagsAt(entry)], [v, flags])
        }
        assert.deepEqual(keysOf(map), [...model.keys()])
        const sorted = [...model.keys()].toSorted()
        assert.deepEqual(inOrder(map), sorted)
        assert.deepEqual(backwards(map), sorted.toReversed())
        assert.deepEqual(
          [...drain(sortEntries(map))].map((entry) => nameOf(map.keyAt(entry))),
          sorted,
        )
        assert.deepEqual(
          map
            .sample(1000)
            .map((entry) => nameOf(map.keyAt(entry)))
            .toSorted(),
          sorted,
        )
      },
    ),
    { numRuns: 150 },
  )
})

const MANY = 60_000

function many(prefix: string): { map: ByteMap; keys: string[] } {
  const map = new ByteMap()
  const keys = Array.from({ length: MANY }, (_, i) => `${prefix}${(i * 7919) % MANY}`)
  for (const [i, k] of keys.entries()) put(map, Buffer.from(k, 'latin1'), i)
  return { map, keys }
}

test('60,000 keys over many segments and chunks are found, ordered and sorted', () => {
  const { map, keys } = many('a-longer-common-prefix-of-keys/')
  assert.equal(map.size, MANY)
  for (const [i, k] of keys.entries()) {
    const bytes = Buffer.from(k, 'latin1')
    assert.equal(map.valueAt(map.find(bytes, 0, bytes.length, murmur2(bytes))), i)
  }
  const missing = Buffer.from('a-longer-common-prefix-of-keys/x')
  assert.equal(map.find(missing, 0, missing.length, murmur2(missing)), -1)
  assert.equal(keysOf(map).length, MANY)
  const sorted = keys.toSorted()
  assert.deepEqual(
    [...drain(sortEntries(map))].map((entry) => nameOf(map.keyAt(entry))),
    sorted,
  )
  assert.deepEqual(inOrder(map), sorted)
})

test('an index that is kept from the first entry on splits its leaves in order, ascending, descending and mixed', () => {
  const count = 3000
  const orders = [(i: number) => i, (i: number) => count - 1 - i, (i: number) => (i * 1999) % count]
  for (const order of orders) {
    const map = new ByteMap()
    map.keepOrder()
    const keys = Array.from({ length: count }, (_, i) => String(order(i)).padStart(6, '0'))
    for (const k of keys) put(map, Buffer.from(k), 1)
    assert.deepEqual(inOrder(map), keys.toSorted())
    assert.deepEqual(backwards(map), keys.toSorted().toReversed())
  }
})

test('a map that was cleared is empty, and is used again without growing', () => {
  const { map, keys } = many('k')
  const { room } = map
  map.clear()
  assert.deepEqual([map.size, map.bytes, map.firstEntry], [0, 0, -1])
  const first = Buffer.from(keys[0] as string)
  assert.equal(map.find(first, 0, first.length, murmur2(first)), -1)
  for (const k of keys) put(map, Buffer.from(k), 'text')
  assert.equal(map.room, room)
  assert.equal(keysOf(map).length, MANY)
})

test('keys of all lengths up to 64 KiB, and values that change between numbers and objects', () => {
  const map = new ByteMap()
  const keys = [0, 1, 7, 8, 9, 33, 1000, 65_535, 65_536].map((length) => new Uint8Array(length).fill(length & 255))
  const entries = keys.map((k) => put(map, k, k.length))
  const bytes = map.bytes
  for (let round = 0; round < 5; round++) {
    for (const [i, k] of keys.entries()) {
      assert.equal(put(map, k, { round }, ENCODED, 100), entries[i])
      assert.deepEqual(map.valueAt(entries[i] as number), { round })
      assert.equal(map.valueBytesAt(entries[i] as number), 100)
    }
    assert.equal(map.bytes, bytes + keys.length * 108)
    for (const k of keys) put(map, k, -0.5, DELETED)
    assert.equal(map.bytes, bytes)
  }
  for (const [i, k] of keys.entries()) {
    assert.deepEqual(map.keyAt(entries[i] as number), k)
    assert.deepEqual([map.valueAt(entries[i] as number), map.flagsAt(entries[i] as number)], [-0.5, DELETED])
  }
})
