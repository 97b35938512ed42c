import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadJob } from '../../src/cli/load-job.ts'
import { runCli } from '../../src/cli/program.ts'
import { fakeContext } from './fake-terminal.ts'
import { tidemark } from './spawn.ts'
import { temporary } from './temporary.ts'

test('init writes a project whose job loads, offline', async () => {
  const cwd = temporary()
  const context = fakeContext({ cwd })
  assert.equal(await runCli(['init', 'My Job', '--json'], context), 0, context.terminal.error)
  const root = join(cwd, 'My Job')
  const written = JSON.parse(context.terminal.out) as { directory: string; files: string[] }
  assert.equal(written.directory, root)
  for (const file of written.files) assert.ok(existsSync(join(root, file)), file)
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string }
  assert.equal(manifest.name, 'my-job')
  const { job, inputs } = await loadJob(join(root, 'visits.job.ts'))
  assert.equal(job.name, 'visits')
  assert.ok(existsSync(inputs?.['visits']?.[0]?.path ?? ''))
})

test('ERR_INIT_EXISTS: init overwrites nothing and then writes nothing', async () => {
  const cwd = temporary()
  writeFileSync(join(cwd, 'README.md'), 'mine')
  const context = fakeContext({ cwd })
  assert.equal(await runCli(['init'], context), 2)
  assert.match(context.terminal.error, /ERR_INIT_EXISTS/)
  assert.deepEqual(readdirSync(cwd), ['README.md'])
  assert.equal(readFileSync(join(cwd, 'README.md'), 'utf8'), 'mine')
})

test('the new project runs at once', async () => {
  const cwd = temporary()
  assert.equal((await tidemark(['init', 'project'], { cwd })).exit, 0)
  const root = join(cwd, 'project')
  const run = await tidemark(['run', 'visits.job.ts', '--json'], { cwd: root })
  assert.equal(run.exit, 0, run.error)
  const scan = await tidemark(['state', 'scan', '--store', 'visits-by-user', '--json'], { cwd: root })
  assert.equal(scan.out, '{"key":"ada","value":3}\n{"key":"bob","value":1}\n{"key":"cleo","value":1}\n')
  const tested = spawnSync(process.execPath, ['--test', 'visits.test.ts'], {
    cwd: root,
    encoding: 'utf8',
    // A test runner inside another one would report to it.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  assert.equal(tested.status, 0, tested.stdout)
  if (process.platform === 'win32') return
  // npm puts this directory first in the PATH of its scripts: they get the Node that runs Tidemark, not an older one.
  const version = spawnSync(join(root, 'node_modules', '.bin', 'node'), ['--version'], { encoding: 'utf8' })
  assert.equal(version.stdout.trim(), process.version)
})
