import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { run, type RunOptions, type SavepointInfo } from '../../src/index.ts'
import { StoppedJob } from '../../src/ops/stopped-job.ts'
import { THOROUGH } from '../thorough.ts'
import { until } from '../until.ts'
import { assertBatch, JOB, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'
import { runChild } from './fixtures/crash-harness.ts'
import job from './fixtures-savepoint/stages.job.ts'

const LIST = makeSales(4000)
const PART = 2500
const whole = salesFile('whole', LIST)

type Engines = Pick<RunOptions, 'engine' | 'storeEngines'>

const SPLIT: Engines = { engine: 'lsm', storeEngines: { 'per-item': 'rocksdb', 'per-shop-hour': 'lmdb' } }
const ROUND: readonly (readonly [name: string, engines: Engines])[] = [
  ['rocksdb', { engine: 'rocksdb' }],
  ['leveldb', { engine: 'leveldb' }],
  ['lmdb', { engine: 'lmdb' }],
  ['several', SPLIT],
  ['memory', { engine: 'memory' }],
  ['lsm', { engine: 'lsm' }],
]

after(() => rmSync(root, { recursive: true, force: true }))

function settingsOf(name: string, file: string, engines: Engines): RunOptions {
  return { ...options(name, file), ...engines, containers: 0 }
}

/** Runs the first part of the sales, takes a savepoint on the way, and stops. */
async function takeFrom(
  name: string,
  engines: Engines,
): Promise<{ readonly file: string; readonly taken: SavepointInfo }> {
  const file = salesFile(`file-${name}`, LIST.slice(0, PART))
  const app = await run(job, { ...settingsOf(name, file, engines), inputs: { sales: [{ path: file, follow: true }] } })
  await until('some records', () => app.progress().records > 500)
  const taken = await app.savepoint()
  await until('all records', () => app.progress().records >= PART && app.progress().lag === 0)
  await app.drain()
  writeFileSync(file, readFileSync(whole))
  return { file, taken }
}

describe('savepoints on every engine, started on the same and on another one', () => {
  for (const [i, [name, engines]] of ROUND.entries()) {
    const [other, otherEngines] = ROUND[(i + 1) % ROUND.length] as (typeof ROUND)[number]
    it(`${name}: on itself, and on ${other}: the results of a plain loop, byte for byte (K3)`, async () => {
      const { file, taken } = await takeFrom(name, engines)
      assert.ok(taken.files > 0 && taken.bytes > 0)
      for (const task of [0, 1, 2, 3]) {
        assert.ok(!existsSync(join(root, name, `state/${task}/shadow`)), 'no copy is left')
      }
      for (const [to, chosen] of [
        [name, engines],
        [other, otherEngines],
      ] as const) {
        const target = `${name}-to-${to}`
        const summary = await (await run(job, { ...settingsOf(target, file, chosen), from: taken.directory })).done
        assert.ok(summary.records > 0 && summary.records < LIST.length, `${summary.records} records came after it`)
        await assertBatch(target, LIST, `${name} to ${to}`)
        for (const task of [0, 1, 2, 3]) {
          assert.ok(
            !readdirSync(join(root, target, `state/${task}`)).includes('importing'),
            'what was imported is gone',
          )
        }
        // It keeps its engine: the next run finds everything where it is.
        assert.equal((await (await run(job, settingsOf(target, file, chosen))).done).records, 0)
        await assertBatch(target, LIST, `${name} to ${to}, again`)
      }
    })
  }

  it('at home: the job goes on with another engine, in a new lineage; the old state stays', async () => {
    const { file, taken } = await takeFrom('home', { engine: 'rocksdb' })
    await assert.rejects(run(job, settingsOf('home', file, { engine: 'lmdb' })), {
      code: 'ERR_ENGINE_CHANGED',
      message: /savepoint/,
    })
    await (await run(job, { ...settingsOf('home', file, { engine: 'lmdb' }), from: taken.directory })).done
    await (await run(job, settingsOf('home', file, { engine: 'lmdb' }))).done
    await assertBatch('home', LIST, 'on another engine')
    assert.ok(existsSync(join(root, 'home/state/0/rocksdb')), 'the old lineage has its state')
  })

  it('of a stopped job', async () => {
    const file = salesFile('stopped', LIST)
    await (await run(job, settingsOf('stopped', file, SPLIT))).done
    const stopped = await StoppedJob.open({ disk: nodeDisk, dataDir: join(root, 'stopped'), clock: systemClock })
    try {
      await stopped.savepoint(join(root, 'stopped-savepoint'))
    } finally {
      stopped.close()
    }
    const start = { ...settingsOf('started', file, { engine: 'leveldb' }), from: join(root, 'stopped-savepoint') }
    assert.equal((await (await run(job, start)).done).records, 0)
    await assertBatch('started', LIST, 'from a stopped job')
  })
})

describe('kill -9 in the middle of an import (K5, C8)', () => {
  // Each engine alone is killed in an import by engines/shadow-kills.
  for (const [i, [name, engines]] of ROUND.slice(THOROUGH ? 0 : 2, 4).entries()) {
    it(`${name}: after some batches; the start is made again, wholly, on this engine or another`, async () => {
      const { file, taken } = await takeFrom(`killed-${name}`, engines)
      const target = `killed-${name}-target`
      for (const nth of THOROUGH ? [1, 4] : [i % 2 === 0 ? 1 : 4]) {
        const settings = { ...options(target, file), ...engines, from: taken.directory }
        const killed = await runChild(JOB, settings, { failpoint: `restore-after-batch:${nth}` })
        assert.equal(killed.signal, 'SIGKILL', killed.stderr)
        await assert.rejects(run(job, settingsOf(target, file, engines)), { code: 'ERR_SAVEPOINT_INCOMPLETE' })
      }
      const last: Engines = name === 'lmdb' ? { engine: 'lsm' } : engines
      await (await run(job, { ...settingsOf(target, file, last), from: taken.directory })).done
      await assertBatch(target, LIST, 'after the kills')
      await (await run(job, settingsOf(target, file, last))).done
      await assertBatch(target, LIST, 'once more')
    })
  }
})
