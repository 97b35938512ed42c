import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli } from '../../src/cli/program.ts'
import { FakeTerminal, fakeContext } from './fake-terminal.ts'
import { type Outcome, tidemark } from './spawn.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

const ROOT = temporary({ 'package.json': '{"type":"module"}', 'visits.job.ts': VISITS_JOB })
const USERS = 3000

/** Each user once, in an order of its own. */
function visits(name: string, step: number): string {
  const users = Array.from({ length: USERS }, (_, i) => (i * step) % USERS)
  const path = join(ROOT, name)
  writeFileSync(path, users.map((user) => JSON.stringify({ user: `user ${user}`, page: '/' })).join('\n'))
  return path
}

async function run(data: string, file: string, ...flags: string[]): Promise<void> {
  const job = join(ROOT, 'visits.job.ts')
  const outcome = await tidemark(['run', job, '--data-dir', data, '--in', `visits=${file}`, '--no-report', ...flags])
  assert.equal(outcome.exit, 0, outcome.error)
}

function stats(data: string, ...args: string[]): Promise<Outcome> {
  return tidemark(['state', 'stats', '--data-dir', data, ...args])
}

interface StoreLine {
  readonly store?: string
  readonly keys: number
  readonly keysError: number | null
  readonly entries: number
  readonly bytes: number
  readonly plainBytes: number
  readonly liveBytes: number
  readonly spaceAmplification: number
}

function linesOf<T>(outcome: Outcome): T[] {
  assert.equal(outcome.exit, 0, outcome.error)
  return outcome.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

const sum = (lines: readonly StoreLine[], of: 'keys' | 'entries' | 'bytes' | 'liveBytes'): number =>
  lines.reduce((total, line) => total + line[of], 0)

test('state stats counts a key once, however often it was overwritten, and tells what is live of the files', async () => {
  const data = join(ROOT, 'overwritten')
  for (const step of [7, 11, 13]) await run(data, visits(`${step}.jsonl`, step))
  for (const flags of [[], ['--exact']]) {
    const lines = linesOf<StoreLine>(await stats(data, '--json', ...flags))
    const stores = lines.filter(({ store }) => store === 'visits-by-user')
    assert.equal(stores.length, 4)
    assert.equal(sum(stores, 'keys'), USERS, String(flags))
    assert.ok(stores.every(({ keysError }) => keysError === 0))
    assert.equal(sum(stores, 'entries'), 3 * USERS)
    // Counts of one digit: the newest of three.
    assert.ok(Math.abs(sum(stores, 'bytes') / sum(stores, 'liveBytes') - 3) < 0.1)
    for (const each of stores) assert.ok(Math.abs(each.spaceAmplification - each.bytes / each.liveBytes) < 0.01)
    const tasks = lines.slice(-4) as unknown as {
      readonly spaceAmplification: number
      readonly retainedBytes: number
    }[]
    for (const task of tasks) assert.ok(task.spaceAmplification > 3 && task.retainedBytes >= 0)
  }
})

test('state stats in a terminal: lines fit, and columns that matter less go first', async () => {
  const data = join(ROOT, 'table')
  await run(data, visits('table.jsonl', 7))
  const shown = async (columns: number): Promise<string> => {
    const terminal = new FakeTerminal({ isTerminal: true, columns })
    assert.equal(await runCli(['state', 'stats', '--data-dir', data, '--exact'], fakeContext({ terminal })), 0)
    for (const line of terminal.out.split('\n')) assert.ok(line.length <= columns, line)
    assert.match(terminal.error, /counting: \d+% of [\d,]+ entries/)
    return terminal.out
  }
  const verifying = new FakeTerminal({ isTerminal: true })
  assert.equal(await runCli(['state', 'verify', '--data-dir', data], fakeContext({ terminal: verifying })), 0)
  assert.match(verifying.error, /verifying: .* read/)
  const wide = await shown(120)
  assert.match(wide, /^store +task +keys +\+\/- +files +stored +live +space +entries +deletions +plain +engine\n/)
  assert.match(wide, /\n\ntask +checkpoint +flushed +recent +files +size +live +space +retained +files by size\n/)
  assert.match(wide, /\nvisits-by-user +0 +\d+ +0 +1 .* 1\.00x/)
  const narrow = await shown(80)
  assert.match(narrow, /^store +task +keys +\+\/- +files +stored +live +space/)
})

test('state stats of other engines: what is live is counted, or said not to be known', async () => {
  const data = join(ROOT, 'leveldb')
  await run(data, visits('leveldb.jsonl', 7), '--engine', 'leveldb')
  const about = linesOf<StoreLine>(await stats(data, '--json')).filter(({ store }) => store === 'visits-by-user')
  assert.ok(about.every(({ keysError, liveBytes }) => keysError === null && liveBytes === null))
  const exact = linesOf<StoreLine>(await stats(data, '--json', '--exact'))
  const stores = exact.filter(({ store }) => store === 'visits-by-user')
  assert.equal(sum(stores, 'keys'), USERS)
  assert.ok(stores.every(({ keysError, liveBytes }) => keysError === 0 && liveBytes > 0))
})

test('the settings of state files are heeded: zstd takes less room, and small flushes make more files', async () => {
  const data = join(ROOT, 'zstd')
  await run(data, visits('zstd.jsonl', 7), '--state-compression', 'zstd', '--state-flush-size', '8KiB')
  const stores = linesOf<StoreLine & { readonly files: number }>(await stats(data, '--json')).filter(
    ({ store }) => store === 'visits-by-user',
  )
  assert.ok(stores.every(({ bytes, plainBytes }) => bytes < plainBytes * 0.8))
})
