import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import { THOROUGH } from '../thorough.ts'
import { readResults, type Results, runChild } from './fixtures/crash-harness.ts'
import {
  assertSame,
  checkAgainstBatch,
  firstFlights,
  JOB,
  options,
  root,
  STORES,
  STREAMS,
  summaryOf,
} from './fixtures/flights-crash.ts'

const KILLS = THOROUGH ? 40 : 6
const FLIGHTS = firstFlights(80_000)

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 anywhere (C1, C2, C3, C6)', () => {
  let whole: Results

  before(async () => {
    summaryOf(await runChild(JOB, options('whole', FLIGHTS)))
    whole = await readResults(join(root, 'whole'), STORES, STREAMS)
  })

  it('an undisturbed run gives what a plain batch computation gives', async () => {
    await checkAgainstBatch(whole, FLIGHTS)
  })

  it(`${KILLS} kills at random moments, then a run to the end: byte for byte the same`, async () => {
    const random = seededRandom(Number(process.env['TIDEMARK_SEED'] ?? 20131201))
    let kills = 0
    let finished = 0
    for (let attempt = 0; kills < KILLS; attempt++) {
      // A run that came to its end before its kill was not killed: a new directory, and on.
      const name = `killed-${finished}`
      const end = await runChild(JOB, options(name, FLIGHTS), { killAfterMs: 500 + Math.floor(random() * 1500) })
      if (end.signal === 'SIGKILL') kills++
      else {
        summaryOf(end)
        assertSame(await readResults(join(root, name), STORES, STREAMS), whole, `run ${name}`)
        rmSync(join(root, name), { recursive: true })
        finished++
      }
      assert.ok(attempt < KILLS * 10, 'too many runs end before they can be killed')
    }
    const name = `killed-${finished}`
    summaryOf(await runChild(JOB, options(name, FLIGHTS)))
    assertSame(await readResults(join(root, name), STORES, STREAMS), whole, `run ${name}`)
  })
})
