import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { liveState, liveTables } from '../../src/cli/live-state.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { type App, run, type StateMetrics } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { until } from '../until.ts'
import { JOB, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'

after(() => rmSync(root, { recursive: true, force: true }))

const LIST = makeSales(4000)
const file = salesFile('sales', LIST)

/** What is live is kept for so long. */
const KEPT_MS = 10_000

/** State whose files were the same before and after they were measured: flushes and merges come behind the records. */
async function stateAtRest(app: App): Promise<StateMetrics> {
  const filesOf = ({ tasks }: StateMetrics): unknown =>
    tasks.map(({ files, bytes, entries }) => [files, bytes, entries])
  for (;;) {
    const state = await app.state()
    if (isDeepStrictEqual(filesOf(state), filesOf(await app.state()))) return state
    await systemClock.sleep(KEPT_MS)
  }
}

function flushedBytes({ tasks }: StateMetrics): number {
  return tasks.reduce((sum, { writes }) => sum + (writes?.flushedBytes ?? 0), 0)
}

for (const engine of ['lsm', 'rocksdb']) {
  test(`${engine}: what the state holds and does is told while the job runs, by task, and summed up at the end`, async () => {
    const settings = { ...options(engine, file), engine, inputs: { sales: [{ path: file, follow: true }] } }
    await using app = await run(JOB, settings)
    await until('all records', () => app.progress().records >= LIST.length && app.progress().lag === 0)
    // A fast run has nothing in files yet when it has read all records.
    if (engine === 'lsm') {
      await until('a flush', async () => flushedBytes(await app.state()) > 0)
      // What was live at one of these looks is kept.
      await systemClock.sleep(KEPT_MS)
    }
    const state = await stateAtRest(app)
    assert.deepEqual(
      state.tasks.map(({ task }) => task),
      [0, 1, 2, 3],
    )
    const used = new Map(state.memory.map(({ what, bytes, limitBytes }) => [what, { bytes, limitBytes }]))
    assert.deepEqual([...used.keys()], ['memtables', 'recent', 'value cache', 'block cache', 'output buffers'])
    for (const [what, { bytes, limitBytes }] of used) assert.ok(bytes >= 0 && bytes <= limitBytes, what)
    assert.equal(used.get('memtables')?.limitBytes, 4 * 64 * 1024 * 1024)
    const written = flushedBytes(state)
    if (engine === 'lsm') {
      assert.ok(written > 0)
      assert.ok(state.tasks.every(({ reads, cache }) => reads !== null && cache !== null && cache.capacityBytes > 0))
      assert.ok(
        state.tasks.some(({ stores }) => stores.some(({ store, entries }) => store === 'per-item' && entries > 0)),
      )
      for (const { stores, liveBytes, spaceAmplification, bytes } of state.tasks) {
        for (const { entries, liveKeys, bytes: stored, liveBytes: live } of stores) {
          assert.ok(liveKeys !== null && liveKeys > 0 && liveKeys <= entries)
          assert.ok(live !== null && live > 0 && live <= stored)
        }
        if (stores.length > 0) assert.equal(spaceAmplification, bytes / (liveBytes as number))
      }
    } else {
      const nothing = { reads: null, writes: null, liveBytes: null }
      const told = state.tasks.map(({ reads, writes, liveBytes }) => ({ reads, writes, liveBytes }))
      assert.deepEqual(told, [nothing, nothing, nothing, nothing])
    }

    // As another process asks it.
    const live = await liveState(openDataDir(join(root, engine), nodeDisk))
    assert.ok(live !== null)
    assert.equal(live.tasks.length, 4)
    const [tasks, memory] = liveTables(live)
    assert.equal(tasks?.cells.length, 4)
    assert.equal(memory?.cells.length, 5)
    assert.ok(tasks?.cells.every((cells) => cells.length === tasks.columns.length))

    const summary = await app.drain()
    assert.ok(summary.state !== null)
    if (engine === 'lsm') {
      assert.ok(summary.state.files > 0 && summary.state.bytes > 0 && summary.state.entries > 0)
      assert.ok(summary.state.flushedBytes >= written)
    }
    await assert.rejects(app.state(), { code: 'ERR_RUN_ENDED' })
    assert.equal(await liveState(openDataDir(join(root, engine), nodeDisk)), null, 'no job runs')
  })
}

test('what is held in memory is told while records come: it goes to files when a job has nothing to do', async () => {
  const settings = { ...options('held', file), inputs: { sales: [{ path: file, follow: true }] } }
  const app = await run(JOB, settings)
  await until('bytes in memory', async () =>
    (await app.state()).tasks.some(({ recentBytes, valueCacheBytes }) => recentBytes + valueCacheBytes > 0),
  )
  await app.drain()
})
