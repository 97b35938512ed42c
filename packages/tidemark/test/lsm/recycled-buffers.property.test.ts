import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { BlockBuffers } from '../../src/lsm/block-buffers.ts'
import type { BaseIterator } from '../../src/store/types.ts'
import { ALL, applyTo, get, hex, key, newCache } from './support.ts'
import { openBaseOn, scanModel, write, type Change, type Model } from './support.ts'

const KEYS = 2000
/** Some ten blocks: nearly every look-up evicts one. */
const CACHE_BYTES = 48 * 1024

function nameOf(i: number): Uint8Array {
  return key(`user-${String(i).padStart(5, '0')}`)
}

interface Reader {
  readonly iterator: BaseIterator
  readonly expected: readonly (readonly [string, string])[]
  at: number
}

const anyStep = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('get' as const), n: fc.nat({ max: KEYS + 10 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('open' as const), n: fc.nat({ max: KEYS }), reverse: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('next' as const), n: fc.nat({ max: 9 }) }) },
)

test('what iterators look at stays as it is while look-ups use the buffers of evicted blocks again', () => {
  const disk = new MemDisk({ tracked: false })
  const cache = newCache(CACHE_BYTES)
  const base = openBaseOn(disk, { cache })
  const model: Model = new Map()
  for (let id = 1; id <= 2; id++) {
    const changes: Change[] = []
    for (let i = id - 1; i < KEYS; i += id) changes.push({ key: nameOf(i), value: key(`${id} of ${i} `.repeat(9)) })
    write(base, id, changes)
    applyTo(model, changes)
  }
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 50, maxLength: 400, size: 'max' }), (all) => {
      const readers: Reader[] = []
      for (const step of all) {
        if (step.op === 'get') {
          const name = nameOf(step.n)
          const value = model.get(hex(name))
          assert.equal(get(base, name), value === undefined ? undefined : hex(value))
        } else if (step.op === 'open') {
          const { n, reverse } = step
          const range = reverse ? { to: nameOf(n), reverse } : { from: nameOf(n), reverse }
          const expected = scanModel(model, { ...range, limit: 60 })
          readers.push({ iterator: base.scan('a', { ...ALL, ...range }), expected, at: 0 })
        } else {
          const reader = readers[step.n % Math.max(1, readers.length)]
          const entry = reader?.expected[reader.at]
          if (reader === undefined || entry === undefined) continue
          reader.at++
          const { iterator } = reader
          assert.ok(iterator.next())
          // A look-up between the step and the look at what it gave.
          get(base, nameOf((step.n * 977 + reader.at * 131) % KEYS))
          const { valueBytes, valueStart, valueEnd } = iterator
          assert.deepEqual([hex(iterator.key), hex(valueBytes.subarray(valueStart, valueEnd))], entry)
        }
      }
      for (const { iterator } of readers) iterator.close()
    }),
    { numRuns: 40 },
  )
  assert.ok(cache.statistics().data.evictions > 100, 'blocks were evicted')
  base.close()
})

test('a buffer that was given back is taken again, by blocks of about its size alone', () => {
  const buffers = new BlockBuffers({ poisons: true })
  const first = buffers.take(4100)
  first.fill(1)
  buffers.give(first)
  assert.equal(first[0], 0xdb, 'in tests nobody can go on using it unnoticed')
  assert.notEqual(buffers.take(9000).buffer, first.buffer)
  const second = buffers.take(4110)
  assert.equal(second.buffer, first.buffer)
  assert.equal(second.length, 4110)
  assert.notEqual(buffers.take(4100).buffer, first.buffer)
  // What is not its own: parts of something, odd sizes, and what is too large to keep.
  for (const foreign of [new Uint8Array(new ArrayBuffer(4224), 1), new Uint8Array(4100), new Uint8Array(1 << 20)]) {
    foreign.fill(7)
    buffers.give(foreign)
    assert.equal(foreign[0], 7)
  }
})
