import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { FOOTER_BYTES } from '../../src/lsm/format.ts'
import { errorOf, type Outcome, tidemark } from './spawn.ts'
import { temporary, VISITS_JOB } from './temporary.ts'

const ROOT = temporary({
  'package.json': '{"type":"module"}',
  'visits.job.ts': VISITS_JOB,
  'other.job.ts': VISITS_JOB.replace("defineJob('visits'", "defineJob('other'"),
  'visits.jsonl': '{"user":"ada","page":"/"}\n{"user":"bob","page":"/"}\n{"user":"ada","page":"/docs"}\n',
})
let made = 0

function run(data: string, job = 'visits.job.ts', input = 'visits.jsonl', ...more: string[]): Promise<Outcome> {
  return tidemark(['run', job, '--data-dir', data, '--in', `visits=${input}`, '--json', ...more], { cwd: ROOT })
}

/** A data directory that a job has left. */
async function used(): Promise<string> {
  const data = join(ROOT, `data-${made++}`)
  const outcome = await run(data)
  assert.equal(outcome.exit, 0, outcome.error)
  return data
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .sort()
}

/** Names and bytes of all data files; locks come and go. */
function content(directory: string): Map<string, string> {
  const kept = files(directory).filter((path) => !path.includes('/lock'))
  return new Map(kept.map((path) => [path, readFileSync(path, 'latin1')]))
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 4
  writeFileSync(path, bytes)
}

test('a data directory of another job: ERR_DATA_DIR_OTHER_JOB, exit 2', async () => {
  const outcome = await run(await used(), 'other.job.ts')
  assert.equal(outcome.exit, 2)
  assert.equal(errorOf(outcome).code, 'ERR_DATA_DIR_OTHER_JOB')
})

test('a data directory of a newer format: ERR_FORMAT_NEWER, exit 5, nothing changed', async () => {
  const data = await used()
  const path = join(data, 'format.json')
  const format = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  const name = Object.keys(format).find((key) => typeof format[key] === 'number') ?? assert.fail('no version')
  writeFileSync(path, JSON.stringify({ ...format, [name]: 999 }))
  const before = content(data)
  for (const args of [
    ['run', join(ROOT, 'visits.job.ts'), '--in', `visits=${join(ROOT, 'visits.jsonl')}`],
    ['state', 'scan', '--store', 'visits-by-user'],
    ['streams', 'list'],
  ]) {
    const outcome = await tidemark([...args, '--data-dir', data, '--json'])
    assert.equal(outcome.exit, 5, outcome.error)
    assert.equal(errorOf(outcome).code, 'ERR_FORMAT_NEWER')
  }
  assert.deepEqual(content(data), before)
})

test('flipped bits in a state file and in a segment: exit 5 with the file, nothing changed', async () => {
  const data = await used()
  const scan = ['state', 'scan', '--store', 'visits-by-user']
  for (const [part, place, args] of [
    // The metadata are read when the file is opened, a block when it is needed.
    ['.sorted', (bytes: Buffer) => bytes.length - FOOTER_BYTES - 2, scan],
    ['.sorted', () => 4, scan],
    ['streams/visits/', (bytes: Buffer) => Math.floor(bytes.length / 2), ['streams', 'read', 'visits']],
  ] as const) {
    const path = files(data).find((each) => each.includes(part) && statSync(each).size > 0) ?? assert.fail(part)
    const good = readFileSync(path)
    flip(path, place(good))
    const before = content(data)
    const outcome = await tidemark([...args, '--data-dir', data, '--json'])
    assert.equal(outcome.exit, 5, outcome.error)
    assert.match(errorOf(outcome).code, /CORRUPT$/)
    assert.deepEqual(content(data), before)
    writeFileSync(path, good)
    assert.equal((await tidemark([...args, '--data-dir', data])).exit, 0)
  }
})

test('a flipped bit wherever it is in a state file is found by state verify: exit 5', async () => {
  const data = await used()
  const path = files(data).find((each) => each.endsWith('.sorted')) ?? assert.fail('no state file')
  const good = readFileSync(path)
  assert.equal((await tidemark(['state', 'verify', '--data-dir', data])).exit, 0)
  // Of block, filter, index, metadata and footer; a scan does not need all of them.
  for (const part of [0.02, 0.4, 0.6, 0.8, 0.99]) {
    flip(path, Math.floor(good.length * part))
    const outcome = await tidemark(['state', 'verify', '--data-dir', data, '--json'])
    assert.equal(outcome.exit, 5, `at ${part}: ${outcome.out}${outcome.error}`)
    assert.ok(`${outcome.out}${outcome.error}`.includes('.sorted'))
    writeFileSync(path, good)
  }
})

test('a journal that was cut short, no job running: exit 5 from readers as from a run, and nothing to try again', async () => {
  const data = await used()
  const path = files(data).find((each) => each.endsWith('.journal')) ?? assert.fail('no journal')
  const good = readFileSync(path)
  for (const part of [0.3, 0.6]) {
    truncateSync(path, Math.floor(good.length * part))
    const before = content(data)
    for (const args of [
      ['state', 'scan', '--store', 'visits-by-user', '--data-dir', data, '--json'],
      ['streams', 'read', 'visits', '--data-dir', data, '--json'],
      ['run', join(ROOT, 'visits.job.ts'), '--data-dir', data, '--until-end', '--json'],
    ]) {
      const outcome = await tidemark(args)
      assert.equal(outcome.exit, 5, `${args.join(' ')}: ${outcome.out}${outcome.error}`)
      assert.match(errorOf(outcome).code, /^ERR_LOG_CORRUPT$/)
    }
    assert.deepEqual(content(data), before)
    writeFileSync(path, good)
  }
})

