import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { INSTALL_STEPS } from '../../src/checkpoint/state-restore.ts'
import { run, type RunOptions } from '../../src/index.ts'
import { runChild } from './fixtures/crash-harness.ts'
import { assertBatch, JOB, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'

const LIST = makeSales(1500)

after(() => rmSync(root, { recursive: true, force: true }))

/** A job with checkpoints at another place too. */
function settingsFor(name: string): RunOptions {
  const path = salesFile(name, LIST)
  const to = pathToFileURL(join(root, `place-${name}`)).href
  return { ...options(name, path), checkpoint: { to, uploadIntervalMs: 20 } }
}

/** On this thread: what is tested is what a killed process has left, and processes take long to start. */
async function finish(settings: RunOptions): Promise<void> {
  await (await run(JOB, { ...settings, containers: 0 })).done
}

describe('kill -9 while a job uploads (C1, C4, C6)', () => {
  for (const point of ['upload-after-file', 'upload-before-record', 'upload-after-record', 'collect-after-remove']) {
    it(`killed at ${point}: the job goes on, and so do its uploads`, async () => {
      const settings = settingsFor(point)
      const killed = await runChild(JOB, { ...settings, containers: 1 }, { failpoint: `${point}:3` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finish(settings)
      rmSync(join(root, point, 'state'), { recursive: true })
      await finish(settings)
      await assertBatch(point, LIST, point)
    })
  }
})

describe('kill -9 while a task is restored (C6, C8)', () => {
  for (const point of [...INSTALL_STEPS, 'load-after-file', 'load-before-mark']) {
    it(`killed at ${point}: the next start has the whole state`, async () => {
      const settings = settingsFor(point)
      await finish(settings)
      rmSync(join(root, point, 'state'), { recursive: true })
      const killed = await runChild(JOB, { ...settings, containers: 1 }, { failpoint: `${point}:2` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finish(settings)
      await assertBatch(point, LIST, point)
    })
  }
})
