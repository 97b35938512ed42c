import assert from 'node:assert/strict'
import type { Base } from '../store/types.ts'
import {
  assertDescriptors,
  assertSame,
  type CaseBody,
  DESCRIPTORS,
  descriptor,
  someChanges,
  write,
  writing,
} from './conformance-bench.ts'
import { BaseModel, bytesOf, type Change, scanBase, settle, sortedChanges } from './base-model.ts'

/** What a base may hold when a write was cut off: its id says which (C1). */
function assertOldOrNew(base: Base, old: BaseModel, oldId: number, changes: readonly Change[], when: string): void {
  assert.ok(base.id === oldId || base.id === oldId + 1, `${when}: id ${base.id}`)
  const expected = old.copy()
  if (base.id > oldId) expected.apply('a', changes)
  assertSame(base, expected, `${when}, at id ${base.id}`)
}

export const CRASH_CASES: Readonly<Record<string, CaseBody>> = {
  'C1: closed and opened again, it is as it was': async (bench) => {
    const place = bench.under.place()
    const model = new BaseModel()
    let base = await bench.open(place)
    await write(base, model, 7, someChanges(400, 1), someChanges(10, 2))
    base.close()
    base = await bench.open(place)
    assert.equal(base.id, 7)
    assertDescriptors(base, DESCRIPTORS)
    assertSame(base, model, 'opened again')
    await write(base, model, 8, someChanges(400, 3, 2))
    base.close()
    base = await bench.open(place)
    assert.equal(base.id, 8)
    assertSame(base, model, 'and again')
  },

  'C1: a write without entries moves the id and the descriptors': async (bench) => {
    const place = bench.under.place()
    const model = new BaseModel()
    let base = await bench.open(place)
    await write(base, model, 1, someChanges(10, 1))
    const later = [...DESCRIPTORS, descriptor('c')]
    await settle(base.write(5, later, []))
    assert.equal(base.id, 5)
    base.close()
    base = await bench.open(place)
    assert.equal(base.id, 5)
    assertDescriptors(base, later)
    assertSame(base, model, 'the entries stay')
  },

  'C6: what a write has ended is there after the death of the process': async (bench) => {
    const { under } = bench
    const place = under.place()
    const base = await bench.open(place)
    const model = new BaseModel()
    for (let id = 1; id <= 6; id++) {
      await write(base, model, id, someChanges(300, id, 1 + id), someChanges(5, id))
      const left = await bench.open(await under.crash(place))
      assert.equal(left.id, id)
      assertSame(left, model, `after the death at ${id}`)
    }
  },

  'C6: a write that is given up after any step leaves the old state or the new one': async (bench) => {
    const { under } = bench
    for (const steps of [0, 1, 2, 3, 5, 8, 13, 40]) {
      const place = under.place()
      const old = new BaseModel()
      const base = await bench.open(place)
      await write(base, old, 1, someChanges(1500, 1))
      const changes = someChanges(1500, 2, 3)
      const ended = await settle(writing(base, 2, changes), steps)
      assertOldOrNew(await bench.open(await under.crash(place)), old, 1, changes, `died after ${steps} steps`)
      base.close()
      const again = await bench.open(place)
      assertOldOrNew(again, old, 1, changes, `given up after ${steps} steps`)
      if (ended) assert.equal(again.id, 2)
      // What was given up is written again, as a flush does.
      const model = old.copy()
      await write(again, model, 3, changes)
      assertSame(again, model, 'written again')
    }
  },

  'C1: between two steps of a write a reader sees the state of the id': async (bench) => {
    const base = await bench.open(bench.under.place())
    const old = new BaseModel()
    await write(base, old, 1, someChanges(1200, 1))
    const changes = someChanges(1200, 2, 4)
    const next = old.copy()
    next.apply('a', changes)
    const steps = writing(base, 2, changes)
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      await step.value
      const expected = base.id === 2 ? next : old
      assert.deepEqual(scanBase(base, 'a', { limit: 40 }), expected.scan('a', { limit: 40 }))
    }
    assert.equal(base.id, 2)
    assertSame(base, next, 'at its end')
  },

  'C6: entries that cannot be read leave the old state': async (bench) => {
    const place = bench.under.place()
    const old = new BaseModel()
    const base = await bench.open(place)
    await write(base, old, 1, someChanges(500, 1))
    const store = sortedChanges('a', someChanges(2000, 2))
    let left = 1000
    const broken = {
      ...store,
      cursor: new Proxy(store.cursor, {
        get: (cursor, name) => {
          if (name !== 'next') return Reflect.get(cursor, name, cursor) as unknown
          if (left-- === 0) throw new RangeError('the value cannot be encoded')
          return () => cursor.next()
        },
      }),
    }
    await assert.rejects(settle(base.write(2, DESCRIPTORS, [broken])))
    assertSame(base, old, 'it can still be read')
    base.close()
    const again = await bench.open(place)
    assert.equal(again.id, 1)
    assertSame(again, old, 'opened again')
    const model = old.copy()
    await write(again, model, 2, someChanges(100, 3))
    assertSame(again, model, 'and written')
  },

  'a reader beside the owner sees what is durable, and changes nothing': async (bench) => {
    const { under } = bench
    const place = under.place()
    const nothing = await bench.open(place, true)
    assert.equal(nothing.id, 0)
    assert.deepEqual(scanBase(nothing, 'a'), [])
    const base = await bench.open(place)
    const model = new BaseModel()
    for (let id = 1; id <= 3; id++) {
      await write(base, model, id, someChanges(800, id, 1 + id))
      const reader = await bench.open(place, true)
      assert.equal(reader.id, id)
      assertDescriptors(reader, DESCRIPTORS)
      assertSame(reader, model, 'beside the owner')
      await assert.rejects(
        async () => settle(reader.write(id + 1, [], [])),
        Error,
        'a readOnly base that is written to throws',
      )
      const seen = model.copy()
      await write(base, model, id, [{ key: bytesOf(`more ${id}`), value: bytesOf('x') }])
      assert.deepEqual(scanBase(reader, 'b'), seen.scan('b'))
      reader.close()
    }
    assertSame(base, model, 'the owner')
  },
}
