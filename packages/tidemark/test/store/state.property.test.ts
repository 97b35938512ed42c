import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TidemarkError } from '../../src/errors/error.ts'
import { CacheBudget } from '../../src/store/cache-budget.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import type { StoreIterator } from '../../src/store/store-iterator.ts'
import type { FrozenState, Steps } from '../../src/store/types.ts'
import { BLOBS, drain, Harness, NUMBERS, OBJECTS } from './harness.ts'

const DISK_FULL = new TidemarkError('ERR_DISK_FULL', 'no space')

/** What a store shows, as plain data. */
type Plain = number | { n: number } | number[]
type Model = Map<string, Plain>
const STORES = ['numbers', 'objects', 'blobs'] as const
type StoreName = (typeof STORES)[number]

function valueFor(store: StoreName, n: number): unknown {
  if (store === 'numbers') return n
  return store === 'objects' ? { n } : new Uint8Array([n & 255, n >>> 8, 7])
}

function plain(value: unknown): Plain {
  return value instanceof Uint8Array ? [...value] : (value as Plain)
}

function sorted(
  model: Model,
  from: string | null,
  to: string | null,
  reverse: boolean,
  limit: number,
): [string, Plain][] {
  const entries = [...model].filter(([key]) => (from === null || key >= from) && (to === null || key < to))
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  if (reverse) entries.reverse()
  return entries.slice(0, limit)
}

function copyAll(models: ReadonlyMap<StoreName, Model>): Map<StoreName, Model> {
  return new Map([...models].map(([name, model]) => [name, new Map(model)]))
}

interface OpenScan {
  readonly iterator: StoreIterator<{ readonly key: string; readonly value: unknown }>
  readonly expected: [string, Plain][]
}

/** The state under test beside sorted maps, driven by the same operations. */
class Pair {
  readonly harness: Harness
  visible = new Map<StoreName, Model>(STORES.map((name) => [name, new Map()]))
  frozenModel: Map<StoreName, Model> | null = null
  committed = copyAll(this.visible)
  frozen: FrozenState | null = null
  steps: Generator<void, unknown>[] = []
  flush: Steps | null = null
  scans: OpenScan[] = []
  stores: Map<StoreName, KeyValueStore<string, unknown>>

  constructor(cacheBytes: number) {
    this.harness = new Harness([NUMBERS, OBJECTS, BLOBS], { cache: new CacheBudget(cacheBytes) })
    this.stores = this.typed()
  }

  typed(): Map<StoreName, KeyValueStore<string, unknown>> {
    return new Map(STORES.map((name) => [name, new KeyValueStore<string, unknown>(this.harness.state.store(name))]))
  }

  store(name: StoreName): KeyValueStore<string, unknown> {
    return this.stores.get(name) as KeyValueStore<string, unknown>
  }

  model(name: StoreName): Model {
    return this.visible.get(name) as Model
  }

  freeze(): void {
    if (this.frozen !== null) return
    this.frozen = this.harness.state.freeze(this.harness.committed + 1)
    this.frozenModel = copyAll(this.visible)
  }

  commit(): void {
    if (this.frozen === null || this.frozenModel === null) return
    this.harness.decide(drain(this.harness.state.delta(this.frozen)))
    this.steps.push(this.harness.state.commit(this.frozen))
    this.committed = this.frozenModel
    this.frozen = null
    this.frozenModel = null
  }

  step(count: number): void {
    for (let i = 0; i < count; i++) {
      const [first] = this.steps
      if (first?.next().done === true) this.steps.shift()
      this.stepFlush()
    }
  }

  stepFlush(): void {
    try {
      if (this.flush?.next().done !== true) return
      this.harness.forgetFlushed()
    } catch (error) {
      assert.equal(error, DISK_FULL)
    }
    this.flush = null
  }

  failFlush(): void {
    if (this.flush !== null) this.harness.base.failNextWrite = DISK_FULL
  }

  startFlush(): void {
    this.flush ??= this.harness.state.flush()
  }

  /** The task is discarded and opened again: C7 and C1. */
  abort(): void {
    for (const scan of this.scans) scan.iterator.close()
    this.scans = []
    this.steps = []
    this.flush = null
    this.harness.base.failNextWrite = null
    this.frozen = null
    this.frozenModel = null
    this.visible = copyAll(this.committed)
    this.harness.open()
    assert.equal(this.harness.state.id, this.harness.committed)
    this.stores = this.typed()
  }

  openScan(name: StoreName, from: string | null, to: string | null, reverse: boolean, limit: number): void {
    const range = sorted(this.model(name), from, to, reverse, limit)
    this.scans.push({ iterator: this.store(name).range(from, to, { reverse, limit }), expected: range })
    const committed = this.store(name).committed().range(from, to, { reverse, limit })
    this.scans.push({
      iterator: committed,
      expected: sorted(this.committed.get(name) as Model, from, to, reverse, limit),
    })
  }

