import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { openBase } from '../../src/engines/engine.ts'
import { FILE_ENGINES, type FileEngine } from '../../src/engines/registry.ts'
import type { Base, BaseIterator, ByteRange } from '../../src/store/types.ts'
import { ALL, anyChange, anyKey, anyRange, applyTo, DIRECTORY, expectSame, get, hex, newCache } from '../lsm/support.ts'
import { scan, scanModel, sortedStore, type Change, type Model } from '../lsm/support.ts'

/** What is done to a base, and to a sorted map beside it. */
type Action =
  | { readonly what: 'write'; readonly a: readonly Change[]; readonly b: readonly Change[] }
  | { readonly what: 'stop'; readonly changes: readonly Change[]; readonly steps: number; readonly seed: number | null }
  | { readonly what: 'reopen'; readonly engine: FileEngine }
  | { readonly what: 'crash'; readonly seed: number }
  | { readonly what: 'get'; readonly key: Uint8Array }
  | { readonly what: 'scan'; readonly range: Partial<ByteRange> }
  | { readonly what: 'iterate'; readonly range: Partial<ByteRange> }
  | { readonly what: 'step'; readonly count: number }

const anyChanges = fc.array(anyChange, { maxLength: 60 })

const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('write' as const), a: anyChanges, b: anyChanges }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('stop' as const),
      changes: anyChanges,
      steps: fc.nat({ max: 12 }),
      seed: fc.option(fc.nat({ max: 1000 }), { nil: null }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant('reopen' as const), engine: fc.constantFrom(...FILE_ENGINES) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('crash' as const), seed: fc.nat({ max: 1000 }) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('get' as const), key: anyKey }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('scan' as const), range: anyRange }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('iterate' as const), range: anyRange }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('step' as const), count: fc.nat({ max: 10 }) }) },
)

/** A base on a disk, the maps that say what is in it, and iterators with what they have still to give. */
class Bench {
  readonly #disk = new MemDisk()
  #engine: FileEngine
  #base: Base
  #a: Model = new Map()
  #b: Model = new Map()
  #iterators: { readonly iterator: BaseIterator; readonly expected: [string, string][] }[] = []

  constructor(engine: FileEngine) {
    this.#engine = engine
    this.#base = this.#open()
  }

  #open(): Base {
    return openBase(this.#engine, { disk: this.#disk, directory: DIRECTORY, cache: newCache(16 * 1024) })
  }

  run(action: Action): void {
    switch (action.what) {
      case 'write':
        return this.#write(action.a, action.b)
      case 'stop':
        return this.#stop(action.changes, action.steps, action.seed)
      case 'reopen':
        this.#engine = action.engine
        this.#base.close()
        return this.#again()
      case 'crash':
        this.#disk.crash({ seed: action.seed })
        return this.#again()
      case 'get':
        return this.#get(action.key)
      case 'scan':
        assert.deepEqual(scan(this.#base, action.range), scanModel(this.#a, action.range))
        return
      case 'iterate':
        this.#iterators.push({
          iterator: this.#base.scan('a', { ...ALL, ...action.range }),
          expected: scanModel(this.#a, action.range),
        })
        return
      case 'step':
        for (const { iterator, expected } of this.#iterators) step(iterator, expected, action.count)
    }
  }

  #write(a: readonly Change[], b: readonly Change[]): void {
    const id = this.#base.id + 1
    const old = scanModel(this.#a)
    applyTo(this.#a, a)
    applyTo(this.#b, b)
    const writing = this.#base.write(id, [], [sortedStore('a', a), sortedStore('b', b)])
    while (writing.next().done !== true) {
      assert.deepEqual(scan(this.#base), this.#base.id === id ? scanModel(this.#a) : old, 'between two steps')
    }
  }

  /** A write that does not come to its end: given up, or cut off by a crash. Its id says whether it counts. */
  #stop(changes: readonly Change[], steps: number, seed: number | null): void {
    const id = this.#base.id + 1
    const writing = this.#base.write(id, [], [sortedStore('a', changes)])
    for (let i = 0; i < steps; i++) if (writing.next().done === true) break
    if (seed === null) {
      writing.return()
    } else {
      this.#disk.crash({ seed })
      this.#base = this.#open()
      this.#iterators = []
    }
    if (this.#base.id === id) applyTo(this.#a, changes)
  }

  #again(): void {
    this.#base = this.#open()
    this.#iterators = []
    this.expectSame()
  }

  #get(key: Uint8Array): void {
    const value = this.#a.get(hex(key))
    const found = get(this.#base, key)
    if (value === undefined) assert.ok(found === undefined || found === null)
    else assert.equal(found, hex(value))
  }

  expectSame(): void {
    expectSame(this.#base, this.#a)
    expectSame(this.#base, this.#b, 'b')
  }
}

function step(iterator: BaseIterator, expected: [string, string][], count: number): void {
  for (let i = 0; i < count; i++) {
    const next = expected.shift()
    assert.equal(iterator.next(), next !== undefined)
    if (next === undefined) return
    const { key, valueBytes, valueStart, valueEnd } = iterator
    assert.deepEqual([hex(key), hex(valueBytes.subarray(valueStart, valueEnd))], next)
  }
}

for (const engine of FILE_ENGINES) {
  test(`${engine}: writes, deletions, merges, scans, reopenings and crashes leave what a sorted map has`, () => {
    fc.assert(
      fc.property(fc.array(anyAction, { maxLength: 50 }), (actions) => {
        const bench = new Bench(engine)
        for (const action of actions) bench.run(action)
        bench.expectSame()
      }),
      { numRuns: 120 },
    )
  })
}

test('memory: after opening and after writing, reads do not go to the disk', () => {
  const disk = new MemDisk()
  let reads = 0
  const counting = new Proxy(disk, {
    get(target, name) {
      if (name !== 'open') {
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      }
      return (path: string, mode: 'read') => {
        const file = target.open(path, mode)
        return {
          ...file,
          read: (...read: Parameters<typeof file.read>) => {
            reads++
            return file.read(...read)
          },
        }
      }
    },
  })
  const model: Model = new Map()
  const base = openBase('memory', { disk: counting, directory: DIRECTORY, cache: newCache() })
  for (let id = 1; id <= 6; id++) {
    const changes = Array.from({ length: 500 }, (_, i) => ({
      key: new Uint8Array(Buffer.from(`k${(i * id) % 900}`)),
      value: new Uint8Array(i === 3 ? 70_000 : 9).fill(id),
    }))
    const writing = base.write(id, [], [sortedStore('a', changes)])
    while (writing.next().done !== true) assert.ok(base.id >= id - 1)
    applyTo(model, changes)
    const before = reads
    expectSame(base, model)
    assert.equal(reads, before)
  }
  assert.ok(reads > 0)
  assert.equal(base.approximateCount('a') >= model.size, true)
  assert.ok(base.statistics().files >= 1)
  assert.deepEqual(base.descriptors, [])
})