test('without format.json or the journal, readers and runs agree: ERR_LOG_CORRUPT, exit 5', async () => {
  for (const gone of ['format.json', 'journal']) {
    const data = await used()
    rmSync(join(data, gone), { recursive: true })
    for (const args of [
      ['state', 'scan', '--store', 'visits-by-user'],
      ['streams', 'list'],
      ['run', join(ROOT, 'visits.job.ts'), '--until-end'],
    ]) {
      const outcome = await tidemark([...args, '--data-dir', data, '--json'])
      assert.equal(outcome.exit, 5, outcome.error)
      assert.equal(errorOf(outcome).code, 'ERR_LOG_CORRUPT')
    }
  }
})

test('a damaged journal is refused by a run: exit 5, and what is there stays', async () => {
  const data = await used()
  const path = files(data).find((each) => each.endsWith('.journal')) ?? assert.fail('no journal')
  const good = readFileSync(path)
  const bad = Buffer.from(good)
  bad[Math.floor(bad.length / 3)] = (bad[Math.floor(bad.length / 3)] as number) ^ 1
  writeFileSync(path, bad)
  const before = content(data)
  const outcome = await run(data)
  assert.equal(outcome.exit, 5, outcome.error)
  assert.equal(errorOf(outcome).code, 'ERR_LOG_CORRUPT')
  assert.deepEqual(content(data), before)
})

test('a line that is not JSON: exit 3 with file and line; what came before is kept; then drop', async () => {
  const data = join(ROOT, `data-${made++}`)
  writeFileSync(join(ROOT, 'bad.jsonl'), '{"user":"ada","page":"/"}\n{"user":\n{"user":"bob","page":"/"}\n')
  const outcome = await run(data, 'visits.job.ts', 'bad.jsonl')
  assert.equal(outcome.exit, 3, outcome.error)
  assert.match(errorOf(outcome).message, /bad\.jsonl:2:\d+: not JSON/)
  const dropped = await run(data, 'visits.job.ts', 'bad.jsonl', '--on-error', 'drop')
  assert.equal(dropped.exit, 0, dropped.error)
  assert.equal((JSON.parse(dropped.out) as { dropped: number }).dropped, 1)
})

test('a step that throws: exit 1 with stream, partition and offset', async () => {
  const job = VISITS_JOB.replace(
    '(visit) => visit.user',
    `(visit) => { if (visit.user === 'bob') throw new Error('no bobs'); return visit.user }`,
  )
  writeFileSync(join(ROOT, 'throws.job.ts'), job.replace("defineJob('visits'", "defineJob('throws'"))
  const outcome = await run(join(ROOT, `data-${made++}`), 'throws.job.ts')
  assert.equal(outcome.exit, 1, outcome.error)
  assert.equal(errorOf(outcome).code, 'ERR_HANDLER_FAILED')
  assert.match(errorOf(outcome).message, /visits.*partition.*no bobs/)
  const [cause, ...more] = errorOf(outcome).causes
  assert.deepEqual([cause?.code, cause?.name, cause?.message, more], [null, 'Error', 'no bobs', []])
  assert.match(cause?.at ?? '', /throws\.job\.ts:\d+:\d+/)
  const plain = await tidemark(
    ['run', 'throws.job.ts', '--data-dir', join(ROOT, `data-${made++}`), '--in', 'visits=visits.jsonl'],
    { cwd: ROOT },
  )
  assert.match(
    plain.error,
    / {2}code {2}ERR_HANDLER_FAILED\n.*\n {2}cause Error: no bobs \(.*throws\.job\.ts:\d+:\d+\)?/,
  )
})

test('a step that returns a promise: ERR_STEP_ASYNC, exit 1, with the step', async () => {
  const job = VISITS_JOB.replace('(visit) => visit.user', 'async (visit) => visit.user').replace(
    "defineJob('visits'",
    "defineJob('promises'",
  )
  writeFileSync(join(ROOT, 'promises.job.ts'), job)
  const outcome = await run(join(ROOT, `data-${made++}`), 'promises.job.ts')
  assert.equal(outcome.exit, 1, outcome.error)
  assert.equal(errorOf(outcome).code, 'ERR_STEP_ASYNC')
  assert.match(errorOf(outcome).message, /stream visits, partition \d, offset \d.*: step groupBy-\d returned a promise/)
})

test('a report that throws: ERR_JOB_REPORT, exit 1, and the run itself is committed', async () => {
  writeFileSync(
    join(ROOT, 'report.job.ts'),
    `${VISITS_JOB}\nexport function report() { throw new Error('no report') }\nexport const inputs = { visits: [{ path: 'visits.jsonl' }] }\n`,
  )
  const data = join(ROOT, `data-${made++}`)
  const outcome = await tidemark(['run', 'report.job.ts', '--data-dir', data], { cwd: ROOT })
  assert.equal(outcome.exit, 1)
  assert.match(outcome.error, /the export "report" threw: no report/)
  assert.match(outcome.error, /ERR_JOB_REPORT/)
  const scan = await tidemark(['state', 'scan', '--data-dir', data, '--store', 'visits-by-user', '--json'])
  assert.equal(scan.out, '{"key":"ada","value":2}\n{"key":"bob","value":1}\n')
})
