import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli } from '../../src/cli/program.ts'
import { DirectoryLock } from '../../src/log/embedded/lock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { nodeProcesses } from '../../src/disk/process-table.ts'
import { fakeContext } from './fake-terminal.ts'
import { errorOf, type Outcome } from './spawn.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

const VISITS = '{"user":"ada","page":"/"}\n{"user":"ada","page":"/b"}\n{"user":"bob","page":"/"}\n'
const COUNTS = '{"key":"ada","value":2}\n{"key":"bob","value":1}\n'

/** A job that has counted, and its commands. */
async function counted(): Promise<{ cli: (...args: string[]) => Promise<Outcome>; data: string }> {
  const cwd = temporary({ 'visits.job.ts': VISITS_JOB, 'package.json': '{"type":"module"}', 'visits.jsonl': VISITS })
  const cli = async (...args: string[]): Promise<Outcome> => {
    const context = fakeContext({ cwd, environment: { TIDEMARK_DATA_DIR: 'data', TIDEMARK_CONTAINERS: '1' } })
    const exit = await runCli(args, context)
    return { exit, signal: null, out: context.terminal.out, error: context.terminal.error }
  }
  const ran = await cli('run', 'visits.job.ts', '--in', 'visits=visits.jsonl', '--json')
  assert.equal(ran.exit, 0, ran.error)
  return { cli, data: join(cwd, 'data') }
}

test('reset: the next run has no state, reads the streams from their start, and files not again', async () => {
  const { cli, data } = await counted()
  const counts = async (): Promise<string> => (await cli('state', 'scan', '--store', 'visits-by-user', '--json')).out
  const outputs = async (): Promise<number> => {
    return (await cli('streams', 'read', 'visits-by-user', '--json')).out.split('\n').length - 1
  }
  assert.equal(await counts(), COUNTS)
  const before = await outputs()
  await cli('checkpoint', 'create')
  const asked = await cli('reset', 'visits.job.ts')
  assert.equal(asked.exit, 2)
  assert.match(asked.error, /^ {2}lineage +lineage 1 +state, positions, 4 retained checkpoints/m)
  assert.match(asked.error, /^ {2}topic +visits +records of a stream +3 /m)
  assert.equal(await counts(), COUNTS, 'nothing was removed')
  const done = await cli('reset', 'visits', '--yes')
  assert.equal(done.out, 'the job visits begins at the beginning with its next run\n', done.error)
  assert.equal(existsSync(join(data, 'state', '0')), false)
  assert.equal(await counts(), '')
  const again = await cli('run', 'visits.job.ts', '--in', 'visits=visits.jsonl', '--json')
  assert.equal(again.exit, 0, again.error)
  assert.equal(await counts(), COUNTS, 'each visit was counted once')
  assert.equal(await outputs(), 2 * before, 'outputs are written again')
  const verified = await cli('state', 'verify')
  assert.equal(verified.exit, 0, verified.out)
  const lineages = (await cli('state', 'lineages', '--json')).out
  assert.match(lineages, /^\{"number":2,.*"kind":"current".*\}\n$/)
  // A second one of a job that has not run since.
  assert.equal((await cli('reset', 'visits', '--yes')).exit, 0)
  assert.equal((await cli('reset', 'visits', '--yes')).exit, 0)
})

test('reset is refused while the job runs, and for another job', async () => {
  const { cli, data } = await counted()
  const lock = DirectoryLock.acquire(nodeDisk, data, nodeProcesses)
  const running = await cli('reset', 'visits', '--yes', '--json')
  assert.equal(running.exit, 4)
  assert.equal(errorOf(running).code, 'ERR_JOB_RUNNING')
  lock.release()
  assert.equal(errorOf(await cli('reset', 'visit', '--yes', '--json')).code, 'ERR_USAGE')
  assert.equal(errorOf(await cli('reset', 'visits', '--yes', '--json', '--sources')).code, 'ERR_USAGE')
})
