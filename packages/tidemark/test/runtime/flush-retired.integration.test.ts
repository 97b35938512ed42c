import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { defineJob, type Job, kv, run, string, uint } from '../../src/index.ts'
import { LogHost } from '../../src/log/embedded/log-host.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { flushRetired } from '../../src/runtime/flush-retired.ts'
import { until } from '../until.ts'
import { order, orders } from './streams.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-retired-'))
after(() => rmSync(root, { recursive: true, force: true }))

const wide = { ...orders, name: 'wide', partitions: 3 }
const narrow = { ...orders, name: 'narrow', partitions: 1 }
const counts = kv('counts', { key: string(), value: uint() })
const others = kv('others', { key: string(), value: uint() })

/** Three tasks that count; one that is sent an order for `fail` ends the run, before anything is flushed. */
const before = defineJob('changing', {
  inputs: { wide },
  stores: { counts },
  task: {
    wide: ({ key, value }, { stores }) => {
      if (value.item === 'fail') throw new Error('out')
      stores.counts.update(key, (n) => (n ?? 0) + 1)
    },
  },
})

/** What became of it: one task, and another store. */
const now = defineJob('changing', (job) => job.from(narrow).groupByKey().count(others))

const KEYS = Array.from({ length: 30 }, (_, i) => `key-${i}`)

async function runBefore(dataDir: string, end: 'fail' | 'drain'): Promise<void> {
  await using app = await run(before, { dataDir, commit: { intervalMs: 20 } })
  const already = app.progress().records
  for (const key of KEYS) await app.send(wide, { key, value: order('tea', 1) })
  await until('all is committed', async () => {
    if (app.progress().records < already + KEYS.length) return false
    let least = Number.POSITIVE_INFINITY
    for (const key of KEYS) least = Math.min(least, (await app.store(counts).get(key)) ?? 0)
    return least > 0 && app.progress().lag === 0 && app.progress().checkpoints >= 3
  })
  if (end === 'drain') await app.drain()
  else {
    await app.send(wide, { key: 'key-0', value: order('fail', 1) })
    await assert.rejects(app.done, { code: 'ERR_HANDLER_FAILED' })
  }
}

/** Runs the job as it is now; returns its warnings. */
async function runNow(dataDir: string, job: Job = now): Promise<string[]> {
  const warnings: string[] = []
  await using app = await run(job, { dataDir, onWarning: (line) => warnings.push(line) })
  await app.drain()
  return warnings
}

async function counted(dataDir: string): Promise<Map<unknown, unknown>> {
  const view = await openDataDir(dataDir, nodeDisk).store('counts')
  const entries = new Map<unknown, unknown>()
  for (const { key, value } of view.scan()) entries.set(key, value)
  view.close()
  return entries
}

function filesOf(dataDir: string, task: number): string[] {
  return readdirSync(join(dataDir, 'state', String(task))).filter((name) => name.endsWith('.sorted'))
}

test('deltas of tasks that the plan no longer has go into their files, and the log is told; others are left alone', async () => {
  const dataDir = join(root, 'direct')
  await runBefore(dataDir, 'fail')
  const expected = await counted(dataDir)
  assert.equal(expected.size, KEYS.length)
  const host = await LogHost.start({ directory: dataDir, job: 'changing' })
  const warnings: string[] = []
  const left = async (): Promise<number[]> => {
    const states = (await host.producers()).filter(({ producer }) => producer.startsWith('task:'))
    states.sort((a, b) => (a.producer < b.producer ? -1 : 1))
    return Promise.all(states.map(async (s) => (await host.deltas(s.producer, s.flushedId)).length))
  }
  assert.ok((await left()).every((deltas) => deltas > 0))
  await flushRetired({ host, disk: nodeDisk, tasks: 1, onWarning: (line) => warnings.push(line) })
  const [first, ...retired] = await left()
  assert.ok(first !== undefined && first > 0)
  assert.deepEqual(retired, [0, 0])
  assert.deepEqual(warnings, [])
  await host.close()
  assert.deepEqual(await counted(dataDir), expected)
})

test('a run of the new plan does it; nothing is lost, and the old plan goes on from there', async () => {
  const dataDir = join(root, 'run')
  await runBefore(dataDir, 'fail')
  assert.deepEqual(
    [1, 2].map((task) => filesOf(dataDir, task).length),
    [0, 0],
  )
  assert.deepEqual(await runNow(dataDir), [])
  assert.deepEqual(
    [1, 2].map((task) => filesOf(dataDir, task).length),
    [1, 1],
  )
  const drained = defineJob('changing', {
    inputs: { wide },
    stores: { counts },
    task: { wide: ({ key }, { stores }) => void stores.counts.update(key, (n) => (n ?? 0) + 1) },
  })
  await using app = await run(drained, { dataDir, untilEnd: true })
  await app.done
  // The order for `fail` is counted too, now.
  assert.deepEqual(await counted(dataDir), new Map(KEYS.map((key) => [key, key === 'key-0' ? 2 : 1])))
})

test('state that cannot be opened is a warning: the run does not need it', async () => {
  const dataDir = join(root, 'damaged')
  await runBefore(dataDir, 'drain')
  await runBefore(dataDir, 'fail')
  const directory = join(dataDir, 'state', '2')
  for (const name of readdirSync(directory)) writeFileSync(join(directory, name), 'not what was here')
  const warnings = await runNow(dataDir)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /the state of task:changing\/2, which the job no longer has, stays in the journal/)
})
