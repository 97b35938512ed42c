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
  readonly kills: number
}

/** What our runner makes of one test file, in a process that is not itself a test. */
function outcomeOf(text: string, timeoutMs = 60_000): Outcome {
  const file = join(directory, 'planted.test.mjs')
  writeFileSync(file, `import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n${text}`)
  const program = `
    import { runTests } from ${JSON.stringify(RUN)}
    const said = []
    const result = await runTests([[${JSON.stringify(file)}]], { concurrency: 1, fileTimeoutMs: ${timeoutMs}, countsKills: true }, (line) => said.push(line))
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
  assert.equal(outcomeOf("test('a', () => { process.exit(0) })").faults.length, 1, 'before its tests are done')
  assert.equal(outcomeOf("throw new Error('at import')").failed, 1)
})

test('the runner counts the Node processes that a file kills, and only those', () => {
  const outcome = outcomeOf(
    `import { spawn, spawnSync } from 'node:child_process'
    const die = ['-e', 'process.kill(process.pid, "SIGKILL")']
    test('kills', async () => {
      for (let i = 0; i < 2; i++) assert.equal(spawnSync(process.execPath, die).signal, 'SIGKILL')
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      setTimeout(() => child.kill('SIGKILL'), 100)
      await new Promise((done) => child.on('close', done))
      assert.equal(spawnSync(process.execPath, ['-e', '']).status, 0)
      assert.equal(spawnSync('sh', ['-c', 'kill -9 $$']).signal, 'SIGKILL')
    })`,
  )
  assert.deepEqual(countsOf(outcome), [1, 0, 0, 0])
  assert.equal(outcome.kills, 3)
  assert.match(outcome.said, /1 tests, \d+ ms(, \d+ ms of CPU)?, 3 kills/)
})

test('the runner kills a file that never yields, with what it has started, and says what it was doing', () => {
  const outcome = outcomeOf(
    `import { spawn } from 'node:child_process'
    test('first', () => {})
    test('endless', () => {
      console.log('child ' + spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']).pid)
      for (;;);
    })`,
    3_000,
  )
  assert.equal(outcome.failed, 1)
  assert.match(outcome.said, /more than 3000 ms and was killed/)
  const pid = Number(/child (\d+)/.exec(outcome.said)?.[1])
  assert.ok(pid > 0, outcome.said)
  assert.ok(!isRunning(pid), 'the process that it started is gone too')
})

test('the runner says what a file was doing that waits for ever', () => {
  const endless = "test('endless', async () => { setInterval(() => {}, 1000); await new Promise(() => {}) })"
  const outcome = outcomeOf(`test('first', () => {})\n${endless}`, 3_000)
  assert.deepEqual(countsOf(outcome), [1, 1, 0, 0])
  assert.match(outcome.said, /more than 3000 ms and was killed\), during: endless/)
})

/** A process that ended but was not waited for by its parent (a zombie) does not run. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z')
}
