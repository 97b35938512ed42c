import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { counter, list, session, set, versioned } from '../../src/api/store-def.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { json } from '../../src/serde/json.ts'
import { int32, int64 } from '../../src/serde/numbers.ts'
import { string } from '../../src/serde/string.ts'
import { CounterStore } from '../../src/store/counter-store.ts'
import { decodedEntries } from '../../src/store/entry-decoder.ts'
import { ListStore } from '../../src/store/list-store.ts'
import { SessionStore } from '../../src/store/session-store.ts'
import { SetStore } from '../../src/store/set-store.ts'
import type { RawStore, StoreSpec } from '../../src/store/types.ts'
import { VersionedStore } from '../../src/store/versioned-store.ts'
import { drain, Harness } from './harness.ts'

/** Keys whose encoded forms begin as others do, and hold zeros: what the escapes of entry keys are for. */
const KEYS = ['', 'a', 'a\0', 'a\0\u0001', 'ab', 'b']
const key = fc.constantFrom(...KEYS)

/** What may happen between two calls; `reopen` loses nothing that was committed, and everything else. */
const event = fc.constantFrom('commit' as const, 'flush' as const, 'reopen' as const)

/** Runs calls against a store and its model, with commits, flushes and restarts between them. */
function runAgainst<Call, Model>(
  spec: StoreSpec,
  calls: readonly (Call | 'commit' | 'flush' | 'reopen')[],
  model: Model,
  copy: (model: Model) => Model,
  apply: (raw: RawStore, model: Model, call: Call) => void,
  check: (raw: RawStore, model: Model, harness: Harness) => void,
): void {
  const harness = new Harness([spec])
  let live = model
  let committed = copy(model)
  const raw = (): RawStore => harness.state.store(spec.name)
  for (const call of calls) {
    if (call === 'commit') {
      harness.commit()
      committed = copy(live)
    } else if (call === 'flush') {
      drain(harness.state.flush())
      harness.forgetFlushed()
    } else if (call === 'reopen') {
      harness.open()
      live = copy(committed)
    } else apply(raw(), live, call)
    check(raw(), live, harness)
  }
  harness.commit()
  harness.open()
  check(raw(), live, harness)
}

function specOf(def: unknown): StoreSpec {
  return def as StoreSpec
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

test('lists are as arrays, through commits, flushes and restarts', () => {
  const lists = specOf(list('lists', { key: string(), value: json<{ n: number }>() }))
  const call = fc.oneof(
    fc.record({ op: fc.constant('append' as const), key, n: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ op: fc.constant('trim' as const), key, n: fc.integer({ min: 0, max: 5 }) }),
  )
  let next = 0
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: call }, event), { maxLength: 30 }), (calls) => {
      runAgainst(
        lists,
        calls,
        new Map<string, { n: number }[]>(),
        (model) => new Map([...model].map(([k, values]) => [k, [...values]])),
        (raw, model, { op, key: k, n }) => {
          const store = new ListStore<string, { n: number }>(raw)
          const values = model.get(k) ?? []
          if (op === 'append') {
            const added = Array.from({ length: n }, () => ({ n: next++ }))
            values.push(...added)
            assert.equal(store.append(k, ...added), values.length)
          } else assert.equal(store.trim(k, n), values.splice(0, Math.max(0, values.length - n)).length)
          model.set(k, values)
        },
        (raw, model) => {
          const store = new ListStore<string, { n: number }>(raw)
          for (const k of KEYS) {
            const values = model.get(k) ?? []
            assert.deepEqual(store.slice(k), values)
            assert.equal(store.length(k), values.length)
            for (const [from, to] of [[1, 3], [-2], [0, -1]] as const) {
              assert.deepEqual(store.slice(k, from, to), values.slice(from, to))
            }
            for (const index of [0, 1, -1, 7]) assert.deepEqual(store.get(k, index), values.at(index))
          }
          const all = [...model]
            .toSorted(([a], [b]) => byBytes(a, b))
            .flatMap(([k, values]) => values.map((value, index) => ({ key: k, index, value })))
          assert.deepEqual([...store.all()], all)
          assert.deepEqual([...store.all({ reverse: true })], all.toReversed())
        },
      )
    }),
    { numRuns: 150 },
  )
})

