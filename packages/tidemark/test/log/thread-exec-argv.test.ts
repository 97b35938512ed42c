import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { threadExecArgv } from '../../src/log/thread-exec-argv.ts'

const own = new URL('../../src/log/thread-exec-argv.ts', import.meta.url).href

test('threads inherit, but for --input-type: then they get what loads modules', () => {
  assert.deepEqual(threadExecArgv([]), {})
  assert.deepEqual(threadExecArgv(['--expose-gc', '--import', './a.ts']), {})
  assert.deepEqual(threadExecArgv(['--input-type=module', '-e', 'code']), { execArgv: [] })
  assert.deepEqual(
    threadExecArgv([
      '--expose-gc',
      '--input-type',
      'module',
      '--import',
      './a.ts',
      '--require=b',
      '-C',
      'x',
      '-e',
      'code',
    ]),
    { execArgv: ['--import', './a.ts', '--require=b', '-C', 'x'] },
  )
})

test('a thread starts in a process of node --input-type=module -e, which it would not without', () => {
  const code = `
    import { Worker } from 'node:worker_threads'
    import { threadExecArgv } from ${JSON.stringify(own)}
    const run = (options) => new Promise((resolve) => {
      const thread = new Worker(new URL(${JSON.stringify(own)}), options)
      thread.on('error', (error) => resolve(error.code))
      thread.on('exit', (exit) => resolve('exit ' + exit))
    })
    process.stdout.write([await run({}), await run(threadExecArgv())].join(', '))
  `
  const args = ['--expose-gc', '--input-type=module', '-e', code]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 })
  assert.match(stdout, /INPUT_TYPE_NOT_ALLOWED, exit 0$/, stderr)
})
