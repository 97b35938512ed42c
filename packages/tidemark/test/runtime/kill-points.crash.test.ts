import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { FAILPOINTS } from '../../src/log/embedded/failpoints.ts'
import { LSM_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import { COMMIT_FAILPOINTS } from '../../src/runtime/committer.ts'
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

const ROWS = 12_000
/** Enough for so many flushes that the run waits for merges at the latest when they are far behind. */
const MANY_ROWS = 60_000
/** So small that files are written and merged within a short run. */
const RECENT_BYTES = 2048

after(() => rmSync(root, { recursive: true, force: true }))

describe('kill -9 at each step of a commit, a flush and a merge (C5, C6)', () => {
  const someFile = firstFlights(ROWS)
  const manyFile = firstFlights(MANY_ROWS)
  let some: Results
  let many: Results

  before(async () => {
    summaryOf(await runChild(JOB, options('some', someFile, RECENT_BYTES)))
    some = await readResults(join(root, 'some'), STORES, STREAMS)
    await checkAgainstBatch(some, someFile)
    summaryOf(await runChild(JOB, options('many', manyFile, RECENT_BYTES)))
    many = await readResults(join(root, 'many'), STORES, STREAMS)
  })

  for (const point of [...COMMIT_FAILPOINTS, ...FAILPOINTS, ...LSM_FAILPOINTS]) {
    it(`killed at ${point}, early and late`, async () => {
      const name = `at-${point}`
      const merges = point.startsWith('merge-') || point.startsWith('compact-')
      const file = merges ? manyFile : someFile
      const expected = merges ? many : some
      const killed = { failpoint: `${point}:1` }
      const first = await runChild(JOB, options(name, file, RECENT_BYTES), killed)
      assert.equal(first.signal, 'SIGKILL', `${point} was not passed: ${first.stderr}`)
      const second = await runChild(JOB, options(name, file, RECENT_BYTES), { failpoint: `${point}:4` })
      assert.ok(second.signal === 'SIGKILL' || second.code === 0, second.stderr)
      summaryOf(await runChild(JOB, options(name, file, RECENT_BYTES)))
      assertSame(await readResults(join(root, name), STORES, STREAMS), expected, point)
      const again = summaryOf(await runChild(JOB, options(name, file, RECENT_BYTES)))
      assert.equal(again.records, 0)
      assert.equal(again.upToDate, true)
      rmSync(join(root, name), { recursive: true })
    })
  }
})
