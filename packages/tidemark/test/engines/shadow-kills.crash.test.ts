import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { openTaskBase, openTaskBaseForReading } from '../../src/engines/open-task-base.ts'
import { shadowDirectory } from '../../src/engines/placement.ts'
import { SHADOW_FAILPOINTS } from '../../src/engines/shadow-failpoints.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { readManifest } from '../../src/lsm/manifest.ts'
import { retainedIds } from '../../src/lsm/retained.ts'
import type { Base } from '../../src/store/types.ts'
import { BaseModel, scanBase } from '../../src/testing/base-model.ts'
import { fewChangesOf } from './fixtures/changes.ts'
import { type Death, runUntilDeath } from './fixtures/run-until-death.ts'
import { Places } from './places.ts'

const CHILD = fileURLToPath(new URL('./fixtures/shadow-child.ts', import.meta.url))
const ENGINES = ['rocksdb', 'leveldb', 'lmdb', 'several'] as const
/** An engine is filled from its shadow only where it was lost: see the last test. */
const POINTS = [
  ...SHADOW_FAILPOINTS.filter((name) => !name.includes('import')),
  'engine-before-commit',
  'engine-after-commit',
  'retain-before-file',
  'release-before-remove',
] as const

const places = new Places()
after(() => places.remove())

function newCache(): BlockCache {
  return new BlockCache({ capacityBytes: 256 * 1024, poisons: true })
}

interface Known {
  readonly model: BaseModel
  /** Its entries, a line each. */
  readonly text: string
}

/** By checkpoint: all engines pass through the same ones. */
const known = new Map<number, Known>([[0, { model: new BaseModel(), text: '' }]])

function textAt(id: number): string {
  const there = known.get(id)
  if (there !== undefined) return there.text
  const from = Math.max(...[...known.keys()].filter((each) => each < id))
  const model = (known.get(from) as Known).model.copy()
  for (let each = from + 1; each <= id; each++) {
    for (const store of ['a', 'b']) model.apply(store, fewChangesOf(each, store))
  }
  const text = ['a', 'b'].flatMap((store) => model.scan(store).map(([key, value]) => `${key}:${value}`)).join('\n')
  known.set(id, { model, text })
  return text
}

function assertAt(base: Base, id: number, what: string): void {
  try {
    const text = ['a', 'b']
      .flatMap((store) => scanBase(base, store).map(([key, value]) => `${key}:${value}`))
      .join('\n')
    const expected = textAt(id)
    if (text === expected) return
    const at = expected.split('\n').findIndex((line, i) => line !== text.split('\n')[i])
    assert.fail(`${what}: entry ${at} of checkpoint ${id} is ${text.split('\n')[at]}, not ${expected.split('\n')[at]}`)
  } finally {
    base.close()
  }
}

/** Engines, shadow and what is kept are each the state of a checkpoint, whole; the engines' id. */
async function checkAfter(engine: string, directory: string, ended: number, begun: number): Promise<number> {
  const base = await openTaskBaseForReading({ disk: nodeDisk, directory, cache: newCache() })
  const { id } = base
  assert.ok(id >= Math.min(ended, begun) - 1 && id <= begun, `${engine} is at ${id}; ended ${ended}, begun ${begun}`)
  // Of several engines one may be ahead of the other: the deltas make that good.
  if (engine === 'several') base.close()
  else assertAt(base, id, `${engine} after its death`)
  const shadow = shadowDirectory(directory)
  const shadowId = readManifest(nodeDisk, shadow)?.id ?? 0
  if (shadowId > 0) {
    assert.ok(shadowId >= id && shadowId <= begun, `the shadow is at ${shadowId}, ${engine} at ${id}`)
    const there = openLsmBase({ disk: nodeDisk, directory: shadow, cache: newCache(), readOnly: true })
    assertAt(there, shadowId, `the shadow of ${engine}, at ${shadowId} (K6)`)
  }
  for (const checkpoint of retainedIds(nodeDisk, shadow)) {
    const kept = openLsmBase({ disk: nodeDisk, directory: shadow, cache: newCache(), readOnly: true, checkpoint })
    assertAt(kept, checkpoint, `checkpoint ${checkpoint} of ${engine} (C5)`)
  }
  await enginesClosed()
  return id
}

/** Every second point, so that each comes twice over all engines, and two at any moment. */
function deathsOf(engine: (typeof ENGINES)[number]): Death[] {
  const own = POINTS.filter((_, i) => i % 2 === ENGINES.indexOf(engine) % 2)
  const deaths: Death[] = own.map((failpoint, i) => ({ failpoint, count: 1 + (i % 2) }))
  return [...deaths, { afterMs: 70 }, { afterMs: 130 }]
}

async function killAgainAndAgain(engine: (typeof ENGINES)[number]): Promise<number> {
  const directory = places.place()
  let id = 0
  let kills = 0
  for (const death of deathsOf(engine)) {
    const { ended, begun } = await runUntilDeath(CHILD, [engine, directory], death)
    kills++
    id = await checkAfter(engine, directory, Number.isNaN(ended) ? id : ended, Number.isNaN(begun) ? id : begun)
  }
  assert.ok(id > 5, `${engine} got on between its deaths, to ${id}`)
  return kills
}

test('C1, C5, C6, K6: killed at the steps of shadow and engine, each is at a checkpoint, whole', {
  concurrency: true,
}, async (t) => {
  let kills = 0
  const one = async (engine: (typeof ENGINES)[number]): Promise<void> => {
    const own = await killAgainAndAgain(engine)
    kills += own
  }
  await Promise.all(ENGINES.map((engine) => t.test(engine, () => one(engine))))
  assert.equal(kills, ENGINES.length * (POINTS.length / 2 + 2))
  t.diagnostic(`${kills} kills`)
})

test('C8: killed while a lost engine is filled from its shadow: the next start fills it', {
  concurrency: true,
}, async (t) => {
  for (const engine of ENGINES) {
    await t.test(engine, async () => {
      const directory = places.place()
      await runUntilDeath(CHILD, [engine, directory], { failpoint: 'shadow-after-write', count: 5 })
      const shadowId = readManifest(nodeDisk, shadowDirectory(directory))?.id as number
      assert.equal(shadowId, 5)
      for (const failpoint of ['shadow-after-import-batch', 'shadow-before-import-end'] as const) {
        const lost = engine === 'several' ? 'lmdb' : engine
        rmSync(join(directory, lost), { recursive: true })
        await runUntilDeath(CHILD, [engine, directory], { failpoint, count: 1 })
      }
      const options = { disk: nodeDisk, directory, cache: newCache(), stores: ['a', 'b'], shadow: 'follow' as const }
      const choice = engine === 'several' ? { engine: 'rocksdb', stores: { b: 'lmdb' } } : { engine, stores: {} }
      const base = await openTaskBase({ ...options, choice })
      if (engine === 'several') assert.ok(base.id >= 4)
      else assert.equal(base.id, 5)
      if (engine === 'several') base.close()
      else assertAt(base, 5, `${engine}, filled`)
      await enginesClosed()
    })
  }
})
