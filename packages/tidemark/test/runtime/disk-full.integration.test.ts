import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { mountSmall } from '../disk/small-disk.ts'
import { readResults, runChild } from './fixtures/crash-harness.ts'
import { assertSame, firstFlights, JOB, options, root, STORES, STREAMS, summaryOf } from './fixtures/flights-crash.ts'

const SMALL = '6m'
const LARGE = '256m'
const ROWS = 60_000

const mountPoint = join(root, 'small')

const reason = mountSmall(mountPoint, SMALL)

after(() => {
  if (reason === null) execFileSync('umount', [mountPoint])
  rmSync(root, { recursive: true, force: true })
})

it('ERR_DISK_FULL: a run stops by name, loses nothing, and goes on when there is space', {
  skip: reason ?? false,
}, async () => {
  const file = firstFlights(ROWS)
  summaryOf(await runChild(JOB, options('whole', file)))
  const whole = await readResults(join(root, 'whole'), STORES, STREAMS)
  const full = await runChild(JOB, options('small/data', file))
  assert.notEqual(full.code, 0)
  assert.match(full.stderr, /ERR_DISK_FULL/)
  execFileSync('mount', ['-o', `remount,size=${LARGE}`, mountPoint])
  const summary = summaryOf(await runChild(JOB, options('small/data', file)))
  assert.ok(summary.records > 0 && summary.records <= ROWS)
  assertSame(await readResults(join(root, 'small/data'), STORES, STREAMS), whole, 'the run after the disk was full')
})
