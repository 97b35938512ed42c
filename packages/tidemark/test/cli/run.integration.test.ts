import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../until.ts'
import { errorOf, type Outcome, tidemark, Tidemark } from './spawn.ts'
import { temporary, TIDEMARK, VISITS_JOB } from './temporary.ts'

const ROOT = temporary({
  'package.json': '{"type":"module"}',
  'visits.job.ts': VISITS_JOB,
  'visits.jsonl': '{"user":"ada","page":"/"}\n{"user":"bob","page":"/"}\n{"user":"ada","page":"/docs"}\n',
})
const JOB = join(ROOT, 'visits.job.ts')
let made = 0

/** A directory of data that no other test uses. */
function dataDir(): string {
  return join(ROOT, `data-${made++}`)
}

function run(data: string, ...more: string[]): Promise<Outcome> {
  return tidemark(['run', JOB, '--data-dir', data, ...more], { cwd: ROOT })
}

async function counts(data: string): Promise<string> {
  return (await tidemark(['state', 'scan', '--data-dir', data, '--store', 'visits-by-user', '--json'])).out
}

test('--json: one summary object on standard output, plain progress lines on standard error', async () => {
  const data = dataDir()
  const outcome = await run(data, '--in', 'visits=visits.jsonl', '--json')
  assert.equal(outcome.exit, 0, outcome.error)
  const summary = JSON.parse(outcome.out) as Record<string, unknown>
  assert.equal(summary['job'], 'visits')
  assert.equal(summary['ingested'], 3)
  assert.equal(summary['dataDir'], data)
  assert.equal(summary['upToDate'], false)
  assert.match(outcome.error, /^\w+ {2}[\d,]+ records .*\n(.*\n)*ended {2}3 records/)
  assert.ok(!outcome.error.includes('\u001b'), 'no escapes in a pipe')
  assert.equal(await counts(data), '{"key":"ada","value":2}\n{"key":"bob","value":1}\n')
})

test('the report has a table for each store, the data directory and next commands; a second run changes nothing', async () => {
  const data = dataDir()
  const first = await run(data, '--in', 'visits=visits.jsonl')
  assert.match(first.out, /^visits: 3 records in .*all input processed\.\n/)
  assert.match(first.out, /Store visits-by-user: 2 entries\n {2}key {2}value\n {2}ada {6}2\n {2}bob {6}1\n/)
  assert.ok(first.out.includes(`Data directory: ${data}\n`))
  assert.match(first.out, /npx tidemark state get --data-dir data-\d+ --store visits-by-user --key ada\n/)
  const second = await run(data, '--in', 'visits=visits.jsonl')
  assert.equal(second.exit, 0)
  assert.match(second.out, /^visits: all input is already processed; nothing was changed\.\n/)
  const quiet = await run(data, '--in', 'visits=visits.jsonl', '--no-report')
  assert.equal(quiet.out, '')
})

test('every command that the report suggests works', async () => {
  const data = dataDir()
  const { out } = await run(data, '--in', 'visits=visits.jsonl')
  const commands = [...out.matchAll(/^ {2}npx tidemark (.+)$/gm)].map((match) => match[1] as string)
  assert.ok(commands.length >= 4)
  for (const command of commands) {
    const outcome = await tidemark(command.split(' '), { cwd: ROOT })
    assert.equal(outcome.exit, 0, `${command}: ${outcome.error}`)
    assert.notEqual(outcome.out, '', command)
  }
})

test('with --out STREAM=- standard output has records only', async () => {
  const outcome = await tidemark(
    ['run', JOB, '--data-dir', dataDir(), '--in', 'visits=-', '--out', 'visits-by-user=-', '--partitions', '1'],
    { cwd: ROOT, input: readFileSync(join(ROOT, 'visits.jsonl'), 'utf8') },
  )
  assert.equal(outcome.exit, 0, outcome.error)
  const lines = outcome.out.trimEnd().split('\n')
  assert.equal(lines.length, 3)
  for (const line of lines) JSON.parse(line)
  assert.match(outcome.error, /Store visits-by-user/)
})

