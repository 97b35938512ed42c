import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import { deltasOf } from '../../src/runtime/state-deltas.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { string } from '../../src/serde/string.ts'
import { DeltaReader } from '../../src/store/delta-reader.ts'
import { dataShape, describe } from '../../src/store/descriptor.ts'
import type { StoreDescriptor } from '../../src/store/types.ts'
import { type Change, key, newCache, sortedStore } from '../lsm/support.ts'
import { kvSpec } from '../store/harness.ts'

const OLD = describe(kvSpec('a', string(), bytes()))
/** A later version of the values of store a, as a base knows it, and another store. */
const GENERATIONS: readonly StoreDescriptor[] = [
  OLD,
  { ...OLD, name: 'a~2', of: 'a', valueVersion: 2 },
  describe(kvSpec('b', string(), bytes())),
]

const change = fc.record({
  key: fc.integer({ min: 0, max: 60 }).map((n) => key(`k${n}`)),
  value: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null }),
})
const writes = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), fc.array(change, { maxLength: 40 })), { maxLength: 6 })

test('the deltas of sorted files have every entry once, by store and form, older forms first, in sizes that are bounded', async () => {
  await fc.assert(
    fc.asyncProperty(writes, fc.integer({ min: 1, max: 1000 }), async (made, batchBytes) => {
      const disk = new MemDisk()
      const base = openLsmBase({ disk, directory: '/from', cache: newCache() })
      const model = new Map<string, string>()
      let id = 0
      for (const [generation, changes] of made) {
        const { name } = GENERATIONS[generation] as StoreDescriptor
        const newest = new Map<string, Change>(changes.map((each) => [text(each.key), each]))
        await runWaiting(base.write(++id, GENERATIONS, [sortedStore(name, [...newest.values()])]))
        for (const [at, { value }] of newest) {
          if (value === null) model.delete(`${generation} ${at}`)
          else model.set(`${generation} ${at}`, text(value))
        }
      }
      base.close()
      const found = new Map<string, string>()
      const order: number[] = []
      let last = 6
      for (const delta of deltasOf({ disk, directory: '/from', firstId: 7, batchBytes })) {
        assert.equal(delta.id, ++last, 'ids follow one another')
        const reader = new DeltaReader('a task', delta)
        assert.equal(reader.previous, last === 7 ? 0 : last - 1)
        assert.ok(delta.bytes.length < batchBytes + 500)
        let generation = -1
        reader.visit({
          store(descriptor) {
            const shape = dataShape(descriptor)
            assert.match(descriptor.name, /^[ab]$/, 'stores go by their own names')
            generation = GENERATIONS.findIndex(
              (each) => (each.of ?? each.name) === descriptor.name && dataShape(each) === shape,
            )
            order.push(generation)
          },
          entry(from, keyStart, keyEnd, valueStart, valueEnd) {
            const at = `${generation} ${text(from.subarray(keyStart, keyEnd))}`
            assert.ok(!found.has(at) && valueStart >= 0)
            found.set(at, text(from.subarray(valueStart, valueEnd)))
          },
        })
      }
      assert.deepEqual(
        order,
        order.toSorted((a, b) => a - b),
      )
      assert.deepEqual(Object.fromEntries(found), Object.fromEntries(model))
    }),
    { numRuns: 60 },
  )
})

function text(from: Uint8Array): string {
  return Buffer.from(from).toString('latin1')
}
