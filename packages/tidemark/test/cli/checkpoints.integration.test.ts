import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCli } from '../../src/cli/program.ts'
import { until } from '../until.ts'
import { fakeContext } from './fake-terminal.ts'
import { Tidemark, tidemark as spawned } from './spawn.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

interface Outcome {
  readonly exit: number
  readonly out: string
  readonly error: string
}

/** A command in this process, which is much faster than one of its own. */
async function tidemark(args: readonly string[], options: { readonly cwd: string }): Promise<Outcome> {
  const context = fakeContext({ cwd: options.cwd })
  const exit = await runCli(args, context)
  return { exit, out: context.terminal.out, error: context.terminal.error }
}

function errorOf(outcome: Outcome): { readonly code: string; readonly message: string } {
  const line = outcome.error.trimEnd().split('\n').at(-1) ?? ''
  return (JSON.parse(line) as { error: { code: string; message: string } }).error
}

function visit(user: string): string {
  return `${JSON.stringify({ user, page: '/' })}\n`
}

const cwd = temporary({ 'visits.job.ts': VISITS_JOB, 'visits.jsonl': visit('ada') + visit('bob') + visit('ada') })
const SCAN = ['state', 'scan', '--store', 'visits-by-user', '--json']

function lines(outcome: Outcome): Record<string, unknown>[] {
  assert.equal(outcome.exit, 0, outcome.error)
  return outcome.out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function one(args: readonly string[]): Promise<Record<string, unknown>> {
  const [only] = lines(await tidemark(args, { cwd }))
  return only as Record<string, unknown>
}

async function counts(args: readonly string[]): Promise<unknown> {
  return Object.fromEntries(lines(await tidemark(args, { cwd })).map(({ key, value }) => [key, value]))
}

/** Settles when the running job has committed so many visits. */
async function committed(visits: number): Promise<void> {
  await until(`${visits} visits`, async () => {
    const outcome = await tidemark(SCAN, { cwd })
    if (outcome.exit !== 0) return false
    const sum = lines(outcome).reduce((total, { value }) => total + (value as number), 0)
    return sum === visits
  })
}

describe('checkpoints, time travel and savepoints from the command line', () => {
  let kept = ''
  let later = ''
  let savepoint = ''

  it('of a running job: create, list, read, compare, savepoint', async () => {
    const job = new Tidemark(
      [
        'run',
        'visits.job.ts',
        '--in',
        'visits=visits.jsonl',
        '--follow',
        '--partitions',
        '2',
        '--commit-interval',
        '20ms',
      ],
      { cwd },
    )
    await committed(3)
    const made = await one(['checkpoint', 'create', '--json'])
    kept = made['checkpoint'] as string
    assert.match(kept, /^\d{8}-\d{6}(\.\d{3})?$/)
    assert.equal((made['tasks'] as unknown[]).length, 2)
    savepoint = (await one(['savepoint', '--json']))['directory'] as string
    assert.ok(existsSync(join(savepoint, 'savepoint')))
    appendFileSync(join(cwd, 'visits.jsonl'), visit('eve') + visit('ada'))
    await committed(5)
    assert.deepEqual(await counts(SCAN), { ada: 3, bob: 1, eve: 1 })
    assert.deepEqual(await counts([...SCAN, '--checkpoint', kept]), { ada: 2, bob: 1 })
    assert.deepEqual(await counts([...SCAN, '--savepoint', savepoint]), { ada: 2, bob: 1 })
    later = (await one(['checkpoint', 'create', '--json']))['checkpoint'] as string
    job.child.kill('SIGTERM')
    assert.equal((await job.done).exit, 0)
  })

  it('of a stopped job: list, get, diff', async () => {
    const rows = lines(await tidemark(['checkpoint', 'list', '--json'], { cwd }))
    const parts = rows.filter((row) => row['checkpoint'] === kept)
    assert.ok(parts.length > 0 && parts.every((row) => row['kind'] === 'manual' && (row['files'] as number) >= 1))
    // The state is what the newest is made of: deleting that frees nothing. A drained job has all of it in files.
    const newest = rows.filter((row) => row['checkpoint'] === later)
    assert.ok(newest.length > 0 && newest.every((row) => (row['bytes'] as number) > 0 && row['ownBytes'] === 0))
    const tasks = rows.filter((row) => row['checkpoint'] === undefined)
    assert.ok(tasks.length === 2 && tasks.every((row) => row['flushedId'] === row['id'] && row['journalBytes'] === 0))
    const shown = await tidemark(['checkpoint', 'list'], { cwd })
    assert.match(shown.out, /retained +kept by +age/)
    assert.ok(shown.out.includes(kept) && shown.out.includes(later))
    const got = await tidemark(['state', 'get', '--store', 'visits-by-user', '--key', 'ada', '--checkpoint', kept], {
      cwd,
    })
    assert.equal(got.out, '2\n')
    const diff = ['state', 'diff', '--store', 'visits-by-user', '--checkpoint', kept]
    const expected = [
      { change: 'changed', key: 'ada', before: 2, after: 3 },
      { change: 'added', key: 'eve', after: 1 },
    ]
    assert.deepEqual(lines(await tidemark([...diff, '--json'], { cwd })), expected)
    assert.deepEqual(lines(await tidemark([...diff, '--until', later, '--json'], { cwd })), expected)
    assert.deepEqual(lines(await tidemark([...diff, '--limit', '1', '--json'], { cwd })), expected.slice(0, 1))
    const back = ['state', 'diff', '--store', 'visits-by-user', '--checkpoint', later, '--until', kept]
    const text = await tidemark(back, { cwd })
    assert.equal(text.out, '~ ada  3 -> 2\n- eve  1\n')
    assert.match(text.error, /0 added, 1 changed, 1 removed/)
  })

  it('create and delete on a stopped job; what there is not', async () => {
    const made = (await one(['checkpoint', 'create', '--json']))['checkpoint'] as string
    assert.deepEqual(await counts([...SCAN, '--checkpoint', made]), { ada: 3, bob: 1, eve: 1 })
    assert.deepEqual(await one(['checkpoint', 'delete', made, '--json']), { checkpoint: made, deleted: true })
    const gone = await tidemark([...SCAN, '--checkpoint', made], { cwd })
    const error = errorOf(gone)
    assert.equal(error.code, 'ERR_CHECKPOINT_NOT_FOUND')
    assert.match(error.message, new RegExp(`nearest is ${later}`))
    assert.ok(error.message.includes(kept))
    assert.equal(
      errorOf(await tidemark(['checkpoint', 'delete', made, '--json'], { cwd })).code,
      'ERR_CHECKPOINT_NOT_FOUND',
    )
    assert.deepEqual(await counts([...SCAN, '--checkpoint', kept]), { ada: 2, bob: 1 })
  })

  it('ERR_SAVEPOINT_IN_FLIGHT on a stopped job with records left; with the job module it runs first', async () => {
    const record = `${JSON.stringify({ key: null, value: { user: 'bob', page: '/' } })}\n`
    const written = await spawned(['streams', 'write', 'visits'], { cwd, input: record })
    assert.equal(written.exit, 0, written.error)
    const refused = errorOf(await tidemark(['savepoint', '--json'], { cwd }))
    assert.equal(refused.code, 'ERR_SAVEPOINT_IN_FLIGHT')
    const taken = await one(['savepoint', 'visits.job.ts', '--to', 'mine', '--json'])
    assert.equal(taken['directory'], join(cwd, 'mine'))
    assert.deepEqual(await counts([...SCAN, '--savepoint', 'mine']), { ada: 3, bob: 2, eve: 1 })
  })

  it('run --from goes on in a new data directory, with the rest of the file', async () => {
    const args = [
      'run',
      'visits.job.ts',
      '--in',
      'visits=visits.jsonl',
      '--from',
      savepoint,
      '--data-dir',
      'second',
      '--json',
    ]
    const summary = await one(args)
    assert.equal(summary['records'], 2)
    assert.deepEqual(await counts([...SCAN, '--data-dir', 'second']), { ada: 3, bob: 1, eve: 1 })
    assert.equal((await one(args))['records'], 0)
  })

  it('a savepoint of a stopped job that has nothing left to do', async () => {
    const taken = await one(['savepoint', '--data-dir', 'second', '--json'])
    assert.deepEqual(await counts([...SCAN, '--savepoint', taken['directory'] as string]), { ada: 3, bob: 1, eve: 1 })
    const again = await one([
      'run',
      'visits.job.ts',
      '--in',
      'visits=visits.jsonl',
      '--from',
      taken['directory'] as string,
      '--data-dir',
      'third',
      '--json',
    ])
    assert.equal(again['records'], 0)
    assert.deepEqual(await counts([...SCAN, '--data-dir', 'third']), { ada: 3, bob: 1, eve: 1 })
  })

  it('state drop: only of a store that the job has no more; checkpoints keep it (ERR_STORE_IN_USE)', async () => {
    const third = ['--data-dir', 'third', '--json']
    const drop = ['state', 'drop', 'visits-by-user', ...third]
    assert.equal(errorOf(await tidemark(drop, { cwd })).code, 'ERR_STORE_IN_USE')
    const before = (await one(['checkpoint', 'create', ...third]))['checkpoint'] as string
    writeFileSync(join(cwd, 'other.job.ts'), VISITS_JOB.replace("kv('visits-by-user'", "kv('other'"))
    assert.equal((await one(['run', 'other.job.ts', '--until-end', ...third]))['records'], 0)
    assert.deepEqual(await one(drop), { store: 'visits-by-user', entries: 3 })
    assert.equal(errorOf(await tidemark(drop, { cwd })).code, 'ERR_UNKNOWN_STORE')
    const past = await counts([...SCAN, '--data-dir', 'third', '--checkpoint', before])
    assert.deepEqual(past, { ada: 3, bob: 1, eve: 1 })
    // With the store in the job again it begins empty.
    assert.equal((await one(['run', 'visits.job.ts', '--until-end', ...third]))['records'], 0)
    assert.deepEqual(await counts([...SCAN, '--data-dir', 'third']), {})
    assert.ok((await tidemark(['state', 'verify', '--data-dir', 'third'], { cwd })).exit === 0)
  })

  it('usage: what to compare with, settings', async () => {
    const nothing = errorOf(await tidemark(['state', 'diff', '--store', 'visits-by-user', '--json'], { cwd }))
    assert.equal(nothing.code, 'ERR_USAGE')
    const both = await tidemark([...SCAN, '--checkpoint', kept, '--savepoint', savepoint], { cwd })
    assert.equal(errorOf(both).code, 'ERR_USAGE')
    const wrong = await tidemark(['run', 'visits.job.ts', '--checkpoint-retain', 'all', '--json'], { cwd })
    assert.match(errorOf(wrong).message, /checkpoint.retain takes none, or tiers/)
    mkdirSync(join(cwd, 'configured'))
    const config = `export default { checkpoint: { interval: '30s', retain: '30s for 5m, 1h for 7d' } }\n`
    writeFileSync(join(cwd, 'configured/tidemark.config.ts'), config)
    const shown = await tidemark(['config'], { cwd: join(cwd, 'configured') })
    assert.match(shown.out, /checkpoint\.retain +30s for 5m, 1h for 7d/)
    assert.match(shown.out, /checkpoint\.interval +30s/)
  })
})
