import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import type { StoreSpec } from '../../src/store/types.ts'
import { WindowStore } from '../../src/store/window-store.ts'
import { Harness, kvSpec, windowSpec } from './harness.ts'

const DURATION_MS = 100
const TIMED: StoreSpec = {
  ...kvSpec('timed', string(), uint()),
  ttl: { durationMs: DURATION_MS, time: 'event' },
}
const FIXED = windowSpec('fixed', string(), uint(), { windowSizeMs: 10 })
const FREE = windowSpec('free', string(), uint())
const KEYS = ['', 'a', 'ab', 'b', '\u0000', 'a\u0000b', 'zz'] as const

interface Timed {
  readonly value: number
  readonly endsMs: number
}

/** What the stores should have: the timed one by key; windows by `store|key|start`, zero-padded. */
interface Model {
  timed: Map<string, Timed>
  windows: Map<string, number>
}

function copy({ timed, windows }: Model): Model {
  return { timed: new Map(timed), windows: new Map(windows) }
}

function windowName(store: string, key: string, start: number): string {
  return `${store}|${key}|${String(start).padStart(4, '0')}`
}

class Pair {
  readonly harness = new Harness([TIMED, FIXED, FREE])
  nowMs = 0
  committedNowMs = 0
  model: Model = { timed: new Map(), windows: new Map() }
  committed: Model = copy(this.model)
  work: Generator<unknown, unknown>[] = []
  readers: (() => void)[] = []
  timed!: KeyValueStore<string, number>
  windows!: ReadonlyMap<string, WindowStore<string, number>>

  constructor() {
    this.attach()
  }

  attach(): void {
    const { state } = this.harness
    state.clock.advanceEvent(this.nowMs)
    this.timed = new KeyValueStore(state.store('timed'))
    this.windows = new Map(['fixed', 'free'].map((name) => [name, new WindowStore(state.store(name))]))
  }

  /** Entries that have not ended, in order. */
  visible(reverse: boolean): [string, number][] {
    const all = [...this.model.timed].filter(([, { endsMs }]) => endsMs > this.nowMs)
    const sorted = all.map(([key, { value }]): [string, number] => [key, value]).toSorted(byName)
    return reverse ? sorted.toReversed() : sorted
  }

  openTimed(reverse: boolean): void {
    const expected = this.visible(reverse)
    const entries = this.timed.entries({ reverse })
    this.readers.push(() => {
      assert.deepEqual(
        [...entries].map(({ key, value }) => [key, value]),
        expected,
      )
    })
  }

  openWindows(store: string, key: string, from: number, to: number, reverse: boolean): void {
    const within = [...this.model.windows].filter(([name]) => {
      const [of, own, start] = name.split('|')
      return of === store && own === key && Number(start) >= from && Number(start) < to
    })
    const sorted = within.map(([name, value]): [number, number] => [Number(name.split('|')[2]), value])
    sorted.sort(([a], [b]) => (reverse ? b - a : a - b))
    const entries = (this.windows.get(store) as WindowStore<string, number>).fetch(key, from, to, { reverse })
    this.readers.push(() => {
      assert.deepEqual(
        [...entries].map(({ window, value }) => [window.start, value]),
        sorted,
      )
    })
  }

  putWindow(store: string, key: string, start: number, value: number | null): void {
    const ref = { start, end: start + 10 }
    const windows = this.windows.get(store) as WindowStore<string, number>
    if (value === null) {
      windows.delete(key, ref)
      this.model.windows.delete(windowName(store, key, start))
    } else {
      windows.put(key, ref, value)
      this.model.windows.set(windowName(store, key, start), value)
    }
  }

  commit(): void {
    const { state } = this.harness
    this.step(Infinity)
    const frozen = state.freeze(this.harness.committed + 1)
    const delta = state.delta(frozen)
    let step = delta.next()
    while (step.done !== true) step = delta.next()
    this.harness.decide(step.value)
    this.committed = copy(this.model)
    this.committedNowMs = this.nowMs
    this.work.push(state.commit(frozen))
  }

