import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../src/clock/clock.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { murmur2 } from '../../src/hash/murmur2.ts'
import type { KeyBatch } from '../../src/store/types.ts'
import { CountingDisk, readFailure } from './counting-disk.ts'
import { bytes, get, newCache, openBaseOn, write, type Change } from './support.ts'

const MIB = 1024 * 1024
const COUNT = 20_000

function keyOf(i: number): Uint8Array {
  return bytes(`user:${String(i).padStart(9, '0')}`)
}

function changesOf(id: number, from: number, to: number): Change[] {
  return Array.from({ length: to - from }, (_, i) => ({
    key: keyOf(2 * (from + i)),
    value: bytes(`value ${id} of ${from + i}, and enough more of it that there are some blocks to be found`),
  }))
}

function batchOf(keys: readonly Uint8Array[]): KeyBatch {
  const starts = new Int32Array(keys.length)
  const ends = new Int32Array(keys.length)
  const hashes = new Int32Array(keys.length)
  let at = 0
  for (const [i, key] of keys.entries()) {
    starts[i] = at
    at += key.length
    ends[i] = at
    hashes[i] = murmur2(key)
  }
  return { count: keys.length, bytes: new Uint8Array(Buffer.concat(keys)), starts, ends, hashes }
}

/** A base of three files on a disk that counts, opened with a cold cache. */
function cold(
  capacityBytes = 4 * MIB,
  clock?: ManualClock,
): { base: ReturnType<typeof openBaseOn>; counting: CountingDisk } {
  const disk = new MemDisk({ tracked: false })
  const writer = openBaseOn(disk, { cache: newCache(MIB) })
  write(writer, 1, changesOf(1, 0, COUNT))
  write(writer, 2, changesOf(2, 5000, 6000))
  write(writer, 3, [
    { key: keyOf(200), value: null },
    { key: keyOf(12_000), value: new Uint8Array(70_000).fill(9) },
  ])
  writer.close()
  const counting = new CountingDisk(disk)
  const base = openBaseOn(counting.disk, {
    cache: newCache(capacityBytes),
    ...(clock === undefined ? {} : { clock }),
  })
  counting.reset()
  return { base, counting }
}

const WANTED = [0, 200, 2000, 10_002, 10_400, 12_000, 25_000, 39_998, 2001, 39_999, 77_777].map(keyOf)

test('after a prefetch the look-ups of its keys wait for no read: present, deleted, large, absent', async () => {
  const { base, counting } = cold()
  const promise = base.prefetch('a', batchOf(WANTED))
  assert.ok(promise !== null)
  await promise
  assert.equal(counting.reads, 0)
  assert.ok(counting.mostLater > 3, 'reads run at the same time')
  const { prefetched, misses } = base.statistics().cache ?? { prefetched: 0, misses: 0 }
  assert.equal(prefetched, counting.laterReads)
  assert.equal(misses, prefetched)
  const found = WANTED.map((key) => get(base, key)).map((value) => (value === null ? null : value?.length))
  assert.equal(counting.reads, 0)
  assert.deepEqual(found.slice(1, 2), [null])
  assert.equal(found[5], 140_000)
  assert.deepEqual(found.slice(-3), [undefined, undefined, undefined])
  assert.ok(found.filter((length) => typeof length === 'number').length === 7)
  base.close()
})

test('nothing to load is null: keys that are there, an unknown store, no keys, a cache of 0 bytes', async () => {
  const { base } = cold()
  assert.equal(base.prefetch('unknown', batchOf(WANTED)), null)
  assert.equal(base.prefetch('a', batchOf([])), null)
  await base.prefetch('a', batchOf(WANTED))
  for (let i = 0; i < 40; i++) assert.equal(base.prefetch('a', batchOf(WANTED)), null)
  base.close()
  const none = cold(0)
  assert.equal(none.base.prefetch('a', batchOf(WANTED)), null)
  none.base.close()
})

test('prefetches that find nothing to do are left out, until a read has to wait', async () => {
  const { base } = cold()
  await base.prefetch('a', batchOf(WANTED))
  for (let i = 0; i < 8; i++) assert.equal(base.prefetch('a', batchOf(WANTED)), null)
  assert.equal(base.prefetch('a', batchOf([keyOf(30_000)])), null, 'left out')
  get(base, keyOf(30_000))
  const next = base.prefetch('a', batchOf([keyOf(34_000)]))
  assert.notEqual(next, null)
  await next
  base.close()
})

test('the buffer of the batch may change after the call', async () => {
  const { base, counting } = cold()
  const batch = batchOf(WANTED)
  const promise = base.prefetch('a', batch)
  batch.bytes.fill(0)
  await promise
  for (const key of WANTED) get(base, key)
  assert.equal(counting.reads, 0)
  base.close()
})

test('damage and read errors do not reject: the look-up of the key meets them', async () => {
  const { base, counting } = cold()
  counting.beforeRead = (path) => {
    throw readFailure(path)
  }
  await base.prefetch('a', batchOf(WANTED))
  assert.throws(() => get(base, keyOf(2000)), { code: 'ERR_DISK_IO' })
  counting.beforeRead = () => {}
  await base.prefetch('a', batchOf(WANTED))
  assert.notEqual(get(base, keyOf(2000)), undefined)
  base.close()
})

test('files are pinned while a prefetch reads, through a write, a merge and the end of the base', async () => {
  const { base, counting } = cold()
  const first = base.prefetch('a', batchOf(WANTED))
  write(base, 4, changesOf(4, 0, 3000))
  write(base, 5, changesOf(5, 0, 3000))
  await first
  const second = base.prefetch('a', batchOf([keyOf(4), keyOf(36_000)]))
  base.close()
  await second
  assert.ok(counting.laterReads > 0)
})

test('a prefetch loads no more than a fourth of the cache', async () => {
  const capacity = 256 * 1024
  const { base, counting } = cold(capacity)
  await base.prefetch('a', batchOf(Array.from({ length: 5000 }, (_, i) => keyOf(8 * i))))
  assert.ok(counting.laterReads > 0)
  const { bytes: held } = base.statistics().cache ?? { bytes: 0 }
  assert.ok(held <= capacity / 2, `${held} bytes`)
  base.close()
})

test('a disk that answers at once is not read in other threads; one that does not is; both are tried again', async () => {
  const clock = new ManualClock()
  const { base, counting } = cold(4 * MIB, clock)
  let readMs = 0
  counting.beforeRead = () => clock.advance(readMs)
  let next = 0
  const prefetches = async (count: number): Promise<number> => {
    let promises = 0
    for (let i = 0; i < count; i++) {
      const key = keyOf(next % (2 * COUNT))
      next += 346
      const promise = base.prefetch('a', batchOf([key]))
      if (promise !== null) promises++
      await promise
      get(base, key)
    }
    return promises
  }
  assert.equal(await prefetches(20), 0)
  assert.equal(counting.laterReads, 0)
  readMs = 0.2
  assert.ok((await prefetches(60)) > 10)
  assert.ok(counting.laterReads > 10)
  readMs = 0
  counting.laterReads = 0
  await prefetches(120)
  assert.ok(counting.laterReads < 60, `${counting.laterReads} reads`)
  base.close()
})
