import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { TidemarkError } from '../../src/errors/error.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { CountingDisk, readFailure } from './counting-disk.ts'
import { ALL, bytes, DIRECTORY, get, hex, newCache, openBaseOn, scan, write, type Change } from './support.ts'

const MIB = 1024 * 1024

function changesOf(count: number): Change[] {
  return Array.from({ length: count }, (_, i) => ({
    key: bytes(`user:${String(i * 2).padStart(9, '0')}`),
    value: bytes(`value ${i}, and enough more of it that there are some blocks to be found`),
  }))
}

function keyOf(i: number): Uint8Array {
  return bytes(`user:${String(i).padStart(9, '0')}`)
}

function writtenDisk(count: number): MemDisk {
  const disk = new MemDisk({ tracked: false })
  const base = openBaseOn(disk, { cache: newCache(MIB) })
  write(base, 1, changesOf(count))
  base.close()
  return disk
}

test('opening reads the end of each file once, however much it holds, and fills no cache', () => {
  const seen: number[][] = []
  for (const count of [500, 5000, 50_000]) {
    const counting = new CountingDisk(writtenDisk(count))
    const cache = newCache(MIB)
    const base = openBaseOn(counting.disk, { cache })
    seen.push([counting.reads, counting.bytes])
    assert.deepEqual([cache.statistics().bytes, cache.statistics().misses], [0, 0])
    assert.equal(base.approximateCount('a'), count)
    base.close()
  }
  assert.deepEqual(seen, [
    [1, 16_384],
    [1, 16_384],
    [1, 16_384],
  ])
})

test('a first look-up reads a part of filter, index and data each; a second one nothing', () => {
  const counting = new CountingDisk(writtenDisk(50_000))
  const base = openBaseOn(counting.disk, { cache: newCache(MIB) })
  counting.reset()
  assert.notEqual(get(base, keyOf(77_776)), undefined)
  assert.equal(counting.reads, 3)
  assert.ok(counting.bytes < 30_000, `${counting.bytes} bytes`)
  counting.reset()
  assert.notEqual(get(base, keyOf(77_776)), undefined)
  assert.equal(counting.reads, 0)
  base.close()
})

test('what reads leave in memory is bounded by the cache, and every part of it gives way', () => {
  const disk = writtenDisk(50_000)
  const cache = newCache(256 * 1024)
  const base = openBaseOn(disk, { cache })
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 50_000; i += 7) {
      assert.equal(
        get(base, keyOf(2 * i)),
        hex(changesOf(1)[0]?.value as Uint8Array).replace('302c', `${hex(bytes(String(i)))}2c`),
      )
      assert.equal(get(base, keyOf(2 * i + 1)), undefined)
      assert.ok(cache.statistics().bytes <= 256 * 1024)
    }
  }
  const { data, index, bloom } = cache.statistics()
  for (const part of [data, index, bloom]) {
    assert.ok(part.hits > 0 && part.misses > 0 && part.bytes > 0, JSON.stringify(part))
  }
  assert.ok(data.evictions > 0)
  const { reads, stores } = base.statistics()
  assert.equal(reads?.gets, 2 * 2 * Math.ceil(50_000 / 7))
  assert.equal(reads.filesPerGet, 1)
  assert.equal(reads.bloomPasses, 2 * Math.ceil(50_000 / 7) + reads.bloomFalsePositives)
  assert.ok(reads.bloomFalsePositiveRate < 0.02 && reads.bloomFalsePositiveRate > 0)
  assert.deepEqual(
    [stores?.[0]?.store, stores?.[0]?.entries, stores?.[0]?.approximateKeys, stores?.[0]?.files],
    ['a', 50_000, 50_000, 1],
  )
  base.close()
  assert.equal(cache.statistics().bytes, 0)
})

test('large values do not displace the blocks that are read often', () => {
  const disk = new MemDisk({ tracked: false })
  const cache = newCache(MIB)
  const base = openBaseOn(disk, { cache })
  const large = Array.from({ length: 40 }, (_, i) => ({
    key: bytes(`x${i + 10}`),
    value: new Uint8Array(70_000).fill(i),
  }))
  write(base, 1, [...changesOf(2000), ...large])
  for (let i = 0; i < 2000; i++) get(base, keyOf(2 * i))
  const before = cache.statistics().data.parts
  for (const { key } of large) assert.notEqual(get(base, key), undefined)
  assert.ok(cache.statistics().large.bytes <= MIB / 4)
  assert.ok(cache.statistics().data.parts >= before)
  const { misses } = cache.statistics().data
  for (let i = 0; i < 2000; i++) get(base, keyOf(2 * i))
  assert.equal(cache.statistics().data.misses, misses)
  base.close()
})

test('a read that the disk fails is ERR_DISK_IO with file and position, at opening and in every part', () => {
  const disk = writtenDisk(5000)
  const counting = new CountingDisk(disk)
  const path = `${DIRECTORY}/0000000001.sorted`
  const size = disk.size(path)
  const fail = (): void => {
    throw readFailure(path)
  }
  const expectIo = (work: () => unknown, position: number | null): void => {
    assert.throws(work, (error: TidemarkError) => {
      assert.equal(error.code, 'ERR_DISK_IO')
      assert.equal(error.details['file'], path)
      if (position !== null) assert.equal(error.details['position'], position)
      assert.match(error.message, /state file .*0000000001\.sorted, at byte \d+/)
      return true
    })
  }
  counting.beforeRead = fail
  expectIo(() => openBaseOn(counting.disk), Math.max(0, size - 16_384))
  // Filter, index partition, data block: the first, second and third read of a look-up.
  for (let skip = 0; skip < 3; skip++) {
    counting.beforeRead = () => {}
    const base = openBaseOn(counting.disk, { cache: newCache(MIB) })
    let left = skip
    counting.beforeRead = () => {
      if (left-- === 0) fail()
    }
    expectIo(() => get(base, keyOf(4000)), null)
    assert.notEqual(get(base, keyOf(4000)), undefined, 'the base can be read when the disk can')
    base.close()
  }
})

test('only so many iterators may be open, the error names the store, and the age of the oldest is told', () => {
  const clock = new ManualClock()
  const base = openBaseOn(writtenDisk(100), { maxIterators: 3, clock })
  const first = base.scan('a', ALL)
  clock.advance(500)
  const others = [base.scan('a', ALL), base.scan('a', { ...ALL, reverse: true })]
  clock.advance(250)
  assert.deepEqual(base.statistics().iterators, { open: 3, limit: 3, oldestMs: 750 })
  assert.throws(() => base.scan('a', ALL), { code: 'ERR_TOO_MANY_ITERATORS', message: /store 'a'/ })
  first.close()
  assert.deepEqual(base.statistics().iterators, { open: 2, limit: 3, oldestMs: 250 })
  assert.equal(scan(base).length, 100)
  for (const other of others) other.close()
  assert.deepEqual(base.statistics().iterators, { open: 0, limit: 3, oldestMs: 0 })
  base.close()
})

test('files are told by size', () => {
  const base = openBaseOn(writtenDisk(60_000))
  write(base, 2, changesOf(3))
  const { tiers, files, bytes: sum } = base.statistics()
  assert.equal(files, 2)
  assert.deepEqual(
    tiers?.map(({ tier, files: count, entries }) => [tier, count, entries]),
    [
      [0, 1, 3],
      [1, 1, 60_000],
    ],
  )
  assert.equal(
    tiers.reduce((total, tier) => total + tier.bytes, 0),
    sum,
  )
  base.close()
})
