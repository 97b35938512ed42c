import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunOptions } from '../../src/index.ts'
import { readResults, type Results, runChild } from './fixtures/crash-harness.ts'
import {
  checkAgainstBatch,
  firstFlights,
  JOB,
  options,
  root,
  STORES,
  STREAMS,
  summaryOf,
} from './fixtures/flights-crash.ts'
import { type Death, killAgainAndAgain } from './fixtures/kill-at.ts'
import { THOROUGH } from '../thorough.ts'

const ROWS = 6000
const POINTS = [
  'commit-before-decide',
  'commit-after-decide',
  'engine-before-commit',
  'engine-after-commit',
  'flush-after',
]
const DEATHS: readonly Death[] = [
  ...POINTS.map((point, i) => ({ failpoint: `${point}:${2 + (i % 3)}` })),
  { killAfterMs: 900 },
]

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 of whole jobs on engines of native packages (C1, C2, C3, C6)', () => {
  const file = firstFlights(ROWS)
  let whole: Results

  function settingsFor(name: string, engine: string, more: RunOptions = {}): RunOptions {
    return { ...options(name, file, 16 * 1024), containers: 1, engine, ...more }
  }

  before(async () => {
    summaryOf(await runChild(JOB, settingsFor('whole', 'lsm')))
    whole = await readResults(join(root, 'whole'), STORES, STREAMS)
    await checkAgainstBatch(whole, file)
  })

  for (const [i, engine] of ['rocksdb', 'leveldb', 'lmdb'].entries()) {
    // Two of them with a shadow beside them.
    const checkpoint = { intervalMs: 50, retain: [{ periodMs: 50, forMs: 500 }] }
    const more = i === 1 ? {} : { checkpoint }
    // Each death on two of the three.
    const deaths = DEATHS.filter((_, at) => THOROUGH || at % 3 !== i)
    it(`${engine}: ${deaths.length} kills, then a run to the end: byte for byte what an undisturbed run gives`, () =>
      killAgainAndAgain(engine, deaths, whole, (name) => settingsFor(name, engine, more)))
  }
})
