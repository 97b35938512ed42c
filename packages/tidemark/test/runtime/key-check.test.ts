import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Partitioner, placeBy } from '../../src/hash/partitioners.ts'
import { string, stream } from '../../src/index.ts'
import { BatchEncoder } from '../../src/log/batch-encoder.ts'
import { RecordCursor } from '../../src/log/record-cursor.ts'
import { eraseStream } from '../../src/api/stream.ts'
import { KeyCheck } from '../../src/runtime/key-check.ts'
import { handlerError, mustStop } from '../../src/runtime/handler-error.ts'
import type { Row } from '../../src/runtime/row.ts'
import { isTidemarkError } from '../../src/errors/error.ts'

const PARTITIONS = 4
const utf8 = new TextEncoder()

/** A batch with these keys; null for none. */
function batchOf(keys: readonly (string | null)[]): Uint8Array {
  const encoder = new BatchEncoder()
  for (const key of keys) {
    const bytes = key === null ? null : utf8.encode(key)
    encoder.append(0, bytes, 0, bytes?.length ?? -1, null, 0, -1, null)
  }
  return encoder.finish()
}

/** Keys that a partitioner puts into a partition. */
function keysOf(partitioner: Partitioner, partition: number, count: number): string[] {
  const place = placeBy(partitioner, 's')
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = `key-${i}`
    if (place(utf8.encode(key), 0, key.length, PARTITIONS) === partition) keys.push(key)
  }
  return keys
}

/** Looks at all records as an input does; how many it looked at. */
function check(partitioner: Partitioner, keys: readonly (string | null)[], partition = 2): number {
  const def = stream('visits', { key: string(), value: string(), partitioner })
  const keyCheck = new KeyCheck(eraseStream(def), partition, PARTITIONS)
  const batches = batchOf(keys)
  const cursor = new RecordCursor()
  cursor.reset(batches)
  let looked = 0
  let until = 1
  while (cursor.nextBatch()) {
    while (cursor.next()) {
      if (--until > 0) continue
      looked++
      until = keyCheck.look(cursor, batches)
    }
  }
  return looked
}

test('keys where they belong pass; the first thousand are looked at, then one in about a thousand', () => {
  const keys = keysOf('murmur2', 2, 5000)
  const looked = check('murmur2', keys)
  assert.ok(looked >= 1000 && looked <= 1005, `${looked} looked at`)
  assert.equal(check('murmur2', [null, null, ...keys.slice(0, 10)]), 12, 'records without a key do not count')
  assert.equal(check('crc32', ['', ...keysOf('crc32', 2, 3)]), 4, 'an empty key may be anywhere')
  const own = (key: Uint8Array, partitions: number): number => key.length % partitions
  check(own, keysOf(own, 2, 100))
})

test('ERR_PARTITIONER names stream, partition, offset, key, and the partitioner that fits', () => {
  const byCrc = keysOf('crc32', 2, 40)
  assert.throws(() => check('murmur2', byCrc), {
    code: 'ERR_PARTITIONER',
    message:
      /^stream visits, partition 2, offset \d: key "key-\d+" belongs to partition [013] of 4 by the stream's partitioner \(murmur2\).* crc32 \(the default of librdkafka and what builds on it\) fits all 40 keyed records at hand: say so, as in stream\('visits', \{ partitioner: 'crc32' \}\)/,
  })
  assert.throws(() => check('crc32', keysOf('fnv1a', 2, 40)), /fnv1a \(the default of sarama\) fits all 40/)
  assert.throws(
    () => check('fnv1a', keysOf('murmur2', 2, 40)),
    /murmur2 \(the default of the Java client\) fits all 40/,
  )
})

test('where none fits it says what to do; one record in the wrong place is enough, and found late by a sample', () => {
  const scattered = Array.from({ length: 60 }, (_, i) => `key-${i}`)
  assert.throws(
    () => check('murmur2', scattered),
    /None of murmur2, crc32, fnv1a fits the 60 .* partitioner: 'unknown'/,
  )
  const keys = keysOf('murmur2', 2, 1000)
  const wrong = keysOf('murmur2', 1, 1100)
  assert.throws(() => check('murmur2', [...keys, ...wrong]), { code: 'ERR_PARTITIONER' })
})

test('no error policy passes over it, and it is told as it is', () => {
  let error: unknown
  try {
    check('murmur2', keysOf('crc32', 2, 40))
  } catch (caught) {
    error = caught
  }
  assert.ok(isTidemarkError(error) && mustStop(error))
  const row = { where: () => 'somewhere', describeKey: () => null, at: {} } as unknown as Row
  assert.equal(handlerError(error, row, 'message', 'task 1'), error)
})