test('sets are as sets, through commits, flushes and restarts', () => {
  const sets = specOf(set('sets', { key: string(), value: string() }))
  const member = fc.constantFrom('', '\0', 'x', 'xy', 'y')
  const call = fc.record({ op: fc.constantFrom('add' as const, 'delete' as const, 'clear' as const), key, member })
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: call }, event), { maxLength: 40 }), (calls) => {
      runAgainst(
        sets,
        calls,
        new Map<string, Set<string>>(),
        (model) => new Map([...model].map(([k, values]) => [k, new Set(values)])),
        (raw, model, { op, key: k, member: m }) => {
          const store = new SetStore<string, string>(raw)
          const values = model.get(k) ?? new Set()
          model.set(k, values)
          if (op === 'add') assert.equal(store.add(k, m), !values.has(m) && values.add(m).has(m))
          else if (op === 'delete') assert.equal(store.delete(k, m), values.delete(m))
          else {
            store.clear(k)
            values.clear()
          }
        },
        (raw, model) => {
          const store = new SetStore<string, string>(raw)
          for (const k of KEYS) {
            const values = [...(model.get(k) ?? [])].toSorted(byBytes)
            assert.deepEqual([...store.values(k)], values)
            assert.deepEqual([...store.values(k, { reverse: true, limit: 2 })], values.toReversed().slice(0, 2))
            assert.equal(store.size(k), values.length)
            for (const m of ['', '\0', 'x', 'xy', 'y']) assert.equal(store.has(k, m), values.includes(m))
          }
          const all = [...model]
            .toSorted(([a], [b]) => byBytes(a, b))
            .flatMap(([k, v]) => [...v].toSorted(byBytes).map((value) => ({ key: k, value })))
          assert.deepEqual([...store.all()], all)
        },
      )
    }),
    { numRuns: 150 },
  )
})

test('counters count, in numbers and in bigints', () => {
  for (const big of [false, true]) {
    const def = big ? counter('c', { key: bytes(), value: int64() }) : counter('c', { key: bytes(), value: int32() })
    const call = fc.record({
      op: fc.constantFrom('add' as const, 'reset' as const),
      key: fc.constantFrom(0, 1, 2),
      by: fc.integer({ min: -5, max: 5 }),
    })
    const keyOf = (n: number): Uint8Array => Uint8Array.of(n)
    const num = (n: number): number | bigint => (big ? BigInt(n) : n)
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: call }, event), { maxLength: 30 }), (calls) => {
        runAgainst(
          specOf(def),
          calls,
          new Map<number, number>(),
          (model) => new Map(model),
          (raw, model, { op, key: k, by }) => {
            const store = new CounterStore<Uint8Array, number | bigint>(raw)
            if (op === 'reset') {
              store.reset(keyOf(k))
              model.delete(k)
              return
            }
            model.set(k, (model.get(k) ?? 0) + by)
            assert.equal(store.add(keyOf(k), num(by)), num(model.get(k) as number))
          },
          (raw, model) => {
            const store = new CounterStore<Uint8Array, number | bigint>(raw)
            for (const k of [0, 1, 2]) assert.equal(store.get(keyOf(k)), num(model.get(k) ?? 0))
            assert.deepEqual(
              [...store.entries()].map(({ key: k, value }) => [k[0], value]),
              [...model].toSorted(([a], [b]) => a - b).map(([k, n]) => [k, num(n)]),
            )
          },
        )
      }),
      { numRuns: 80 },
    )
  }
})

