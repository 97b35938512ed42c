import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openEngine } from '../../src/engines/engine.ts'
import { type Engine, ENGINES } from '../../src/engines/registry.ts'
import { NATIVE_FAILPOINTS } from '../../src/engines/native-base.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { LSM_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import { BaseModel } from '../../src/testing/base-model.ts'
import { assertSame } from '../../src/testing/conformance-bench.ts'
import { THOROUGH } from '../thorough.ts'
import { changesOf } from './fixtures/changes.ts'
import { type Death, runUntilDeath, type Said } from './fixtures/run-until-death.ts'
import { Places } from './places.ts'

const CHILD = fileURLToPath(new URL('./fixtures/crash-child.ts', import.meta.url))
/** Of each engine, at the least. */
const KILLS = THOROUGH ? 40 : 10

/** `memory` writes by the code of `lsm`, into the same files. */
const KILLED = ENGINES.filter((engine) => engine !== 'memory')

const places = new Places()
after(() => places.remove())

/** Deaths at every failpoint of the engine, and at moments spread over some writes. */
function deathsOf(engine: Engine): Death[] {
  const failpoints: readonly string[] = engine === 'lsm' || engine === 'memory' ? LSM_FAILPOINTS : NATIVE_FAILPOINTS
  const deaths: Death[] = failpoints.flatMap((failpoint) => [1, 2].map((count) => ({ failpoint, count })))
  for (let i = 0; deaths.length < KILLS; i++) deaths.push({ afterMs: (i * 37) % 150 })
  return deaths
}

async function checkAfter(
  engine: Engine,
  directory: string,
  model: BaseModel,
  from: number,
  said: Said,
): Promise<number> {
  const base = await openEngine(engine, {
    disk: nodeDisk,
    directory,
    cache: new BlockCache({ capacityBytes: 256 * 1024, poisons: true }),
  })
  try {
    const { id } = base
    const begun = Number.isNaN(said.begun) ? from : said.begun
    const ended = Number.isNaN(said.ended) ? from : said.ended
    assert.ok(id === ended || id === begun, `at id ${id}; ended ${ended}, begun ${begun}`)
    for (let each = from + 1; each <= id; each++) {
      for (const store of ['a', 'b']) model.apply(store, changesOf(each, store))
    }
    assertSame(base, model, `${engine} after its death`)
    return id
  } finally {
    base.close()
    // The next child is another process: it finds the directory locked until then.
    await enginesClosed()
  }
}

async function killAgainAndAgain(engine: Engine): Promise<void> {
  const directory = places.place()
  const model = new BaseModel()
  let id = 0
  for (const death of deathsOf(engine)) {
    const said = await runUntilDeath(CHILD, [engine, directory], death)
    id = await checkAfter(engine, directory, model, id, said)
  }
  assert.ok(id > 5, `${engine} got on between its deaths, to ${id}`)
}

test(`C1, C6: killed ${KILLS} times at failpoints and at any moment, each engine is at a checkpoint, whole`, {
  concurrency: true,
}, async (t) => {
  await Promise.all(KILLED.map((engine) => t.test(engine, () => killAgainAndAgain(engine))))
})
