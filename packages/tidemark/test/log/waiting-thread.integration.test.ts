import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { WaitingThread } from '../../src/log/waiting-thread.ts'

const fixture = (name: string): URL => new URL(`./fixtures-waiting/${name}`, import.meta.url)

test('a waiting thread loads what it is told to, does what it is begun with, and ends', async () => {
  const thread = new WaitingThread(fixture('echo-thread.ts'), 'echo')
  thread.load(fixture('loaded.ts').href)
  thread.load('file:///no/such/module.ts')
  const { port1, port2 } = new MessageChannel()
  const answer = once(port1, 'message')
  const worker = thread.begin({ text: 'hello', port: port2 }, [port2])
  const exit = once(worker, 'exit')
  assert.deepEqual(await once(worker, 'message'), ['done'])
  assert.deepEqual(await answer, ['hello, a module loaded'])
  assert.deepEqual(await exit, [0])
  assert.equal(thread.ended, false)
})

test('a thread that could not load its modules says that it has ended, and breaks nothing else', async () => {
  const thread = new WaitingThread(fixture('broken-thread.ts'), 'broken')
  while (!thread.ended) await new Promise((resolve) => setTimeout(resolve, 5))
  await thread.close()
})

test('a thread that is not needed is closed, and a waiting one keeps no process alive', async () => {
  await new WaitingThread(fixture('echo-thread.ts'), 'echo').close()
  const code = `
    import { WaitingThread } from ${JSON.stringify(new URL('../../src/log/waiting-thread.ts', import.meta.url).href)}
    new WaitingThread(new URL(${JSON.stringify(fixture('echo-thread.ts').href)}), 'echo')`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
  assert.equal(status, 0, String(stderr))
})