  readScan(): void {
    const scan = this.scans.shift()
    if (scan === undefined) return
    assert.deepEqual(
      [...scan.iterator].map(({ key, value }) => [key, plain(value)]),
      scan.expected,
    )
  }

  check(): void {
    for (const name of STORES) {
      const seen = [...this.store(name).entries()].map(({ key, value }) => [key, plain(value)])
      assert.deepEqual(seen, sorted(this.model(name), null, null, false, Infinity))
      assert.equal(this.store(name).approximateCount(), this.model(name).size)
      const committed = this.store(name).committed()
      const model = this.committed.get(name) as Model
      for (const key of KEYS) {
        assert.deepEqual(plain(this.store(name).get(key)), this.model(name).get(key))
        assert.deepEqual(plain(committed.get(key)), model.get(key))
      }
    }
  }
}

const KEYS = [
  '',
  'a',
  'aa',
  'ab',
  'abc',
  'b',
  'ba',
  'key-000001',
  'key-000002',
  'key-000003',
  'z',
  'zzzzzzzzzzzz',
  '\u0000',
  '\u0000\u0000',
  'é',
  'ü',
]

const cacheBytes = fc.constantFrom(0, 400, 1_000_000)
const store = fc.constantFrom(...STORES)
const key = fc.constantFrom(...KEYS)
const bound = fc.option(key, { nil: null, freq: 3 })
const anyOperation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ op: fc.constant('put' as const), store, key, n: fc.nat(60_000) }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('delete' as const), store, key }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('update' as const), store, key, n: fc.nat(60_000) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('getPut' as const), store, key, n: fc.nat(60_000) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('locateRemove' as const), store, key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('freeze' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('commit' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('step' as const), count: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('failFlush' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('abort' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('scan' as const),
      store,
      from: bound,
      to: bound,
      reverse: fc.boolean(),
      limit: fc.nat(20),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('readScan' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('check' as const) }) },
)
type Operation = typeof anyOperation extends fc.Arbitrary<infer T> ? T : never

function apply(pair: Pair, operation: Operation): void {
  switch (operation.op) {
    case 'put':
    case 'getPut': {
      const { store: name, key: k, n } = operation
      if (operation.op === 'getPut') assert.deepEqual(plain(pair.store(name).get(k)), pair.model(name).get(k))
      pair.store(name).put(k, valueFor(name, n))
      pair.model(name).set(k, plain(valueFor(name, n)))
      return
    }
    case 'update': {
      const { store: name, key: k, n } = operation
      pair.store(name).update(k, () => valueFor(name, n))
      pair.model(name).set(k, plain(valueFor(name, n)))
      return
    }
    case 'delete':
      pair.store(operation.store).delete(operation.key)
      pair.model(operation.store).delete(operation.key)
      return
    case 'locateRemove': {
      const raw = pair.harness.state.store(operation.store)
      const bytes = Buffer.from(operation.key)
      assert.equal(raw.locate(bytes, 0, bytes.length), pair.model(operation.store).has(operation.key))
      raw.remove()
      pair.model(operation.store).delete(operation.key)
      return
    }
    case 'scan':
      return pair.openScan(operation.store, operation.from, operation.to, operation.reverse, operation.limit)
    case 'step':
      return pair.step(operation.count)
    case 'flush':
      return pair.startFlush()
    default:
      return pair[operation.op]()
  }
}

test('any run of operations, commits, flushes, aborts and scans looks like sorted maps (C1, C7)', () => {
  fc.assert(
    fc.property(
      cacheBytes,
      fc.array(anyOperation, { minLength: 1, maxLength: 150, size: 'max' }),
      (cache, operations) => {
        const pair = new Pair(cache)
        for (const one of operations) apply(pair, one)
        pair.check()
        while (pair.scans.length > 0) pair.readScan()
        assert.equal(pair.harness.base.openScans, 0, 'a scan of the base was left open')
        pair.abort()
        pair.check()
      },
    ),
    { numRuns: 400 },
  )
})

test('the state that deltas and files give back is that of the last commit, wherever the flush stopped (C1, C6)', () => {
  const puts = fc.array(fc.record({ key, n: fc.nat(1000) }), { maxLength: 12, size: 'max' })
  fc.assert(
    fc.property(fc.array(puts, { minLength: 1, maxLength: 8, size: 'max' }), fc.nat(60), (commits, flushSteps) => {
      const pair = new Pair(1000)
      for (const writes of commits) {
        for (const { key: k, n } of writes) apply(pair, { op: 'put', store: 'numbers', key: k, n })
        pair.freeze()
        pair.commit()
        pair.startFlush()
        pair.step(flushSteps)
      }
      pair.abort()
      pair.check()
    }),
    { numRuns: 200 },
  )
})
