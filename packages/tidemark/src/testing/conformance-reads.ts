import assert from 'node:assert/strict'
import { assertDescriptors, assertSame, type CaseBody, DESCRIPTORS, someChanges, write } from './conformance-bench.ts'
import { BaseModel, bytesOf, type Change, EVERYTHING, readBase, readOn, scanBase } from './base-model.ts'

/** Keys that an engine may get wrong: empty, zero bytes, starts of others, around the limits of native packages. */
const AWKWARD_KEYS: readonly Uint8Array[] = [
  bytesOf(''),
  Uint8Array.of(0),
  Uint8Array.of(0, 0),
  Uint8Array.of(0, 255),
  Uint8Array.of(255),
  Uint8Array.of(255, 255, 255),
  bytesOf('a'),
  bytesOf('ab'),
  bytesOf('b'),
  ...[510, 511, 512, 1897, 1898, 1899, 1976, 1977, 1978, 1979, 65_536].flatMap((length) => [
    new Uint8Array(length).fill(120),
    new Uint8Array(length).fill(120).fill(0, length - 1),
    new Uint8Array(length).fill(120).fill(121, length - 1),
  ]),
]

const AWKWARD: readonly Change[] = AWKWARD_KEYS.map((key, i) => ({ key, value: bytesOf(`value ${i}`) }))

export const READ_CASES: Readonly<Record<string, CaseBody>> = {
  'a new base is empty': async (bench) => {
    const base = await bench.open(bench.under.place())
    assert.equal(base.id, 0)
    assert.deepEqual(base.descriptors, [])
    assert.equal(readBase(base, 'a', bytesOf('key')), undefined)
    assert.deepEqual(scanBase(base, 'a'), [])
    assert.equal(base.approximateCount('a'), 0)
  },

  'what was written is read, whatever the keys': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    await write(base, model, 1, AWKWARD)
    assert.equal(base.id, 1)
    assertDescriptors(base, DESCRIPTORS)
    assertSame(base, model, 'after a write')
    assert.equal(readBase(base, 'a', bytesOf('nothing here')), undefined)
    assert.equal(readBase(base, 'a', new Uint8Array(1950).fill(120)), undefined)
    assert.equal(readBase(base, 'b', bytesOf('a')), undefined, 'of another store')
  },

  'values of any size': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    const sizes = [0, 1, 255, 256, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1_000_000]
    const changes = sizes.map((size) => ({
      key: bytesOf(`size ${size}`),
      value: new Uint8Array(size).fill(size & 255),
    }))
    await write(base, model, 1, changes)
    assertSame(base, model, 'values')
  },

  'the newest value counts; a deleted key is gone': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    await write(base, model, 1, AWKWARD)
    await write(
      base,
      model,
      2,
      AWKWARD.map(({ key }, i) => ({ key, value: i % 3 === 0 ? null : bytesOf(`new ${i}`) })),
    )
    assertSame(base, model, 'after changes')
    for (const { key } of AWKWARD) assert.equal(readBase(base, 'a', key), model.get('a', key))
    await write(base, model, 3, [{ key: bytesOf('was never there'), value: null }])
    await write(
      base,
      model,
      4,
      AWKWARD.map(({ key }) => ({ key, value: null })),
    )
    assert.deepEqual(scanBase(base, 'a'), [])
  },

  'stores do not see each other': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    const other = AWKWARD.map(({ key }) => ({ key, value: bytesOf('of b') }))
    await write(base, model, 1, AWKWARD, other.slice(4, 12))
    assertSame(base, model, 'two stores')
    await write(
      base,
      model,
      2,
      AWKWARD.map(({ key }) => ({ key, value: null })),
      other,
    )
    assertSame(base, model, 'one of them emptied')
    assert.equal(base.get('no such store', bytesOf('a'), 0, 1, 0), 0)
    assert.deepEqual(scanBase(base, 'no such store'), [])
  },

  'ranges are half-open, both ways, and end at their limit': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    await write(base, model, 1, AWKWARD, someChanges(50, 1))
    const bounds = [null, ...AWKWARD_KEYS, bytesOf('aa'), new Uint8Array(1950).fill(120)]
    for (const [i, from] of bounds.entries()) {
      for (let step = 0; step < bounds.length; step += 3) {
        const to = bounds[(i + step) % bounds.length] as Uint8Array | null
        for (const limit of [Number.POSITIVE_INFINITY, step]) {
          for (const reverse of [false, true]) {
            const range = { from, to, limit, reverse }
            assert.deepEqual(
              scanBase(base, 'a', range),
              model.scan('a', range),
              `range ${i} to ${step}, ${limit}, ${reverse}`,
            )
          }
        }
      }
    }
  },

  'an iterator is stable while writes go on': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    await write(base, model, 1, someChanges(3000, 1))
    const expected = model.scan('a')
    const ways = [base.scan('a', EVERYTHING), base.scan('a', { ...EVERYTHING, reverse: true })]
    const seen = ways.map((iterator) => [...readOn(iterator, 10)])
    for (let id = 2; id < 6; id++) {
      await write(base, model, id, someChanges(3000, id, id))
      for (const [i, iterator] of ways.entries()) seen[i]?.push(...readOn(iterator, 100))
    }
    for (const [i, iterator] of ways.entries()) seen[i]?.push(...readOn(iterator))
    assert.deepEqual(seen[0], expected)
    assert.deepEqual(seen[1], expected.toReversed())
    assertSame(base, model, 'meanwhile')
  },

  'iterators may be closed early, twice, and left open at close': async (bench) => {
    const place = bench.under.place()
    const base = await bench.open(place)
    const model = new BaseModel()
    await write(base, model, 1, someChanges(2000, 1))
    const first = base.scan('a', EVERYTHING)
    readOn(first, 5)
    first.close()
    first.close()
    assert.equal(first.next(), false)
    readOn(base.scan('a', EVERYTHING), 5)
    base.close()
    base.close()
    assertSame(await bench.open(place), model, 'opened again at once')
  },

  'counts are about right': async (bench) => {
    const base = await bench.open(bench.under.place())
    const model = new BaseModel()
    await write(base, model, 1, someChanges(900, 1), someChanges(20_000, 1))
    assert.equal(base.approximateCount('a'), 900)
    assert.ok(Math.abs(base.approximateCount('b') - 20_000) < 1000, `${base.approximateCount('b')} of 20000`)
    await write(base, model, 2, someChanges(900, 2, 2))
    // Engines may count what was overwritten until they merge.
    const count = base.approximateCount('a')
    assert.ok(count >= 0 && count <= 1400, `${count} of 450`)
    const { files, bytes, entries } = base.statistics()
    assert.ok(files >= 0 && bytes >= 0 && entries > 0)
  },

  'many writes, with what the engine merges behind them': async (bench) => {
    const place = bench.under.place()
    const base = await bench.open(place)
    const model = new BaseModel()
    for (let id = 1; id <= 24; id++) await write(base, model, id, someChanges(1500 - id * 20, id, 1 + (id % 7)))
    assertSame(base, model, 'after many writes')
    base.close()
    assertSame(await bench.open(place), model, 'opened again')
  },
}
