import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { type Engine, ENGINES } from '../../src/engines/registry.ts'
import type { EngineChoice } from '../../src/engines/placement.ts'
import type { StoredDelta } from '../../src/log/types.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { Base, TaskState } from '../../src/store/types.ts'
import { BaseModel, bytesOf, type HexEntries, hexOf, settle } from '../../src/testing/base-model.ts'
import type { BaseUnderTest } from '../../src/testing/conformance-bench.ts'
import { kvSpec } from '../store/harness.ts'
import { Places, splitUnderTest, underTest } from './places.ts'

const places = new Places()
after(() => places.remove())

const NAMES = ['a', 'b'] as const
type Name = (typeof NAMES)[number]
const SPECS = NAMES.map((name) => kvSpec(name, bytes(), bytes()))
const RUNS = 20

interface Range {
  readonly from: Uint8Array | null
  readonly to: Uint8Array | null
  readonly reverse: boolean
  readonly limit: number
}

type Action =
  | { readonly what: 'put'; readonly store: Name; readonly key: Uint8Array; readonly value: Uint8Array | null }
  | { readonly what: 'get'; readonly store: Name; readonly key: Uint8Array }
  | { readonly what: 'scan'; readonly store: Name; readonly range: Range }
  | { readonly what: 'commit' }
  | { readonly what: 'flush' }
  | { readonly what: 'restart' }
  /** The process dies, in the midst of a flush if steps are given. */
  | { readonly what: 'crash'; readonly steps: number | null }

const anyKey = fc.oneof(
  fc.nat({ max: 40 }).map((n) => bytesOf(`key ${n}`)),
  fc.uint8Array({ maxLength: 3, max: 2 }),
  fc.nat({ max: 9 }).map((n) => bytesOf(`${'long '.repeat(395)}${n}`)),
)
const anyStore = fc.constantFrom(...NAMES)
const anyRange: fc.Arbitrary<Range> = fc.record({
  from: fc.option(anyKey, { nil: null }),
  to: fc.option(anyKey, { nil: null }),
  reverse: fc.boolean(),
  limit: fc.oneof(fc.constant(1000), fc.integer({ min: 1, max: 9 })),
})
const anyPut = fc.record({
  what: fc.constant('put' as const),
  store: anyStore,
  key: anyKey,
  value: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null, freq: 3 }),
})
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: anyPut },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('get' as const), store: anyStore, key: anyKey }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('scan' as const), store: anyStore, range: anyRange }) },
  { weight: 4, arbitrary: fc.constant({ what: 'commit' as const }) },
  { weight: 3, arbitrary: fc.constant({ what: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ what: 'restart' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('crash' as const), steps: fc.option(fc.nat({ max: 8 }), { nil: null }) }),
  },
)

/** A task's state on an engine, what its journal would hold, and sorted maps beside it. */
class Bench {
  readonly #under: BaseUnderTest
  #place: string
  #deltas: StoredDelta[] = []
  #committed = 0
  #lastDeltaId = 0
  #safe = new BaseModel()
  #now = new BaseModel()
  #state: TaskState | null = null

  constructor(under: BaseUnderTest) {
    this.#under = under
    this.#place = under.place()
  }

  async open(): Promise<void> {
    const base: Base = await this.#under.open(this.#place, false)
    assert.ok((base.newestId ?? base.id) <= this.#committed, 'C1: the base is not ahead')
    this.#state = openTaskState({
      task: 'job/0',
      specs: SPECS,
      base,
      deltas: this.#deltas,
      id: this.#committed,
      lastDeltaId: this.#lastDeltaId,
    })
    this.#now = this.#safe.copy()
    this.check()
  }

  get state(): TaskState {
    return this.#state ?? assert.fail('it is open')
  }

  store(name: Name): KeyValueStore<Uint8Array, Uint8Array> {
    return new KeyValueStore(this.state.store(name))
  }

  /** C1, C6: exactly the committed state, and what was put since. */
  check(): void {
    for (const name of NAMES) {
      this.#same(name, { from: null, to: null, reverse: false, limit: 1000 })
      this.#same(name, { from: null, to: null, reverse: true, limit: 1000 })
    }
  }

  #same(name: Name, { from, to, reverse, limit }: Range): void {
    const seen: HexEntries = [...this.store(name).range(from, to, { reverse, limit })].map(
      ({ key, value }) => [hexOf(key), hexOf(value)] as const,
    )
    assert.deepEqual(seen, this.#now.scan(name, { from, to, reverse, limit }))
  }

  async run(action: Action): Promise<void> {
    switch (action.what) {
      case 'put': {
        const { key, value } = action
        if (value === null) this.store(action.store).delete(key)
        else this.store(action.store).put(key, value)
        this.#now.apply(action.store, [{ key, value }])
        return
      }
      case 'get': {
        const value = this.store(action.store).get(action.key)
        const hex = value === undefined ? undefined : hexOf(value)
        assert.equal(hex, this.#now.get(action.store, action.key))
        return
      }
      case 'scan':
        return this.#same(action.store, action.range)
      case 'commit':
        return this.#commit()
      case 'flush':
        await settle(this.state.flush())
        this.#deltas = this.#deltas.filter(({ id }) => id > this.state.flushedId)
        return
      case 'restart':
        this.state.close()
        return this.open()
      case 'crash':
        return this.#crash(action.steps)
    }
  }

  async #commit(): Promise<void> {
    const frozen = this.state.freeze(this.#committed + 1)
    const delta = this.state.delta(frozen)
    let step = delta.next()
    while (step.done !== true) step = delta.next()
    this.#committed++
    if (step.value !== null) {
      this.#deltas.push({ id: this.#committed, bytes: step.value })
      this.#lastDeltaId = this.#committed
    }
    this.#safe = this.#now.copy()
    await settle(this.state.commit(frozen))
  }

  async #crash(steps: number | null): Promise<void> {
    if (steps !== null) await settle(this.state.flush(), steps)
    const left = await this.#under.crash(this.#place)
    this.state.close()
    this.#place = left
    await this.open()
  }

  close(): void {
    this.#state?.close()
  }
}

async function differential(under: BaseUnderTest): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(anyAction, { minLength: 5, maxLength: 60, size: 'max' }), async (actions) => {
      const bench = new Bench(under)
      try {
        await bench.open()
        for (const action of actions) await bench.run(action)
        bench.check()
        await bench.run({ what: 'commit' })
        await bench.run({ what: 'crash', steps: null })
      } finally {
        bench.close()
      }
    }),
    { numRuns: RUNS, endOnFailure: false },
  )
}

const SPLIT: EngineChoice = { engine: 'lsm', stores: { b: 'lmdb' } }

for (const engine of ENGINES as readonly Engine[]) {
  test(`C1, C6: ${engine}: a task's state is a sorted map, whatever is committed, flushed, lost and restored`, () =>
    differential(underTest(engine, places)))
}

test('C1, C6: two engines under one task: the same', () => differential(splitUnderTest(SPLIT, [...NAMES], places)))