  step(count: number): void {
    for (let i = 0; i < count && this.work.length > 0; i++) {
      if ((this.work[0] as Generator).next().done === true) this.work.shift()
    }
  }

  /** Back to the last checkpoint, clock included. */
  reopen(): void {
    this.readers = []
    this.work = []
    this.harness.open()
    this.model = copy(this.committed)
    this.nowMs = this.committedNowMs
    this.attach()
  }

  check(): void {
    const visible = this.visible(false)
    assert.deepEqual(
      [...this.timed.entries()].map(({ key, value }) => [key, value]),
      visible,
    )
    assert.equal(this.timed.approximateCount(), visible.length)
    const seen = new Map(visible)
    for (const key of KEYS) assert.equal(this.timed.get(key), seen.get(key))
    for (const [name, windows] of this.windows) {
      const all = [...windows.all()].map(({ key, window, value }) => [windowName(name, key, window.start), value])
      const expected = [...this.model.windows].filter(([entry]) => entry.startsWith(`${name}|`))
      assert.deepEqual(all.toSorted(byName as never), expected.toSorted(byName))
    }
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

const key = fc.constantFrom(...KEYS)
const store = fc.constantFrom('fixed', 'free')
const start = fc.nat(30).map((n) => n * 7)
const operations = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(key, fc.nat(9)).map(([k, n]) => (pair: Pair) => {
        pair.timed.put(k, n)
        pair.model.timed.set(k, { value: n, endsMs: pair.nowMs + DURATION_MS })
      }),
    },
    {
      weight: 2,
      arbitrary: key.map((k) => (pair: Pair) => {
        pair.timed.delete(k)
        pair.model.timed.delete(k)
      }),
    },
    {
      weight: 8,
      arbitrary: fc.tuple(store, key, start, fc.option(fc.nat(9), { freq: 4 })).map(
        ([name, k, at, n]) =>
          (pair: Pair) =>
            pair.putWindow(name, k, at, n),
      ),
    },
    {
      weight: 3,
      arbitrary: fc.nat(60).map((ms) => (pair: Pair) => {
        pair.nowMs += ms
        pair.harness.state.clock.advanceEvent(pair.nowMs)
      }),
    },
    { weight: 2, arbitrary: fc.nat(5).map((n) => (pair: Pair) => void pair.harness.state.expire(n)) },
    { weight: 3, arbitrary: fc.constant((pair: Pair) => pair.commit()) },
    {
      weight: 2,
      arbitrary: fc.constant((pair: Pair) => {
        pair.step(Infinity)
        pair.work.push(pair.harness.state.flush())
      }),
    },
    { weight: 4, arbitrary: fc.nat(8).map((n) => (pair: Pair) => pair.step(n)) },
    { weight: 1, arbitrary: fc.constant((pair: Pair) => pair.reopen()) },
    { weight: 2, arbitrary: fc.boolean().map((reverse) => (pair: Pair) => pair.openTimed(reverse)) },
    {
      weight: 4,
      arbitrary: fc.tuple(store, key, start, start, fc.boolean()).map(
        ([name, k, from, length, reverse]) =>
          (pair: Pair) =>
            pair.openWindows(name, k, from, from + length, reverse),
      ),
    },
    { weight: 2, arbitrary: fc.constant((pair: Pair) => pair.readers.shift()?.()) },
    { weight: 1, arbitrary: fc.constant((pair: Pair) => pair.check()) },
  ),
  { maxLength: 120, size: 'max' },
)

test('S1 S2: entries with a TTL and windows look like maps through commits, flushes, restarts and removals; ranges are stable', () => {
  fc.assert(
    fc.property(operations, (list) => {
      const pair = new Pair()
      for (const operation of list) operation(pair)
      pair.check()
      for (const read of pair.readers) read()
      pair.step(Infinity)
      pair.check()
    }),
    { numRuns: 300 },
  )
})
