import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { listCheckpoints } from '../../src/ops/checkpoints.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import type { Seen } from './fixtures-clock/clocked.job.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-clock-'))
after(() => rmSync(root, { recursive: true, force: true }))

const FIXTURES = join(import.meta.dirname, 'fixtures-clock')
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

type Step = { readonly offsetMs: number } | { readonly do: string; readonly key: string; readonly mark: number }

/** A run in a process of its own, whose wall clock is moved as the steps say; what its task has seen. */
function live(dataDir: string, offsetMs: number, steps: readonly Step[]): Seen[] {
  const clock = join(root, 'clock')
  writeFileSync(clock, String(offsetMs))
  const args = ['--import', join(FIXTURES, 'shifted-clock.ts'), join(FIXTURES, 'live-through.ts')]
  const child = spawnSync(process.execPath, [...args, dataDir, JSON.stringify(steps)], {
    env: { ...process.env, TIDEMARK_TEST_CLOCK: clock },
    encoding: 'utf8',
    timeout: 90_000,
  })
  assert.equal(child.status, 0, `${child.signal} ${child.stderr}`)
  const last = child.stdout.trim().split('\n').at(-1) ?? ''
  return (JSON.parse(last) as { readonly found: Seen[] }).found
}

const to = (offsetMs: number): Step => ({ offsetMs })
const step = (what: string, key: string, mark: number): Step => ({ do: what, key, mark })

function lookOf(found: readonly Seen[], mark: number): number | null | undefined {
  return found.find(({ what, mark: of }) => what === 'look' && of === mark)?.value
}

/** What periods have said of the time: it never goes back, and no period is left out for long. */
function assertTimeGoesOn(found: readonly Seen[]): void {
  const times = found.filter(({ what }) => what === 'every').map(({ mark }) => mark)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(times).size, times.length)
}

test('S2, K1: the clock goes back by an hour in a run and between runs: nothing comes back, and all that goes by time goes on', () => {
  const dataDir = join(root, 'data')
  const first = live(dataDir, 0, [
    step('put', 'a', 1),
    step('look', 'a', 10),
    to(11 * MINUTE_MS),
    step('look', 'a', 11),
    step('put', 'b', 2),
    // Set before the clock is set back, due after it.
    step('arm', 'x', 100),
    to(11 * MINUTE_MS - HOUR_MS),
    step('wait', 'x', 100),
    step('look', 'a', 12),
    step('look', 'b', 13),
    step('put', 'c', 3),
    step('arm', 'x', 101),
    step('wait', 'x', 101),
    // Due when nobody runs; the next run has a clock that is behind.
    step('arm', 'y', 102),
  ])
  assert.equal(lookOf(first, 10), 1)
  assert.equal(lookOf(first, 11), null, 'ended after ten minutes')
  assert.equal(lookOf(first, 12), null, 'and has not come back')
  assert.equal(lookOf(first, 13), 2)
  assertTimeGoesOn(first)

  const second = live(dataDir, 11 * MINUTE_MS - 2 * HOUR_MS, [
    step('wait', 'y', 102),
    step('look', 'a', 20),
    step('look', 'b', 21),
    step('look', 'c', 22),
    step('arm', 'x', 103),
    step('wait', 'x', 103),
    to(30 * MINUTE_MS),
    step('look', 'b', 23),
    step('look', 'c', 24),
    to(30 * MINUTE_MS - HOUR_MS),
    step('look', 'b', 25),
    step('look', 'c', 26),
  ])
  assert.deepEqual(
    [20, 21, 22, 23, 24, 25, 26].map((mark) => lookOf(second, mark)),
    [null, 2, 3, null, null, null, null],
  )
  // It has read the stream from its beginning: over both runs.
  assertTimeGoesOn(second)

  const kept = listCheckpoints(openDataDir(dataDir, nodeDisk))
  const names = kept.map(({ checkpoint }) => checkpoint)
  assert.ok(names.length > 5, `${names.length} checkpoints are kept`)
  assert.equal(new Set(names).size, names.length, 'no name twice')
  const times = kept.map(({ atMs }) => atMs)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
    'in order of their commits',
  )
})
