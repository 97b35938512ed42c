import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { BlockCache, type CacheOwner } from '../../src/lsm/block-cache.ts'
import { BloomBuilder, bloomHas } from '../../src/lsm/bloom.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { bytes, get, newCache, openBaseOn, write } from './support.ts'

function filterOf(keys: readonly string[], maxKeys: number): { has: (key: string) => boolean; sizeBytes: number } {
  const builder = new BloomBuilder(maxKeys)
  for (const key of keys) builder.add(murmur2(bytes(key)))
  const filter = runToEnd(builder.finish())
  return { has: (key) => bloomHas(filter, 0, builder.lines, murmur2(bytes(key))), sizeBytes: filter.length }
}

test('a bloom filter knows every key, however much it was halved', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 400 }), fc.integer({ min: 1, max: 400 }), (keys, factor) => {
      const { has } = filterOf(keys, keys.length * factor)
      for (const key of keys) assert.ok(has(key))
    }),
  )
})

for (const [what, factor] of [
  ['made for the right number of keys', 1],
  ['made for eight times as many', 8],
] as const) {
  test(`a bloom filter ${what} lets about 1 in 80 absent keys pass, at about 10 bits a key`, () => {
    const count = 100_000
    const keys = Array.from({ length: count }, (_, i) => `user:${i}`)
    const { has, sizeBytes } = filterOf(keys, count * factor)
    assert.ok(sizeBytes * 8 < count * 10 * 1.1, `${(sizeBytes * 8) / count} bits a key`)
    let passed = 0
    for (let i = 0; i < count; i++) if (has(`absent:${i}`)) passed++
    const rate = passed / count
    assert.ok(rate < 0.016, `rate ${rate}`)
    assert.ok(rate > 0.002, `rate ${rate}: is anything in the filter?`)
  })
}

test('keys of one task, whose hashes have the same rest, spread over the filter as others do', () => {
  const keys: string[] = []
  for (let i = 0; keys.length < 20_000; i++) {
    if ((murmur2(bytes(`user:${i}`)) & 0x7fffffff) % 64 === 5) keys.push(`user:${i}`)
  }
  const { has } = filterOf(keys, keys.length)
  let passed = 0
  let absent = 0
  for (let i = 0; absent < 20_000; i++) {
    if ((murmur2(bytes(`absent:${i}`)) & 0x7fffffff) % 64 !== 5) continue
    absent++
    if (has(`absent:${i}`)) passed++
  }
  assert.ok(passed / absent < 0.02, `rate ${passed / absent}`)
})

const GROUP = {}

/** An owner that holds the sizes of its parts; what hangs on others may not go. */
class Owner implements CacheOwner {
  readonly cacheGroup: object
  readonly cachedReads: Uint8Array
  readonly held: (number | null)[]
  bound = false

  constructor(parts: number, group: object = GROUP) {
    this.cacheGroup = group
    this.cachedReads = new Uint8Array(parts)
    this.held = new Array<number | null>(parts).fill(null)
  }

  evict(index: number): boolean {
    if (this.bound) return false
    this.held[index] = null
    return true
  }

  offer(cache: BlockCache, index: number, size: number, kind: 0 | 1 | 2 | 3 = 0): void {
    if (cache.add(this, index, size, kind)) this.held[index] = size
  }
}

const anyPart = fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 40 }), fc.nat({ max: 3000 }), fc.constantFrom(0, 1, 2, 3))

