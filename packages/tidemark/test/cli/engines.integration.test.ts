import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { readStoreEngines } from '../../src/cli/engine-settings.ts'
import { THOROUGH } from '../thorough.ts'
import { until } from '../until.ts'
import { errorOf, type Outcome, tidemark, Tidemark } from './spawn.ts'
import { temporary, TIDEMARK } from './temporary.ts'

const JOB = `
import { defineJob, stream, kv, json, string, uint } from ${JSON.stringify(TIDEMARK)}

export const visits = stream('visits', { key: string(), value: json(), keyOf: v => v.user })
export const users = kv('users', { key: string(), value: uint() })
export const pages = kv('pages', { key: string(), value: uint(), engine: 'lmdb' })

export default defineJob('engines', {
  inputs: { visits }, stores: { users, pages },
  task: {
    visits({ key, value }, { stores }) {
      stores.users.put(value.user, (stores.users.get(value.user) ?? 0) + 1)
      stores.pages.put(value.page, (stores.pages.get(value.page) ?? 0) + 1)
    },
  },
})
`

const LINES = Array.from({ length: 600 }, (_, i) => `{"user":"user ${i % 150}","page":"/${i % 7}"}\n`).join('')

const ROOT = temporary({ 'package.json': '{"type":"module"}', 'engines.job.ts': JOB, 'visits.jsonl': LINES })
let made = 0

function command(name: string, ...more: string[]): Promise<Outcome> {
  return tidemark([name, join(ROOT, 'engines.job.ts'), ...more], { cwd: ROOT })
}

/** What the tasks have of each key, added up: a page is counted by the tasks of all users that saw it. */
async function entries(data: string, store: string): Promise<Map<string, number>> {
  const { out, error } = await tidemark(['state', 'scan', '--data-dir', data, '--store', store, '--json'])
  assert.equal(error, '')
  const counts = new Map<string, number>()
  for (const line of out.split('\n').filter((text) => text !== '')) {
    const { key, value } = JSON.parse(line) as { key: string; value: number }
    counts.set(key, (counts.get(key) ?? 0) + value)
  }
  return counts
}

