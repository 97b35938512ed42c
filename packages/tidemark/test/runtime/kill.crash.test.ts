import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { readFileSync, writeFileSync } from 'node:fs'
import { batch } from '../../../../examples/01-flights/batch.ts'
import type { RunOptions, Summary } from '../../src/index.ts'
import { FAILPOINTS } from '../../src/log/embedded/failpoints.ts'
import { LSM_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import { COMMIT_FAILPOINTS } from '../../src/runtime/committer.ts'
import { seededRandom } from '../../src/runtime/open-task.ts'
import { type ChildEnd, readResults, type Results, runChild } from './fixtures/crash-harness.ts'

const JOB = new URL('../../../../examples/01-flights/flights.job.ts', import.meta.url)
const FLIGHTS = fileURLToPath(new URL('../../../../examples/data/flights-2013.csv.gz', import.meta.url))
const STORES = ['flights-by-aircraft', 'delays-by-airport-hour']
const STREAMS = ['flights', 'flights-by-aircraft', 'delays-by-airport-hour']
const KILLS = 20
const SOME_ROWS = 30_000

const root = mkdtempSync(join(tmpdir(), 'tidemark-kill-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Small budgets, so that commits, flushes and merges happen many times in a short run. */
function options(name: string, file: string): RunOptions {
  return {
    dataDir: join(root, name),
    inputs: { flights: [{ path: file }] },
    containers: 2,
    commit: { intervalMs: 20 },
    recentMaxBytes: 64 * 1024,
  }
}

function summaryOf(end: ChildEnd): Summary {
  assert.equal(end.code, 0, `the run failed: ${end.stderr}`)
  return JSON.parse(end.stdout.trim().split('\n').at(-1) as string) as Summary
}

function assertSame(actual: Results, expected: Results, what: string): void {
  for (const kind of ['stores', 'streams'] as const) {
    for (const [name, text] of Object.entries(expected[kind])) {
      // Not deepEqual: a difference in megabytes of text is of use only by its first line.
      if (actual[kind][name] === text) continue
      const a = (actual[kind][name] ?? '').split('\n')
      const e = text.split('\n')
      const at = e.findIndex((line, i) => line !== a[i])
      assert.fail(`${what}: ${kind} ${name} differs at line ${at}: ${a[at]} instead of ${e[at]} (${a.length} lines, ${e.length} expected)`)
    }
  }
}

/** Checks an undisturbed run against a plain batch computation that knows nothing of Tidemark. */
async function checkAgainstBatch(results: Results, file: string): Promise<void> {
  const truth = await batch(file)
  const lines = (text: string | undefined): Record<string, unknown>[] =>
    (text ?? '').split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
  const byAircraft = new Map(lines(results.stores['flights-by-aircraft']).map((e) => [e['key'], e['value']]))
  assert.deepEqual(byAircraft, new Map(truth.flightsByAircraft))
  const delays = new Map(
    lines(results.stores['delays-by-airport-hour']).map((e) => [
      `${String(e['key'])}@${(e['window'] as { start: number }).start}`,
      e['value'],
    ]),
  )
  assert.deepEqual(delays, new Map(truth.delaysByAirportHour))
  const last = new Map(lines(results.streams['flights-by-aircraft']).map((r) => [r['key'], r['value']]))
  assert.deepEqual(last, new Map(truth.flightsByAircraft))
  assert.equal(lines(results.streams['flights']).length, truth.records)
}

describe('kill -9 anywhere (C1, C2, C3, C6)', () => {
  let whole: Results
  let some: Results
  const someFile = join(root, 'some.csv')

  before(async () => {
    const text = gunzipSync(readFileSync(FLIGHTS)).toString()
    writeFileSync(someFile, `${text.split('\n').slice(0, SOME_ROWS + 1).join('\n')}\n`)
    summaryOf(await runChild(JOB, options('some', someFile)))
    some = await readResults(join(root, 'some'), STORES, STREAMS)
    summaryOf(await runChild(JOB, options('whole', FLIGHTS)))
    whole = await readResults(join(root, 'whole'), STORES, STREAMS)
  })

  it('an undisturbed run gives what a plain batch computation gives', async () => {
    await checkAgainstBatch(some, someFile)
    await checkAgainstBatch(whole, FLIGHTS)
  })

  it(`${KILLS} kills at random moments, then a run to the end: byte for byte the same`, async () => {
    const random = seededRandom(Number(process.env['TIDEMARK_SEED'] ?? 20131201))
    let kills = 0
    let finished = 0
    for (let attempt = 0; kills < KILLS; attempt++) {
      // A run that came to its end before its kill was not killed: a new directory, and on.
      const name = `killed-${finished}`
      const end = await runChild(JOB, options(name, FLIGHTS), { killAfterMs: 500 + Math.floor(random() * 2500) })
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

  for (const point of [...COMMIT_FAILPOINTS, ...FAILPOINTS, ...LSM_FAILPOINTS]) {
    it(`killed at ${point}, early and late`, async () => {
      const name = `at-${point}`
      const killed = { failpoint: `${point}:1` }
      const first = await runChild(JOB, options(name, someFile), killed)
      assert.equal(first.signal, 'SIGKILL', `${point} was not passed: ${first.stderr}`)
      const second = await runChild(JOB, options(name, someFile), { failpoint: `${point}:4` })
      assert.ok(second.signal === 'SIGKILL' || second.code === 0, second.stderr)
      summaryOf(await runChild(JOB, options(name, someFile)))
      assertSame(await readResults(join(root, name), STORES, STREAMS), some, point)
      const again = summaryOf(await runChild(JOB, options(name, someFile)))
      assert.equal(again.records, 0)
      assert.equal(again.upToDate, true)
      rmSync(join(root, name), { recursive: true })
    })
  }
})
