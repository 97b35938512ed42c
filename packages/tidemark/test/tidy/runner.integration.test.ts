import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../../../../scripts/lib/paths.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-runner-'))
after(() => rmSync(directory, { recursive: true }))

const RUN = pathToFileURL(join(ROOT, 'scripts/lib/test-run.ts')).href

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly faults: readonly string[]
  readonly said: string
}

/** What our runner makes of one test file, in a process that is not itself a test. */
function outcomeOf(text: string): Outcome {
  const file = join(directory, 'planted.test.mjs')
  writeFileSync(file, `import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n${text}`)
  const program = `
    import { runTests } from ${JSON.stringify(RUN)}
    const said = []
    const result = await runTests([${JSON.stringify(file)}], 1, (line) => said.push(line))
    process.stdout.write(JSON.stringify({ ...result, said: said.join('\\n') }))`
  const env = { ...process.env }
  delete env['NODE_TEST_CONTEXT']
  const main = join(directory, 'main.mjs')
  writeFileSync(main, program)
  const child = spawnSync(process.execPath, [main], { encoding: 'utf8', env })
  assert.equal(child.status, 0, child.stderr)
  return JSON.parse(child.stdout) as Outcome
}

function countsOf({ passed, failed, skipped, faults }: Outcome): readonly number[] {
  return [passed, failed, skipped, faults.length]
}

test('the runner counts passed tests', () => {
  assert.deepEqual(countsOf(outcomeOf("test('a', () => {})\ntest('b', () => {})")), [2, 0, 0, 0])
})

test('the runner tells why a test failed, with what it printed', () => {
  const outcome = outcomeOf("test('a', () => { console.log('printed'); assert.equal(1, 2) })\ntest('b', () => {})")
  assert.deepEqual(countsOf(outcome), [1, 1, 0, 0])
  assert.match(outcome.said, /1 !== 2/)
  assert.match(outcome.said, /printed/)
})

test('the runner fails a skip without a reason, and tells the reason of another', () => {
  assert.deepEqual(countsOf(outcomeOf("test('a', { skip: true }, () => {})")), [0, 0, 1, 1])
  assert.deepEqual(countsOf(outcomeOf("test('a', (t) => { t.skip() })")), [0, 0, 1, 1])
  const told = outcomeOf("test('a', { skip: 'needs a lynx' }, () => {})")
  assert.deepEqual(countsOf(told), [0, 0, 1, 0])
  assert.match(told.said, /needs a lynx/)
})

test('the runner fails a test to be written, a file without tests, and a file that dies', () => {
  assert.equal(outcomeOf("test('a', { todo: 'later' }, () => {})").faults.length, 1)
  assert.equal(outcomeOf('void test, assert').faults.length, 1)
  assert.equal(outcomeOf("test('a', () => {})\nprocess.exit(3)").failed, 1)
  assert.match(outcomeOf('process.exit(3)').said, /exit code 3/)
  assert.equal(outcomeOf("throw new Error('at import')").failed, 1)
})
