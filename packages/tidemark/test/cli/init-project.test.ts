import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadJob } from '../../src/cli/load-job.ts'
import { runCli } from '../../src/cli/program.ts'
import { fakeContext } from './fake-terminal.ts'
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