test('the cache stays within its bytes, and tells what it holds', () => {
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 300 }), (adds) => {
      const cache = new BlockCache({ capacityBytes: 20_000, poisons: true })
      const owners = [new Owner(41), new Owner(41), new Owner(41, {})]
      for (const [who, index, size, kind] of adds) {
        const one = owners[who] as Owner
        if (one.held[index] !== null) one.cachedReads[index] = 1
        else one.offer(cache, index, size, kind)
        const held = owners.flatMap((each) => each.held).filter((part) => part !== null)
        const { bytes: used, blocks, large } = cache.statistics()
        assert.equal(blocks, held.length)
        assert.ok(used <= 20_000)
        assert.ok(used >= held.reduce((sum, part) => sum + part, 0))
        assert.ok(large.bytes <= 5000, 'large values have a fourth')
      }
      cache.drop(GROUP)
      assert.ok(owners.slice(0, 2).every((each) => each.held.every((part) => part === null)))
      cache.drop((owners[2] as Owner).cacheGroup)
      assert.deepEqual([cache.statistics().bytes, cache.statistics().blocks], [0, 0])
    }),
  )
})

test('a scan does not displace blocks that are read often', () => {
  const cache = new BlockCache({ capacityBytes: 100 * 1128, poisons: true })
  const hot = new Owner(20)
  const cold = new Owner(5000)
  for (let i = 0; i < 20; i++) hot.offer(cache, i, 1000)
  for (let i = 0; i < 5000; i++) {
    if (i % 10 === 0) hot.cachedReads.fill(1)
    cold.offer(cache, i, 1000)
  }
  assert.ok(hot.held.every((part) => part !== null))
  assert.ok(cache.statistics().evictions >= 4900)
})

test('large values displace each other before they displace blocks', () => {
  const cache = new BlockCache({ capacityBytes: 1_000_000, poisons: true })
  const blocks = new Owner(700)
  const values = new Owner(500)
  for (let i = 0; i < 700; i++) blocks.offer(cache, i, 800)
  for (let i = 0; i < 500; i++) values.offer(cache, i, 70_000, 3)
  assert.ok(blocks.held.every((part) => part !== null))
  assert.equal(cache.statistics().large.parts, 3)
})

test('what others hang on stays until they are gone', () => {
  const cache = new BlockCache({ capacityBytes: 10 * 1128, poisons: true })
  const index = new Owner(1)
  const blocks = new Owner(100)
  index.offer(cache, 0, 1000, 1)
  index.bound = true
  for (let i = 0; i < 50; i++) blocks.offer(cache, i, 1000)
  assert.notEqual(index.held[0], null)
  index.bound = false
  for (let i = 50; i < 100; i++) blocks.offer(cache, i, 1000)
  assert.equal(index.held[0], null)
})

test('a block that is too large for the cache is not kept', () => {
  const cache = new BlockCache({ capacityBytes: 8000, poisons: true })
  const one = new Owner(1)
  one.offer(cache, 0, 1000)
  assert.equal(one.held[0], null)
})

for (const [what, options, from, to] of [
  ['4 KiB', {}, 4096, 5200],
  ['32 KiB', { blockBytes: 32 * 1024 }, 32 * 1024, 34 * 1024],
  ['16 KiB before zstd', { compression: 'zstd' }, 16 * 1024, 17.2 * 1024],
  ['64 KiB before zstd', { compression: 'zstd', blockBytes: 64 * 1024 }, 64 * 1024, 66 * 1024],
] as const) {
  test(`a block of a file has ${what}, in what is flushed and in what is merged`, () => {
    const base = openBaseOn(new MemDisk({ tracked: false }), { ...options, cache: newCache(1 << 20) })
    const changes = Array.from({ length: 4000 }, (_, i) => ({ key: bytes(`key ${i}`), value: bytes('v'.repeat(90)) }))
    const read = (): number => {
      const before = base.statistics().cache?.data.bytes ?? 0
      assert.ok(get(base, bytes('key 2000')) !== undefined)
      return (base.statistics().cache?.data.bytes ?? 0) - before
    }
    write(base, 1, changes)
    const flushed = read()
    assert.ok(flushed >= from && flushed <= to, `${flushed} bytes`)
    for (let id = 2; base.statistics().writes?.compactions === 0; id++) write(base, id, changes)
    const merged = read()
    assert.ok(merged >= from && merged <= to, `${merged} bytes after a merge`)
    base.close()
  })
}
