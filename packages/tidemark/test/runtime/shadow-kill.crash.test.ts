import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { INSTALL_STEPS } from '../../src/checkpoint/state-restore.ts'
import { run, type RunOptions } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { verifyData } from '../../src/ops/verify-data.ts'
import { runChild } from './fixtures/crash-harness.ts'
import { assertBatch, JOB, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'
import job from './fixtures-savepoint/stages.job.ts'

const LIST = makeSales(1200)
const KINDS: readonly Pick<RunOptions, 'engine' | 'storeEngines'>[] = [
  { engine: 'rocksdb' },
  { engine: 'leveldb' },
  { engine: 'lmdb' },
  { engine: 'lsm', storeEngines: { 'per-item': 'rocksdb', 'per-shop-hour': 'lmdb', 'updates-by-kind': 'leveldb' } },
]

after(() => rmSync(root, { recursive: true, force: true }))

function settingsFor(name: string, kind: number): RunOptions {
  const to = pathToFileURL(join(root, `place-${name}`)).href
  const checkpoint = { to, uploadIntervalMs: 20, intervalMs: 60, retain: [{ periodMs: 60, forMs: 300 }] }
  return { ...options(name, salesFile(name, LIST)), containers: 1, ...KINDS[kind % KINDS.length], checkpoint }
}

/** On this thread: what is tested is what a killed process has left, and threads take long to start. */
async function finish(settings: RunOptions): Promise<void> {
  await (await run(job, { ...settings, containers: 0 })).done
}

async function check(name: string, what: string): Promise<void> {
  await assertBatch(name, LIST, what)
  assert.equal((await verifyData(openDataDir(join(root, name), nodeDisk))).damages, 0, what)
}

const WRITING = [
  'shadow-before-write',
  'shadow-after-write',
  'engine-before-commit',
  'engine-after-commit',
  'retain-before-record',
  'retain-before-manifest',
  'retain-after-manifest',
  'release-before-record',
  'upload-after-file',
  'upload-before-record',
  'upload-after-record',
]

describe('kill -9 of a job on engines with a shadow, as it writes, keeps and uploads (C1, C4, C5, C6, K1, K6)', () => {
  for (const [i, point] of WRITING.entries()) {
    it(`killed at ${point} on ${JSON.stringify(KINDS[i % KINDS.length])}: it goes on; what is uploaded is whole`, async () => {
      const settings = settingsFor(point, i)
      for (const count of [2, 5]) {
        const killed = await runChild(JOB, settings, { failpoint: `${point}:${count}` })
        assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      }
      await finish(settings)
      await check(point, point)
      rmSync(join(root, point, 'state'), { recursive: true })
      await finish(settings)
      await check(point, `${point}, from elsewhere`)
    })
  }
})

describe('kill -9 while such a task is restored (C6, C8)', () => {
  const points = [
    ...INSTALL_STEPS,
    'load-after-file',
    'load-before-mark',
    'shadow-after-import-batch',
    'shadow-before-import-end',
  ]
  for (const [i, point] of points.entries()) {
    it(`killed at ${point} on ${JSON.stringify(KINDS[i % KINDS.length])}: the next start has the whole state`, async () => {
      const settings = settingsFor(point, i)
      await finish(settings)
      rmSync(join(root, point, 'state'), { recursive: true })
      const killed = await runChild(JOB, settings, { failpoint: `${point}:2` })
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      await finish(settings)
      await check(point, point)
      for (const task of [0, 1, 2, 3]) assert.ok(existsSync(join(root, point, `state/${task}/shadow/MANIFEST`)))
    })
  }
})
