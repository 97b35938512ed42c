import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { importFiles } from '../../src/engines/import-files.ts'
import { keptInFiles } from '../../src/engines/placement.ts'
import { openTaskBase, openTaskBaseForReading } from '../../src/engines/open-task-base.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import type { EngineChoice } from '../../src/engines/placement.ts'
import { exportBase } from '../../src/lsm/export-base.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { string } from '../../src/serde/string.ts'
import { describe as descriptorOf } from '../../src/store/descriptor.ts'
import { ALL, applyTo, type Change, expectSame, key, type Model, newCache, sortedStore } from '../lsm/support.ts'
import { kvSpec } from '../store/harness.ts'
import { Places } from './places.ts'

const places = new Places()
after(() => places.remove())

const DESCRIPTORS = ['a', 'b'].map((name) => descriptorOf(kvSpec(name, string(), bytes())))
const CHANGES: readonly Change[] = Array.from({ length: 2000 }, (_, i) => ({
  key: key(`k${i}`),
  value: i % 7 === 0 ? null : key(`value ${i} `.repeat(1 + (i % 9))),
}))

async function source(): Promise<{ readonly from: string; readonly model: Model }> {
  const from = places.place()
  const base = openLsmBase({ disk: nodeDisk, directory: from, cache: newCache() })
  const model: Model = new Map()
  const half = CHANGES.slice(0, 1200).map((change) => ({ ...change, value: key('old') }))
  for (const [id, changes] of [half, CHANGES].entries()) {
    await runWaiting(
      base.write(id + 1, DESCRIPTORS, [sortedStore('a', changes), sortedStore('b', changes.slice(0, 50))]),
    )
    applyTo(model, changes)
  }
  base.close()
  return { from, model }
}

const CHOICES: readonly EngineChoice[] = [
  { engine: 'rocksdb', stores: {} },
  { engine: 'leveldb', stores: {} },
  { engine: 'lmdb', stores: {} },
  { engine: 'lsm', stores: { a: 'rocksdb' } },
  { engine: 'memory', stores: { a: 'lsm' } },
]

for (const choice of CHOICES) {
  const name = `${choice.engine} ${JSON.stringify(choice.stores)}`
  test(`C8: files are imported in bounded writes, all or nothing, and come out again by export: ${name}`, async () => {
    const { from, model } = await source()
    const options = { disk: nodeDisk, from, cache: newCache(), choice, stores: ['a', 'b'], id: 9, batchBytes: 20_000 }
    let batches = 0
    const cutOff = places.place()
    const stopped = importFiles({
      ...options,
      directory: cutOff,
      onBatch: () => {
        if (++batches === 5) throw new Error('stopped')
      },
    })
    await assert.rejects(stopped, /stopped/)
    await enginesClosed()
    const half = await openTaskBaseForReading({ disk: nodeDisk, directory: cutOff, cache: newCache() })
    assert.equal(half.id, 0, 'a part of it is the state of no checkpoint')
    half.close()

    const directory = places.place()
    batches = 0
    await importFiles({ ...options, directory, onBatch: () => batches++ })
    assert.ok(batches > 10, `${batches} writes`)
    const base = await openTaskBase({ disk: nodeDisk, directory, cache: newCache(), choice, stores: ['a', 'b'] })
    assert.equal(base.id, 9)
    assert.deepEqual(base.descriptors.map((each) => each.name).toSorted(), ['a', 'b'])
    expectSame(base, model)
    let own = 0
    for (const entries = base.scan('b', ALL); entries.next(); ) own++
    assert.equal(own, 42)
    const exported = places.place()
    await runWaiting(exportBase({ disk: nodeDisk, base, directory: exported, cache: newCache() }))
    base.close()
    const again = openLsmBase({ disk: nodeDisk, directory: exported, cache: newCache() })
    assert.equal(again.id, 9)
    expectSame(again, model)
    again.close()
    await enginesClosed()
  })
}

test('files need no import where all of a state is in the files of its own directory', () => {
  assert.ok(keptInFiles({ engine: 'lsm', stores: { a: 'lsm' } }, ['a']))
  assert.ok(keptInFiles({ engine: 'memory', stores: {} }, ['a']))
  assert.ok(!keptInFiles({ engine: 'lsm', stores: { a: 'memory' } }, ['a', 'b']))
  assert.ok(!keptInFiles({ engine: 'rocksdb', stores: {} }, []))
})