test('SIGINT and SIGTERM drain: exit 0, and the next run goes on from there', async () => {
  const file = join(ROOT, 'followed.jsonl')
  writeFileSync(file, '{"user":"ada","page":"/"}\n')
  const data = dataDir()
  const args = ['run', JOB, '--data-dir', data, '--in', `visits=${file}`, '--follow', '--commit-interval', '50ms']
  for (const [i, signal] of (['SIGINT', 'SIGTERM'] as const).entries()) {
    const running = new Tidemark(args, { cwd: ROOT })
    await until('the first lines are counted', async () => (await counts(data)).includes(`"value":${i + 1}`))
    running.child.kill(signal)
    const outcome = await running.done
    assert.equal(outcome.exit, 0, outcome.error)
    assert.match(outcome.error, new RegExp(`${signal}: committing what was processed`))
    assert.match(outcome.out, /stopped after a final commit|nothing was changed/)
    appendFileSync(file, '{"user":"ada","page":"/more"}\n')
  }
})

test('while the job runs its state and streams can be read; a second owner and a writer are refused with exit 4', async () => {
  const data = dataDir()
  const running = new Tidemark(['run', JOB, '--data-dir', data, '--in', 'visits=-', '--commit-interval', '50ms'])
  running.child.stdin.write('{"user":"ada","page":"/"}\n')
  await until('the first visit is counted', async () => (await counts(data)) === '{"key":"ada","value":1}\n')
  running.child.stdin.write('{"user":"ada","page":"/"}\n{"user":"bob","page":"/"}\n')
  await until(
    'more are counted',
    async () => (await counts(data)) === '{"key":"ada","value":2}\n{"key":"bob","value":1}\n',
  )
  const read = await tidemark(['streams', 'read', 'visits', '--data-dir', data, '--json'])
  assert.equal(read.out.trimEnd().split('\n').length, 3)
  for (const args of [
    ['run', JOB, '--data-dir', data, '--in', `visits=${join(ROOT, 'visits.jsonl')}`],
    ['streams', 'write', 'visits', '--data-dir', data],
  ]) {
    const refused = await tidemark([...args, '--json'])
    assert.equal(refused.exit, 4, refused.error)
    assert.equal(errorOf(refused).code, 'ERR_DATA_DIR_LOCKED')
  }
  running.child.stdin.end()
  assert.equal((await running.done).exit, 0)
})

test('a second SIGINT ends at once with exit code 130', async () => {
  const job = join(ROOT, 'slow.job.ts')
  writeFileSync(
    job,
    `import { defineJob, json, stream, string } from '${TIDEMARK}'
const visits = stream('visits', { key: string(), value: json<{ user: string }>() })
export default defineJob('slow', {
  inputs: { visits }, outputs: {}, stores: {},
  task: { async visits() { console.error('at work'); await new Promise((done) => setTimeout(done, 600_000)) } },
})`,
  )
  const running = new Tidemark(['run', job, '--data-dir', dataDir(), '--in', `visits=${join(ROOT, 'visits.jsonl')}`])
  await until('the handler is at work', () => running.error.includes('at work'))
  running.child.kill('SIGINT')
  await until('the first signal was taken', () => running.error.includes('SIGINT: committing'))
  // Signals within 300 ms count as one: npm and the terminal both pass a Ctrl-C on.
  await new Promise((done) => setTimeout(done, 400))
  running.child.kill('SIGINT')
  assert.equal((await running.done).exit, 130)
})

test('a signal ends a command that has nothing to commit, as it would any process', async () => {
  const data = dataDir()
  assert.equal((await run(data, '--in', 'visits=visits.jsonl', '--json')).exit, 0)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const reading = new Tidemark(['streams', 'read', 'visits', '--data-dir', data, '--follow'])
    await until('it has printed what there is', () => reading.out.split('\n').length > 3)
    reading.child.kill(signal)
    const outcome = await reading.done
    // A shell makes of this 128 and the number of the signal.
    assert.deepEqual([outcome.exit, outcome.signal, outcome.error], [null, signal, ''])
  }
})

