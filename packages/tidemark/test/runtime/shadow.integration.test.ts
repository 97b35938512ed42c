import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { run } from '../../src/index.ts'
import { listCheckpoints } from '../../src/ops/checkpoints.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { storeAtCheckpoint } from '../../src/ops/past-store.ts'
import { StoppedJob } from '../../src/ops/stopped-job.ts'
import { verifyData } from '../../src/ops/verify-data.ts'
import { until } from '../until.ts'
import { assertBatch, batchResults, root } from './fixtures-savepoint/sales.ts'
import {
  grow,
  HALF,
  MAIN_KINDS,
  processed,
  SALES,
  settingsOf,
  shadowOf,
  withHalf,
} from './fixtures-savepoint/shadowed.ts'
import job from './fixtures-savepoint/stages.job.ts'

const TASKS = [0, 1, 2, 3]

after(() => rmSync(root, { recursive: true, force: true }))

function textAt(name: string, store: string, checkpoint: string): string {
  const view = storeAtCheckpoint(openDataDir(join(root, name), nodeDisk), store, checkpoint)
  try {
    return [...view.scan()].map((entry) => JSON.stringify(entry)).join('\n')
  } finally {
    view.close()
  }
}

/** Every store of a retained checkpoint is what the plain loop gives for so many sales. */
function assertPast(name: string, checkpoint: string, count: number): void {
  for (const [store, expected] of Object.entries(batchResults(SALES.slice(0, count)))) {
    // Windows close by what comes later.
    if (store === 'closed-hours') continue
    assert.equal(textAt(name, store, checkpoint), expected, `${store} at ${checkpoint}`)
  }
}

describe('checkpoints of engines that keep the newest state only', () => {
  for (const [name, engines] of MAIN_KINDS) {
    it(`${name}: by default nothing is kept and nothing is written twice; one that is asked for is there (C5, K1)`, async () => {
      const { app, file } = await withHalf(name, engines)
      for (const task of TASKS) assert.ok(!existsSync(shadowOf(name, task)))
      const made = await app.checkpoint()
      grow(file)
      await processed(app, SALES.length)
      const second = await app.checkpoint()
      await app.drain()
      assertPast(name, made.checkpoint, HALF)
      assertPast(name, second.checkpoint, SALES.length)
      const data = openDataDir(join(root, name), nodeDisk)
      const listed = listCheckpoints(data)
      assert.deepEqual(
        listed.map(({ checkpoint, kind }) => [checkpoint, kind]),
        [
          [made.checkpoint, 'manual'],
          [second.checkpoint, 'manual'],
        ],
      )
      for (const { parts } of listed) assert.ok(parts.every(({ bytes, files }) => bytes > 0 && files > 0))
      assert.equal((await verifyData(data)).damages, 0)
      await (await run(job, settingsOf(name, file, engines))).done
      await assertBatch(name, SALES, name)

      const stopped = await StoppedJob.open({ disk: nodeDisk, dataDir: join(root, name), clock: systemClock })
      try {
        const third = await stopped.checkpoint()
        assertPast(name, third.checkpoint, SALES.length)
        for (const { checkpoint } of [made, second, third]) assert.ok(stopped.release(checkpoint))
      } finally {
        stopped.close()
      }
      for (const task of TASKS)
        assert.ok(!existsSync(shadowOf(name, task)), 'the last one that is deleted takes the shadow along')
      await (await run(job, settingsOf(name, file, engines))).done
      await assertBatch(name, SALES, `${name}, at the end`)
    })

    it(`${name}: by a policy that is given, of which the newest is the state of the end (C5, K1)`, async () => {
      const own = `${name}-policy`
      const checkpoint = { intervalMs: 40, retain: [{ periodMs: 1000, forMs: 60_000 }] }
      const { app, file } = await withHalf(own, engines, { checkpoint })
      await until('a checkpoint', () => {
        return listCheckpoints(openDataDir(join(root, own), nodeDisk)).some(({ kind }) => kind === 'policy')
      })
      grow(file)
      await processed(app, SALES.length)
      const last = await app.checkpoint()
      await app.drain()
      assertPast(own, last.checkpoint, SALES.length)
      assert.equal((await verifyData(openDataDir(join(root, own), nodeDisk))).damages, 0)
      // A store that is found empty or stale would differ.
      await (await run(job, settingsOf(own, file, engines, { checkpoint }))).done
      await assertBatch(own, SALES, own)
    })
  }
})