test('versioned stores answer as of any time of their history, and forget what is before it', () => {
  const HISTORY = 10
  const def = specOf(versioned('v', { key: string(), value: json<{ n: number }>(), history: HISTORY }))
  const call = fc.record({ key, atMs: fc.integer({ min: 0, max: 40 }), present: fc.boolean() })
  let next = 0
  type Versions = Map<number, { n: number } | undefined>
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: call }, event), { maxLength: 30 }), (calls) => {
      runAgainst(
        def,
        calls,
        new Map<string, Versions>(),
        (model) => new Map([...model].map(([k, versions]) => [k, new Map(versions)])),
        (raw, model, { key: k, atMs, present }) => {
          const store = new VersionedStore<string, { n: number }>(raw)
          const versions = model.get(k) ?? new Map()
          model.set(k, versions)
          const value = present ? { n: next++ } : undefined
          const fromMs = Math.max(atMs, ...versions.keys()) - HISTORY
          const holds = Math.max(Number.NEGATIVE_INFINITY, ...[...versions.keys(), atMs].filter((at) => at <= fromMs))
          const taken = atMs >= holds
          assert.equal(value === undefined ? store.delete(k, atMs) : store.put(k, value, atMs), taken)
          if (taken) versions.set(atMs, value)
          for (const at of versions.keys()) if (at < holds) versions.delete(at)
        },
        (raw, model, harness) => {
          const store = new VersionedStore<string, { n: number }>(raw)
          const all: unknown[] = []
          for (const k of KEYS.toSorted(byBytes)) {
            const versions = [...(model.get(k) ?? [])].toSorted(([a], [b]) => a - b)
            const asOf = (ms: number): unknown => versions.findLast(([at]) => at <= ms)?.[1]
            assert.deepEqual(store.get(k), asOf(Number.POSITIVE_INFINITY))
            for (const ms of [-1, 0, 7, 15, 22, 31, 50]) assert.deepEqual(store.getAsOf(k, ms), asOf(ms))
            const own = versions.map(([atMs, value]) => ({ key: k, atMs, value }))
            assert.deepEqual([...store.history(k)], own)
            assert.deepEqual(
              [...store.history(k, 5, 20, { reverse: true, limit: 3 })],
              own
                .filter(({ atMs }) => atMs >= 5 && atMs < 20)
                .toReversed()
                .slice(0, 3),
            )
            all.push(...own)
          }
          assert.deepEqual([...store.all()], all)
          if (!harness.state.dirty) {
            const shown = (all as { value: unknown }[]).map((entry) => ({ ...entry, value: entry.value ?? null }))
            assert.deepEqual([...decodedEntries(harness.state.store(def.name))], shown)
          }
        },
      )
    }),
    { numRuns: 150 },
  )
})

test('sessions of a key never overlap, and events closer than the gap are in one', () => {
  const GAP = 5
  const def = specOf(session('s', { key: string(), value: json<number[]>(), gap: GAP, retention: 'forever' }))
  const call = fc.record({
    op: fc.constantFrom('merge' as const, 'merge' as const, 'remove' as const),
    key,
    atMs: fc.integer({ min: -30, max: 60 }),
  })
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: call }, event), { maxLength: 40 }), (calls) => {
      runAgainst(
        def,
        calls,
        // The times of the events, by key: sessions follow from them.
        new Map<string, number[]>(),
        (model) => new Map([...model].map(([k, times]) => [k, [...times]])),
        (raw, model, { op, key: k, atMs }) => {
          const store = new SessionStore<string, number[]>(raw)
          const times = model.get(k) ?? []
          if (op === 'merge') {
            model.set(
              k,
              [...times, atMs].toSorted((a, b) => a - b),
            )
            store.merge(k, atMs, (parts) => [...parts.flatMap(({ value }) => value), atMs].toSorted((a, b) => a - b))
            return
          }
          const gone = sessionsOf(times, GAP).find(({ window }) => window.start <= atMs && atMs < window.end)
          if (gone === undefined) return
          store.remove(k, gone.window)
          model.set(
            k,
            times.filter((time) => time < gone.window.start || time >= gone.window.end),
          )
        },
        (raw, model) => {
          const store = new SessionStore<string, number[]>(raw)
          for (const k of KEYS) {
            const own = sessionsOf(model.get(k) ?? [], GAP).map((each) => ({ key: k, ...each }))
            assert.deepEqual([...store.fetch(k)], own)
            assert.deepEqual([...store.fetch(k, { reverse: true })], own.toReversed())
            for (const { window, value } of own) assert.deepEqual(store.get(k, window), value)
            for (const [from, to] of [
              [-100, 100],
              [0, 1],
              [7, 20],
              [-30, -10],
              [13, 13],
            ] as const) {
              const found = own.filter(({ window }) => window.start < to && window.end > from)
              assert.deepEqual([...store.findSessions(k, from, to)], found)
            }
          }
        },
      )
    }),
    { numRuns: 150 },
  )
})

function sessionsOf(
  times: readonly number[],
  gap: number,
): { window: { start: number; end: number }; value: number[] }[] {
  const sessions: { window: { start: number; end: number }; value: number[] }[] = []
  for (const time of times) {
    const last = sessions.at(-1)
    if (last !== undefined && time <= last.window.end) {
      last.window.end = time + gap
      last.value.push(time)
    } else sessions.push({ window: { start: time, end: time + gap }, value: [time] })
  }
  return sessions
}