test('a reader that goes away is a quiet end', async () => {
  const data = dataDir()
  const lines = Array.from({ length: 20_000 }, (_, i) => `{"user":"user-${i}","page":"/a-page-with-a-long-name"}\n`)
  writeFileSync(join(ROOT, 'many.jsonl'), lines.join(''))
  assert.equal((await run(data, '--in', 'visits=many.jsonl', '--json')).exit, 0)
  const reading = new Tidemark(['streams', 'read', 'visits', '--data-dir', data, '--json'])
  reading.child.stdout.once('data', () => reading.child.stdout.destroy())
  const outcome = await reading.done
  assert.deepEqual([outcome.exit, outcome.error], [0, ''])
  const running = new Tidemark(
    ['run', JOB, '--data-dir', dataDir(), '--in', `visits=${join(ROOT, 'many.jsonl')}`, '--out', 'visits-by-user=-'],
    { cwd: ROOT },
  )
  running.child.stdout.once('data', () => running.child.stdout.destroy())
  const drained = await running.done
  assert.equal(drained.exit, 0, drained.error)
})

test('streams write appends while the job does not run, and the next run reads it', async () => {
  const data = dataDir()
  await run(data, '--in', 'visits=visits.jsonl', '--json')
  const write = (args: readonly string[], input: string): Promise<Outcome> =>
    tidemark(['streams', 'write', 'visits', '--data-dir', data, ...args], { input })
  const first = await write(
    [],
    '{"key":"x","value":{"user":"bob","page":"/"}}\n\n{"value":{"user":"bob","page":"/"},"timestamp":5}\n',
  )
  assert.equal(first.out, '2 records appended to visits\n')
  const values = await write(['--values', '--json'], '{"user":"cleo","page":"/"}')
  assert.deepEqual(JSON.parse(values.out), { stream: 'visits', records: 1 })
  const ended = await run(data, '--until-end', '--json')
  assert.equal(ended.exit, 0, ended.error)
  assert.equal(await counts(data), '{"key":"ada","value":2}\n{"key":"bob","value":3}\n{"key":"cleo","value":1}\n')
})

test('ERR_WRITE_LINE names the line, and its batch is not written', async () => {
  const data = dataDir()
  await run(data, '--in', 'visits=visits.jsonl', '--json')
  for (const [input, message] of [
    ['{"value":1}\n{"value":\n', /line 2 is not JSON/],
    ['{"user":"ada"}\n', /line 1 has no "value"/],
    ['{"value":1,"timestamp":"now"}\n', /line 1 has a "timestamp"/],
  ] as const) {
    const outcome = await tidemark(['streams', 'write', 'visits', '--data-dir', data, '--json'], { input })
    assert.equal(outcome.exit, 3)
    assert.equal(errorOf(outcome).code, 'ERR_WRITE_LINE')
    assert.match(errorOf(outcome).message, message)
  }
  const read = await tidemark(['streams', 'read', 'visits', '--data-dir', data])
  assert.equal(read.out.trimEnd().split('\n').length, 3)
})

test('state get: ERR_NO_SUCH_KEY with exit 1, and ERR_USAGE for flags that do not fit', async () => {
  const data = dataDir()
  await run(data, '--in', 'visits=visits.jsonl', '--json')
  const get = (...args: string[]): Promise<Outcome> => tidemark(['state', 'get', '--data-dir', data, '--json', ...args])
  const found = await get('--store', 'visits-by-user', '--key', 'ada')
  assert.equal(found.out, '{"key":"ada","value":2}\n')
  const missing = await get('--store', 'visits-by-user', '--key', 'nobody')
  assert.equal(missing.exit, 1)
  assert.equal(errorOf(missing).code, 'ERR_NO_SUCH_KEY')
  assert.equal(errorOf(await get('--store', 'visits-by-user')).code, 'ERR_USAGE')
  assert.equal(errorOf(await get('--store', 'visits-by-user', '--key', 'a', '--window', '5')).code, 'ERR_USAGE')
  const store = await get('--store', 'users', '--key', 'a')
  assert.match(errorOf(store).message, /There is: visits-by-user\./)
})
