import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { anyChange, anyKey, anyRange, applyTo, expectSame, get, hex, newCache, openBaseOn } from './support.ts'
import { bytes, scan, scanModel, write, type Model } from './support.ts'

const anyBatches = fc.array(fc.array(anyChange, { maxLength: 120 }), { minLength: 1, maxLength: 7 })

for (const [what, options] of [
  ['with a small cache', {}],
  ['without a cache', { cache: newCache(0) }],
  ['resident', { resident: true }],
  ['in blocks of 1 KiB', { blockBytes: 1024 }],
  ['compressed', { compression: 'zstd', cache: newCache(1 << 20) }],
  ['compressed, resident', { compression: 'zstd', resident: true }],
] as const) {
  test(`files and merges read as a sorted map does, ${what}`, () => {
    fc.assert(
      fc.property(anyBatches, fc.array(anyRange, { maxLength: 12 }), fc.array(anyKey), (batches, ranges, keys) => {
        const disk = new MemDisk({ tracked: false })
        const base = openBaseOn(disk, options)
        const model: Model = new Map()
        for (const [i, changes] of batches.entries()) {
          write(base, i + 1, changes)
          applyTo(model, changes)
        }
        expectSame(base, model)
        for (const range of ranges) assert.deepEqual(scan(base, range), scanModel(model, range))
        for (const key of keys) {
          const value = model.get(hex(key))
          if (value === undefined) assert.ok(get(base, key) === undefined || get(base, key) === null)
          else assert.equal(get(base, key), hex(value))
        }
        base.close()
        const again = openBaseOn(disk, options)
        expectSame(again, model)
        again.close()
      }),
      { numRuns: 60 },
    )
  })
}

test('many entries of one store: every key is found, none that is not there, and ranges start where they should', () => {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk, { cache: newCache(1 << 20) })
  const model: Model = new Map()
  const changes = Array.from({ length: 20_000 }, (_, i) => ({
    key: Buffer.from(`k${(i * 3).toString(7).padStart(7, '0')}`),
    value: Buffer.from(String(i)),
  }))
  write(base, 1, changes)
  applyTo(model, changes)
  expectSame(base, model)
  for (let i = 0; i < 60_000; i += 7) {
    const key = Buffer.from(`k${i.toString(7).padStart(7, '0')}`)
    assert.equal(get(base, key) === undefined, i % 3 !== 0)
    if (i % 1001 !== 0) continue
    for (const reverse of [false, true]) {
      assert.deepEqual(scan(base, { from: key, limit: 5, reverse }), scanModel(model, { from: key, limit: 5, reverse }))
      assert.deepEqual(scan(base, { to: key, limit: 5, reverse }), scanModel(model, { to: key, limit: 5, reverse }))
    }
  }
  base.close()
})

test('a value over 64 KiB does not weigh on reads of its neighbours', () => {
  const cache = newCache(1 << 20)
  const base = openBaseOn(new MemDisk(), { cache })
  const large = new Uint8Array(65_537).fill(1)
  write(base, 1, [
    { key: bytes('a'), value: bytes('small') },
    { key: bytes('b'), value: large },
    { key: bytes('c'), value: large.subarray(1) },
    { key: bytes('d'), value: null },
    { key: bytes('e'), value: bytes('small') },
  ])
  assert.equal(get(base, bytes('a')), hex(bytes('small')))
  assert.ok(cache.statistics().bytes < 65_536 + 1000, 'a value of 64 KiB is in the block, a larger one is not')
  assert.equal(get(base, bytes('b')), hex(large))
  assert.ok(cache.statistics().bytes > 2 * 65_536)
  assert.equal(get(base, bytes('b')), hex(large))
  const { data, large: largeValues } = cache.statistics()
  assert.deepEqual([data.hits > 0, data.misses, largeValues.hits, largeValues.misses], [true, 1, 1, 1])
})
