import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'

interface Vector {
  readonly key: string
  readonly murmur2: number
  readonly partition_of_12: number
}

const vectors = readFileSync(new URL('../fixtures/golden/murmur2.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector)

test('murmur2 and partitionOf agree with the Java client', () => {
  assert.ok(vectors.length > 100)
  for (const vector of vectors) {
    const key = new Uint8Array(Buffer.from(vector.key, 'base64'))
    const hash = murmur2(key)
    assert.equal(hash, vector.murmur2, `key ${vector.key}`)
    assert.equal(partitionOf(hash, 12), vector.partition_of_12, `key ${vector.key}`)
  }
})

test('murmur2 hashes a range of a larger buffer as if it stood alone', () => {
  for (const vector of vectors) {
    const key = Buffer.from(vector.key, 'base64')
    const padded = new Uint8Array(key.length + 7).fill(0xee)
    padded.set(key, 3)
    assert.equal(murmur2(padded, 3, 3 + key.length), vector.murmur2)
  }
})

test('partitionOf gives a partition for negative hashes too', () => {
  assert.equal(partitionOf(-1, 12), 0x7fffffff % 12)
  assert.equal(partitionOf(-0x80000000, 12), 0)
  assert.equal(partitionOf(13, 12), 1)
})
