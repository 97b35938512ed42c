import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RESTORE_FAILPOINTS } from '../../src/checkpoint/savepoint-restore.ts'
import { SAVEPOINT_FAILPOINTS } from '../../src/checkpoint/savepoint-write.ts'
import { run, type RunOptions } from '../../src/index.ts'
import { until } from '../until.ts'
import { runChild, runScript } from './fixtures/crash-harness.ts'
import job from './fixtures-savepoint/stages.job.ts'
import { assertBatch, JOB, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'

const SCRIPT = fileURLToPath(new URL('./fixtures-savepoint/run-savepoint.ts', import.meta.url))
const LIST = makeSales(2000)
const file = salesFile('sales', LIST)

after(() => rmSync(root, { recursive: true, force: true }))

/** On this thread: what is tested is what a killed process has left, and threads take long to start. */
async function finish(settings: RunOptions): Promise<void> {
  await (await run(job, { ...settings, containers: 0 })).done
}

describe('kill -9 while a savepoint is taken (K2, K3, K4, C5, C6)', () => {
  for (const point of SAVEPOINT_FAILPOINTS) {
    it(`killed at ${point}: the job is not harmed, and there is a whole savepoint or none`, async () => {
      const settings = options(`at-${point}`, file)
      const to = join(root, `savepoint-at-${point}`)
      const growing = { ...settings, containers: 1, inputs: { sales: [{ path: file, follow: true }] } }
      const args = [JOB.href, JSON.stringify(growing), '1000', to]
      const end = await runScript(SCRIPT, args, `${point}:1`)
      assert.equal(end.signal, 'SIGKILL', `${point} was not passed: ${end.stderr}`)
      await finish(settings)
      await assertBatch(`at-${point}`, LIST, point)
      const complete = existsSync(join(to, 'savepoint'))
      assert.equal(complete, point === 'savepoint-after-manifest')
      if (!complete) {
        const start = run(job, { ...options(`from-${point}`, file), from: to, containers: 0 })
        await assert.rejects(start, { code: 'ERR_SAVEPOINT_NOT_FOUND' })
        return
      }
      await finish({ ...options(`from-${point}`, file), from: to })
      await assertBatch(`from-${point}`, LIST, `from ${point}`)
    })
  }
})

describe('kill -9 while a job starts from a savepoint (K5, C8)', () => {
  const savepoint = join(root, 'savepoint')
  const home = options('home', file)

  before(async () => {
    const app = await run(job, { ...home, containers: 0, inputs: { sales: [{ path: file, follow: true }] } })
    await until('some records', () => app.progress().records > 1000)
    await app.savepoint({ to: savepoint })
    await app.drain()
  })

  for (const point of RESTORE_FAILPOINTS) {
    it(`killed at ${point} in a new data directory: it starts wholly, or says that it has not`, async () => {
      const name = `new-${point}`
      // Only other engines get their state in batches.
      const settings = { ...options(name, file), ...(point === 'restore-after-batch' ? { engine: 'rocksdb' } : {}) }
      const killed = await runChild(JOB, { ...settings, containers: 1, from: savepoint }, { failpoint: `${point}:1` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      // Before the first point nothing has happened; after the last one the start is made.
      if (point === 'restore-after-lineage') await finish(settings)
      else if (point !== 'restore-before-pending') {
        await assert.rejects(run(job, { ...settings, containers: 0 }), { code: 'ERR_SAVEPOINT_INCOMPLETE' })
      }
      await finish({ ...settings, from: savepoint })
      await assertBatch(name, LIST, point)
    })
  }

  it('killed in the data directory that it is of: the old lineage goes on, or the new one does', async () => {
    for (const point of ['restore-after-pending', 'restore-after-task', 'restore-before-lineage']) {
      const killed = await runChild(JOB, { ...home, containers: 1, from: savepoint }, { failpoint: `${point}:1` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finish(home)
      await assertBatch('home', LIST, `the old lineage after ${point}`)
    }
    await finish({ ...home, from: savepoint })
    await assertBatch('home', LIST, 'the new lineage')
  })
})
