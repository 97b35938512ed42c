import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import type { RunOptions } from '../../src/index.ts'
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

const ROWS = 8000
const RANDOM_KILLS = 3
const POINTS = [
  'commit-before-decide',
  'commit-after-decide',
  'engine-before-commit',
  'engine-after-commit',
  'flush-after',
]

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 of whole jobs on engines of native packages (C1, C2, C3, C6)', () => {
  const file = firstFlights(ROWS)
  let whole: Results

  function settingsFor(name: string, engine: string, more: RunOptions = {}): RunOptions {
    return { ...options(name, file, 16 * 1024), engine, ...more }
  }

  before(async () => {
    summaryOf(await runChild(JOB, settingsFor('whole', 'lsm')))
    whole = await readResults(join(root, 'whole'), STORES, STREAMS)
    await checkAgainstBatch(whole, file)
  })

  for (const [i, engine] of ['rocksdb', 'leveldb', 'lmdb'].entries()) {
    // Every other one with a shadow beside it.
    const checkpoint = { intervalMs: 50, retain: [{ periodMs: 50, forMs: 500 }] }
    const more = i % 2 === 0 ? { checkpoint } : {}
    it(`${engine}: ${POINTS.length + RANDOM_KILLS} kills, then a run to the end: byte for byte what an undisturbed run gives`, async () => {
      const random = seededRandom(Number(process.env['TIDEMARK_SEED'] ?? 20131201) + i)
      const name = `killed-${engine}`
      const settings = settingsFor(name, engine, more)
      for (const point of POINTS) {
        const killed = await runChild(JOB, settings, { failpoint: `${point}:${2 + Math.floor(random() * 3)}` })
        assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      }
      let kills = 0
      for (let attempt = 0; kills < RANDOM_KILLS; attempt++) {
        const again = `${name}-${attempt}`
        const end = await runChild(JOB, settingsFor(again, engine, more), {
          killAfterMs: 500 + Math.floor(random() * 700),
        })
        if (end.signal === 'SIGKILL') kills++
        summaryOf(await runChild(JOB, settingsFor(again, engine, more)))
        assertSame(await readResults(join(root, again), STORES, STREAMS), whole, `${engine}, killed at any moment`)
        rmSync(join(root, again), { recursive: true })
        assert.ok(attempt < RANDOM_KILLS * 10, 'too many runs end before they can be killed')
      }
      summaryOf(await runChild(JOB, settings))
      assertSame(await readResults(join(root, name), STORES, STREAMS), whole, engine)
      const last = summaryOf(await runChild(JOB, settings))
      assert.equal(last.records, 0)
      assert.equal(last.upToDate, true)
    })
  }
})
