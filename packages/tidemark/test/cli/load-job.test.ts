import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TidemarkError } from '../../src/errors/error.ts'
import { inputStreams, loadJob, outputStreams } from '../../src/cli/load-job.ts'
import { temporary, TIDEMARK, VISITS_JOB } from './temporary.ts'

const root = temporary({ 'package.json': '{"type":"module"}' })
let made = 0

async function load(text: string, extension = 'ts'): Promise<Awaited<ReturnType<typeof loadJob>>> {
  const path = join(root, `job-${made++}.${extension}`)
  writeFileSync(path, text)
  return loadJob(path)
}

async function failure(promise: Promise<unknown>): Promise<TidemarkError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof TidemarkError, String(error))
    return error
  }
  return assert.fail('it did not fail')
}

test('loads a job and knows its streams', async () => {
  const { job, inputs, report } = await load(VISITS_JOB)
  assert.equal(job.name, 'visits')
  assert.deepEqual(inputStreams(job), ['visits'])
  assert.deepEqual(outputStreams(job), ['visits-by-user'])
  assert.equal(inputs, null)
  assert.equal(report, null)
})

test('ERR_JOB_NOT_FOUND for a missing file and for a directory', async () => {
  const missing = await failure(loadJob(join(root, 'nope.ts')))
  assert.equal(missing.code, 'ERR_JOB_NOT_FOUND')
  assert.match(missing.message, /there is no file .*nope\.ts/)
  const directory = await failure(loadJob(root))
  assert.equal(directory.code, 'ERR_JOB_NOT_FOUND')
  assert.match(directory.message, /is a directory/)
})

test('ERR_JOB_NO_DEFAULT, which finds the job among the named exports', async () => {
  const none = await failure(load('export const x = 1'))
  assert.equal(none.code, 'ERR_JOB_NO_DEFAULT')
  const named = await failure(load(VISITS_JOB.replace('export default', 'export const mine =')))
  assert.equal(named.code, 'ERR_JOB_NO_DEFAULT')
  assert.equal(named.details['hint'], 'Its export "mine" is a job: add export default mine')
})

test('ERR_JOB_NOT_A_JOB says what the default export is', async () => {
  for (const [text, what] of [
    ['export default { kind: "job" }', 'of type object'],
    ['export default null', 'null'],
    ['export default [1]', 'an array'],
    ['export default () => 1', 'of type function'],
  ] as const) {
    const error = await failure(load(text))
    assert.equal(error.code, 'ERR_JOB_NOT_A_JOB')
    assert.ok(error.message.includes(what), error.message)
  }
})

test('ERR_JOB_NOT_A_JOB for a file that is no module', async () => {
  assert.equal((await failure(loadJob(join(root, 'package.json')))).code, 'ERR_JOB_NOT_A_JOB')
})

test('ERR_JOB_SYNTAX shows file, line and the line of code, in TypeScript', async () => {
  const error = await failure(load(`const a: number = 1\nconst b: number = = 2\nexport default a + b`))
  assert.equal(error.code, 'ERR_JOB_SYNTAX')
  assert.match(error.message, /job-\d+\.ts:2: Expression expected/)
  assert.equal(error.details['codeFrame'], '  2 | const b: number = = 2\n    |                   ^')
})

test('ERR_JOB_SYNTAX in JavaScript, and in a module that the job imports', async () => {
  const script = await failure(load('const a = 1\nexport default a +\n', 'mjs'))
  assert.equal(script.code, 'ERR_JOB_SYNTAX')
  assert.match(script.message, /job-\d+\.mjs:\d: /)
  writeFileSync(join(root, 'broken.ts'), 'export const x = (1\n')
  const imported = await failure(load(`import { x } from './broken.ts'\nexport default x`))
  assert.equal(imported.code, 'ERR_JOB_SYNTAX')
  assert.match(imported.message, /broken\.ts:\d: /)
})

test('ERR_JOB_SYNTAX for TypeScript that types cannot be stripped from', async () => {
  const error = await failure(load('enum A { B }\nexport default A.B'))
  assert.equal(error.code, 'ERR_JOB_SYNTAX')
  assert.match(error.message, /enum is not supported/)
})

test('ERR_JOB_IMPORT for a package, a file and a name that are not there', async () => {
  const name = await failure(load(`import x from 'no-such-package'\nexport default x`))
  assert.equal(name.code, 'ERR_JOB_IMPORT')
  assert.equal(name.details['hint'], 'npm install no-such-package')
  const file = await failure(load(`import x from './helpers'\nexport default x`))
  assert.equal(file.code, 'ERR_JOB_IMPORT')
  assert.match(String(file.details['hint']), /need the file extension/)
  const member = await failure(load(`import { defineJobs } from '${TIDEMARK}'\nexport default defineJobs`))
  assert.equal(member.code, 'ERR_JOB_IMPORT')
  assert.match(member.message, /does not provide an export named 'defineJobs'/)
})

test('ERR_JOB_THREW says where, also for a SyntaxError of code that ran', async () => {
  const error = await failure(load(`const a = 1\nthrow new RangeError('boom')`))
  assert.equal(error.code, 'ERR_JOB_THREW')
  assert.match(error.message, /job-\d+\.ts:2: .*boom/)
  assert.match(String(error.details['codeFrame']), /throw new RangeError/)
  const parsing = await failure(load(`export default JSON.parse('{')`))
  assert.equal(parsing.code, 'ERR_JOB_THREW')
})

test('errors of defineJob itself come through', async () => {
  const error = await failure(load(VISITS_JOB.replace('.to(counts)', '').replace('.count(perUser)', '')))
  assert.equal(error.code, 'ERR_JOB_NO_END')
})

test('inputs are relative to the module; ERR_JOB_EXPORT for another form, also of report', async () => {
  const { inputs, report } = await load(
    `${VISITS_JOB}\nexport const inputs = { visits: [{ path: 'data/v.jsonl' }, { path: '-' }] }\nexport const report = () => 'x'`,
  )
  assert.deepEqual(inputs, { visits: [{ path: join(root, 'data/v.jsonl') }, { path: '-' }] })
  assert.equal(typeof report, 'function')
  for (const text of [
    'export const inputs = 5',
    'export const inputs = { visits: "x" }',
    'export const inputs = { visits: [{}] }',
    'export const inputs = { users: [] }',
    'export const report = "x"',
  ]) {
    assert.equal((await failure(load(`${VISITS_JOB}\n${text}`))).code, 'ERR_JOB_EXPORT', text)
  }
})