/** The sum of a store's values, read beside the job as the command does it, without a process for each look. */
async function counted(data: string, store: string): Promise<number> {
  try {
    const view = await openDataDir(data, nodeDisk).store(store)
    let total = 0
    for (const { value } of view.scan()) total += Number(value)
    view.close()
    return total
  } catch (error) {
    // The job has not come so far yet.
    if (isTidemarkError(error, 'ERR_NOT_A_DATA_DIR') || isTidemarkError(error, 'ERR_UNKNOWN_STORE')) return 0
    throw error
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}

// A store of the job is in LMDB in any case, and in LevelDB while the job is read.
for (const engine of THOROUGH ? ['rocksdb', 'leveldb', 'lmdb'] : ['rocksdb']) {
  test(`${engine}: a job runs in containers, is read when it is over, and goes on`, async () => {
    const data = join(ROOT, `data-${made++}`)
    const input = join(ROOT, `${engine}.jsonl`)
    writeFileSync(input, LINES)
    for (const rounds of [1, 2]) {
      const outcome = await command(
        'run',
        '--data-dir',
        data,
        '--in',
        `visits=${input}`,
        '--engine',
        engine,
        '--containers',
        '2',
        '--json',
      )
      assert.equal(outcome.exit, 0, outcome.error)
      const users = await entries(data, 'users')
      const pages = await entries(data, 'pages')
      assert.deepEqual([users.size, sum(users), sum(pages)], [150, 600 * rounds, 600 * rounds])
      appendFileSync(input, LINES)
    }
    const tasks = readdirSync(join(data, 'state'))
    for (const task of tasks) {
      assert.ok(existsSync(join(data, 'state', task, 'lmdb', 'data.mdb')), 'pages is in lmdb')
      if (engine === 'rocksdb' || engine === 'leveldb')
        assert.ok(existsSync(join(data, 'state', task, engine, 'CURRENT')))
      const copies = readdirSync(join(data, 'state', task)).filter((name) => name.startsWith('reader-'))
      assert.deepEqual(copies, [], 'readers remove the copies that they made')
    }
  })

  test(`${engine}: state scan while the job runs`, async () => {
    const data = join(ROOT, `data-${made++}`)
    const input = join(ROOT, `${engine}-follow.jsonl`)
    writeFileSync(input, LINES)
    const job = join(ROOT, 'engines.job.ts')
    const args = [
      'run',
      job,
      '--data-dir',
      data,
      '--in',
      `visits=${input}`,
      '--follow',
      '--engine',
      engine,
      '--commit-interval',
      '50ms',
    ]
    const running = new Tidemark([...args], { cwd: ROOT, environment: { TIDEMARK_STORE_ENGINES: 'pages=leveldb' } })
    try {
      await until('the first lines are counted', async () => {
        assert.equal(running.child.exitCode, null, running.error)
        return (await counted(data, 'users')) === 600
      })
      assert.equal(sum(await entries(data, 'users')), 600)
      appendFileSync(input, LINES)
      await until('the next lines are counted', async () => (await counted(data, 'pages')) === 1200)
      assert.equal(sum(await entries(data, 'pages')), 1200)
    } finally {
      running.child.kill('SIGTERM')
    }
    const outcome = await running.done
    assert.equal(outcome.exit, 0, outcome.error)
    assert.equal(sum(await entries(data, 'users')), 1200)
  })
}

test('unknown engines and stores are refused by name, with the nearest, before anything runs', async () => {
  const data = join(ROOT, `data-${made++}`)
  const refused = async (...flags: string[]): Promise<string> => {
    const outcome = await command('run', '--data-dir', data, '--in', 'visits=visits.jsonl', '--json', ...flags)
    assert.notEqual(outcome.exit, 0)
    const { code, message } = errorOf(outcome)
    return `${code}: ${message}`
  }
  assert.match(await refused('--engine', 'rockdb'), /^ERR_ENGINE_UNKNOWN: .*"rockdb".*"rocksdb"/)
  assert.match(await refused('--store-engines', 'user=lmdb'), /^ERR_UNKNOWN_STORE: .*"user".*"users"/)
  assert.match(await refused('--store-engines', 'users'), /^ERR_CONFIG_VALUE: --store-engines/)
})

test('an engine that changed is refused with what to do', async () => {
  const data = join(ROOT, `data-${made++}`)
  const first = await command('run', '--data-dir', data, '--in', 'visits=visits.jsonl', '--json')
  assert.equal(first.exit, 0, first.error)
  const second = await command(
    'run',
    '--data-dir',
    data,
    '--in',
    'visits=visits.jsonl',
    '--json',
    '--engine',
    'leveldb',
  )
  assert.equal(errorOf(second).code, 'ERR_ENGINE_CHANGED')
})

test('plan and config show engines', async () => {
  const plan = await command('plan', '--store-engines', 'users=rocksdb')
  assert.match(plan.out, /\nengines\n {2}users {2}rocksdb\n {2}pages {2}lmdb\n/)
  const json = JSON.parse((await command('plan', '--json')).out) as { readonly engines: unknown }
  assert.deepEqual(json.engines, { users: 'lsm', pages: 'lmdb' })
  assert.equal(errorOf(await command('plan', '--json', '--engine', 'lsn')).code, 'ERR_ENGINE_UNKNOWN')
  const config = await tidemark(['config', '--engine', 'lmdb', '--store-engines', 'a=rocksdb,b=lsm'], { cwd: ROOT })
  assert.match(config.out, /engine +lmdb +--engine/)
  assert.match(config.out, /storeEngines +a=rocksdb,b=lsm +--store-engines/)
})

test('engines of single stores: as text, or as an object of the configuration file', () => {
  assert.deepEqual(readStoreEngines('a=rocksdb, b=lmdb'), { a: 'rocksdb', b: 'lmdb' })
  assert.deepEqual(readStoreEngines({ a: 'rocksdb' }), { a: 'rocksdb' })
  assert.deepEqual(readStoreEngines(''), {})
  for (const wrong of ['a', '=x', 'a=', 'a=b c', 7, null, ['a'], { a: 7 }])
    assert.equal(readStoreEngines(wrong), undefined)
})
