import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../../src/index.ts'
import { until } from '../until.ts'
import { counts } from './fixtures-savepoint/crash-at-cut.job.ts'
import { order, orders } from './streams.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-crash-at-cut-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('a container that crashes while a savepoint is taken fails it, and no task stays behind at the cut (K4)', async () => {
  const marker = join(root, 'marker')
  const url = new URL('./fixtures-savepoint/crash-at-cut.job.ts', import.meta.url)
  await using app = await run(url, {
    dataDir: join(root, 'data'),
    partitions: 4,
    containers: 4,
    commit: { intervalMs: 10 },
  })
  // One of the four tasks waits in its handler; the other three come to the cut.
  await app.send(orders, { key: 'first', value: { ...order('first', 1), marker } })
  const savepoint = app.savepoint()
  const failed = assert.rejects(savepoint, { code: 'ERR_CONTAINER_CRASHED' })
  // Only so that the others are at the cut by then, most likely: what must come of it is the same if they are not.
  await new Promise((done) => setTimeout(done, 200))
  writeFileSync(marker, '')
  await failed
  await until('the restart', () => app.progress().restarts === 1)
  // Every task goes on: these keys are spread over all of them.
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)
  for (const key of keys) await app.send(orders, { key, value: order(key, 1) })
  await until('all orders', () => app.progress().lag === 0)
  const info = await app.savepoint()
  assert.equal(info.tasks, 4)
  for (const key of ['first', ...keys]) assert.equal(await app.store(counts).get(key), 1, key)
})
