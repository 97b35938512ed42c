import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { ByteMap } from '../../src/store/byte-map.ts'
import { touchLayers, worthTouching } from '../../src/store/touch-layers.ts'

const ENTRIES = 20_000
const keys = Array.from({ length: ENTRIES }, (_, i) => Buffer.from(`key-${i}`))
const hashes = keys.map((key) => murmur2(key, 0, key.length))

function mapOf(from: number, to: number): ByteMap {
  const map = new ByteMap()
  for (let i = from; i < to; i++) {
    const key = keys[i] as Buffer
    map.insert(key, 0, key.length, hashes[i] as number, i, 0, 8)
  }
  return map
}

test('touching tells which hashes are not there, and changes nothing', () => {
  const map = mapOf(0, ENTRIES / 2)
  const some = Int32Array.from({ length: 128 }, (_, i) => hashes[i * 150] as number)
  const before = some.slice()
  const lacking = new Int32Array(128)
  const missing = map.touch(some, 128, lacking, new Int32Array(128))
  const expected = hashes.filter((_, i) => i % 150 === 0 && i < 128 * 150 && i >= ENTRIES / 2)
  assert.deepEqual([...lacking.subarray(0, missing)], expected)
  assert.deepEqual(some, before)
  for (const [i, key] of keys.entries()) {
    const entry = map.find(key, 0, key.length, hashes[i] as number)
    if (i < ENTRIES / 2) assert.equal(map.valueAt(entry), i)
    else assert.equal(entry, -1)
  }
})

test('it is done where there is more than is near anyway', () => {
  const [active, recent] = [mapOf(0, 4000), mapOf(4000, 8000)]
  assert.equal(worthTouching(active, recent), false)
  assert.equal(worthTouching(active, mapOf(4000, ENTRIES)), true)
  touchLayers(active, recent, Int32Array.from(hashes.slice(0, 128)), 128)
  touchLayers(active, recent, Int32Array.from(hashes.slice(-128)), 128)
})
