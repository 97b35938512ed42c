import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import { type Engine, ENGINES } from '../../src/engines/registry.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { BaseLoader, BULK_STEPS } from '../../src/runtime/base-loader.ts'
import { BaseModel, bytesOf } from '../../src/testing/base-model.ts'
import { assertSame, DESCRIPTORS } from '../../src/testing/conformance-bench.ts'
import { Places, underTest } from '../engines/places.ts'

const places = new Places()
after(() => places.remove())

/** Loads entries in an order of their own into a base that has some already; what it should hold then. */
async function load(engine: Engine, directory: string, failpoint: (name: string) => void): Promise<BaseModel> {
  const base = await underTest(engine, places).open(directory, false)
  const random = seededRandom(7)
  const model = new BaseModel()
  const loader = new BaseLoader(base, failpoint, 10_000)
  assert.equal(loader.id, 0)
  try {
    for (let i = 0; i < 3000; i++) {
      const store = random() < 0.7 ? 'a' : 'b'
      const key = bytesOf(`key ${Math.floor(random() * 700)}`)
      const value = random() < 0.2 ? null : bytesOf(`value ${i}`)
      model.apply(store, [{ key, value }])
      const bytes = new Uint8Array([...key, ...(value ?? [])])
      loader.add(store, bytes, 0, key.length, value === null ? -1 : key.length, value === null ? -1 : bytes.length)
      if (loader.isFull) await loader.write(DESCRIPTORS)
    }
    assert.equal(base.id, 0, 'it is the state of no checkpoint yet')
    await loader.finish(42, DESCRIPTORS)
    assert.equal(base.id, 42)
    assertSame(base, model, engine)
  } finally {
    base.close()
    await enginesClosed()
  }
  return model
}

for (const engine of ENGINES) {
  test(`${engine} is loaded in chunks, out of order, and has it all when it is opened again`, async () => {
    const directory = places.place()
    const steps: string[] = []
    const model = await load(engine, directory, (step) => steps.push(step))
    assert.ok(steps.length > 5 && new Set(steps).size === BULK_STEPS.length, steps.join(', '))
    const base = await underTest(engine, places).open(directory, false)
    assert.equal(base.id, 42)
    assertSame(base, model, `${engine}, opened again`)
    base.close()
    await enginesClosed()
  })
}

test('loading again, after one that was broken off, gives the same', async () => {
  const directory = places.place()
  let chunks = 0
  const broken = load('lsm', directory, () => {
    if (++chunks === 3) throw new Error('broken off')
  })
  await assert.rejects(broken, /broken off/)
  await load('lsm', directory, () => {})
})
