import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { crc32 } from '../../src/hash/crc32.ts'
import { fnv1a } from '../../src/hash/fnv1a.ts'
import { isAnywhere, placeBy } from '../../src/hash/partitioners.ts'
import { seededRandom } from '../../src/hash/seeded-random.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const LONG = 'this is another string with more length to it perhaps'
const COUNTS = [1, 2, 3, 7, 12, 17]

test('crc32: the values that librdkafka checks its partitioner by, and those of zlib', () => {
  assert.equal(crc32(bytes('123456789')), 0xcbf43926)
  const vectors: [string, number][] = [
    ['23456', 0xb1b451d7],
    [LONG, 0xb0150df7],
    ['hejsan', 0xd077037e],
  ]
  for (const [key, hash] of vectors) {
    assert.equal(crc32(bytes(key)), hash)
    for (const n of COUNTS) assert.equal(placeBy('crc32', 's')(bytes(key), 0, key.length, n), hash % n)
  }
  const random = seededRandom(7)
  for (let i = 0; i < 200; i++) {
    const key = Uint8Array.from({ length: i }, () => Math.floor(random() * 256))
    assert.equal(crc32(key, 0, i), zlibCrc32(key))
  }
})

test('fnv1a: the vectors of its authors, and as sarama and librdkafka use it: the absolute value of the signed hash', () => {
  assert.equal(fnv1a(bytes('')), 0x811c9dc5 | 0)
  assert.equal(fnv1a(bytes('a')), 0xe40c292c | 0)
  assert.equal(fnv1a(bytes('foobar')), 0xbf9cf968 | 0)
  const vectors: [string, number][] = [
    ['kafka', 0xd33c4e1],
    ['23456', 0x27e6f469],
    [LONG, 0x155e3e5f],
    ['hejsan', 0x17b1e27a],
  ]
  for (const [key, positive] of vectors) {
    assert.equal(Math.abs(fnv1a(bytes(key))), positive)
    for (const n of COUNTS) assert.equal(placeBy('fnv1a', 's')(bytes(key), 0, key.length, n), positive % n)
  }
})

test('a range of a larger buffer is hashed as if it stood alone', () => {
  const buffer = bytes(`--${LONG}--`)
  for (const name of ['murmur2', 'crc32', 'fnv1a'] as const) {
    const place = placeBy(name, 's')
    assert.equal(place(buffer, 2, buffer.length - 2, 17), place(bytes(LONG), 0, LONG.length, 17))
  }
})

test('a function of the user’s must give one of the partitions: ERR_OPTION', () => {
  const byFirst = placeBy((key, partitions) => (key[0] ?? 0) % partitions, 's')
  assert.equal(byFirst(Uint8Array.of(9, 5), 1, 2, 4), 1)
  for (const bad of [-1, 4, 0.5, Number.NaN]) {
    assert.throws(() => placeBy(() => bad, 'visits')(bytes('k'), 0, 1, 4), {
      code: 'ERR_OPTION',
      message: /stream visits: its partitioner gave .*, which is not one of 4 partitions/,
    })
  }
})

test('librdkafka puts empty keys anywhere; the others hash them', () => {
  assert.ok(isAnywhere('crc32', 0))
  assert.ok(!isAnywhere('crc32', 1))
  assert.ok(!isAnywhere('murmur2', 0))
})
