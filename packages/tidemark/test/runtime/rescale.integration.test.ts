import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { batch } from '../../../../examples/01-flights/batch.ts'
import flightsJob, { type AirportHour } from '../../../../examples/01-flights/flights.job.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { type App, type Job, rescaleSavepoint, run, type RunOptions, type SavepointInfo } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead } from '../../src/ops/read-stream.ts'
import { verifySavepoint } from '../../src/ops/verify-savepoint.ts'
import { until } from '../until.ts'
import { readResults } from './fixtures/crash-harness.ts'
import { FLIGHTS } from './fixtures/flights-crash.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { bytesOf } from '../../src/testing/base-model.ts'
import kinds, { LATER_MS, STORES, type Visit, visits } from './fixtures-rescale/kinds.job.ts'
import { assertBatch, batchResults, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'
import stages from './fixtures-savepoint/stages.job.ts'

after(() => rmSync(root, { recursive: true, force: true }))

/** Results go by the keys, whatever the number of tasks: values of a stream's records, in any order. */
function multiset(dataDir: string, stream: string): string[] {
  const data = openDataDir(dataDir, nodeDisk)
  if (!data.streams().some(({ name }) => name === stream)) return []
  const read = new StreamRead(data, stream)
  const found = [...read.read()].map(({ key, value }) => JSON.stringify([key, value]))
  read.close()
  return found.toSorted()
}

async function rescaled(job: Job, from: string, tasks: number, name: string): Promise<string> {
  const made = await rescaleSavepoint(from, { tasks, to: join(root, name), job })
  assert.deepEqual([made.tasks, made.directory], [tasks, join(root, name)])
  assert.equal((await verifySavepoint(nodeDisk, made.directory)).damages, 0)
  assert.deepEqual(readdirSync(made.directory).toSorted(), ['savepoint', 'tasks'], 'nothing else is left')
  return made.directory
}

describe('a pipeline of three stages with windows, from files (R1, R3)', () => {
  const LIST = makeSales(3000)
  const PART = 1800
  const growing = salesFile('growing', LIST.slice(0, PART))
  let taken: SavepointInfo

  function settings(name: string, more: RunOptions = {}): RunOptions {
    return { ...options(name, growing), containers: 0, ...more }
  }

  before(async () => {
    const inputs = { sales: [{ path: growing, follow: true }] }
    const app = await run(stages, settings('four', { inputs }))
    await until('some records', () => app.progress().records > 800)
    taken = await app.savepoint({ to: join(root, 'of-four') })
    await app.drain()
    writeFileSync(growing, readFileSync(salesFile('whole', LIST)))
  })

  for (const tasks of [7, 2, 1]) {
    it(`4 tasks to ${tasks}: the results of a plain loop, byte for byte`, async () => {
      const from = await rescaled(stages, taken.directory, tasks, `to-${tasks}`)
      const summary = await (await run(stages, settings(`at-${tasks}`, { from }))).done
      assert.equal(summary.tasks, tasks)
      assert.ok(summary.records > 0 && summary.records < LIST.length, `${summary.records} records came after it`)
      assert.equal(summary.late, 0)
      await assertBatch(`at-${tasks}`, LIST, `with ${tasks} tasks`)
      // It runs on in that number.
      const again = await (await run(stages, settings(`at-${tasks}`))).done
      assert.deepEqual([again.tasks, again.records], [tasks, 0])
      await assertBatch(`at-${tasks}`, LIST, 'again')
    })
  }

  it('to 3 and back to 4 is the same state', async () => {
    const there = await rescaled(stages, taken.directory, 3, 'to-3')
    const back = await rescaled(stages, there, 4, 'back-to-4')
    await (await run(stages, settings('at-4-again', { from: back }))).done
    await assertBatch('at-4-again', LIST, 'there and back')
  })

  it('of native engines, to another one', async () => {
    const inputs = { sales: [{ path: growing, follow: true }] }
    const app = await run(stages, settings('rocks', { inputs, engine: 'rocksdb', partitions: 3 }))
    await until('some records', () => app.progress().records > 800)
    const { directory } = await app.savepoint({ to: join(root, 'of-rocks') })
    await app.drain()
    const from = await rescaled(stages, directory, 5, 'of-rocks-to-5')
    await (await run(stages, settings('at-lmdb', { from, engine: 'lmdb' }))).done
    await assertBatch('at-lmdb', LIST, 'rocksdb with 3 tasks to lmdb with 5')
  })

  it('of a job that had come to its end: what comes more is not late, though one task is ahead of the others', async () => {
    const part = salesFile('ended', LIST.slice(0, PART))
    const ended = { ...settings('ended'), inputs: { sales: [{ path: part }] } }
    await (await run(stages, ended)).done
    const app = await run(stages, { ...ended, inputs: { sales: [{ path: part, follow: true }] } })
    const { directory } = await app.savepoint({ to: join(root, 'of-ended') })
    await app.drain()
    const from = await rescaled(stages, directory, 6, 'of-ended-to-6')
    writeFileSync(part, readFileSync(growing))
    const summary = await (await run(stages, { ...ended, dataDir: join(root, 'at-6'), from })).done
    assert.equal(summary.late, 0)
    const { stores } = await readResults(join(root, 'at-6'), ['per-item', 'per-shop-hour'], [])
    const whole = batchResults(LIST)
    assert.deepEqual(stores, { 'per-item': whole['per-item'], 'per-shop-hour': whole['per-shop-hour'] })
  })

  it('the savepoint that it was made of is only read', async () => {
    assert.equal((await verifySavepoint(nodeDisk, taken.directory)).damages, 0)
    await (await run(stages, settings('at-first', { from: taken.directory }))).done
    await assertBatch('at-first', LIST, 'from the first one')
  })
})

describe('real flights, from one task (R1, R3)', () => {
  it('to 3 tasks, and on to 2: what a batch computation gives', async () => {
    const lines = gunzipSync(readFileSync(FLIGHTS)).toString().split('\n').slice(0, 30_001)
    const path = join(root, 'flights.csv')
    const upTo = (rows: number): void => writeFileSync(path, `${lines.slice(0, rows + 1).join('\n')}\n`)
    const settings = (name: string, more: RunOptions = {}): RunOptions => ({
      dataDir: join(root, name),
      containers: 0,
      recentMaxBytes: 64 * 1024,
      inputs: { flights: [{ path }] },
      ...more,
    })
    const stop = async (name: string, more: RunOptions = {}): Promise<string> => {
      const app = await run(flightsJob, settings(name, { inputs: { flights: [{ path, follow: true }] }, ...more }))
      await until('all rows', () => app.progress().records > 0 && app.progress().lag === 0)
      const taken = await app.savepoint({ to: join(root, `of-${name}`) })
      await app.drain()
      return taken.directory
    }
    upTo(10_000)
    const three = await rescaled(flightsJob, await stop('flights-1'), 3, 'flights-to-3')
    upTo(20_000)
    const two = await rescaled(flightsJob, await stop('flights-3', { from: three }), 2, 'flights-to-2')
    upTo(30_000)
    const summary = await (await run(flightsJob, settings('flights-2', { from: two }))).done
    assert.deepEqual([summary.tasks, summary.late], [2, 0])
    const expected = await batch(path)
    const data = openDataDir(join(root, 'flights-2'), nodeDisk)
    const aircraft = await data.store('flights-by-aircraft')
    const counts = new Map([...aircraft.scan()].map(({ key, value }) => [key as string, value as number]))
    aircraft.close()
    assert.deepEqual(counts, new Map([...expected.flightsByAircraft].toSorted(([a], [b]) => (a < b ? -1 : 1))))
    const hours = await data.store('delays-by-airport-hour')
    const found = new Map([...hours.scan()].map(({ key, value, window }) => [`${String(key)}@${window?.start}`, value]))
    hours.close()
    assert.deepEqual(found, expected.delaysByAirportHour)
    // Each window has come out once, be it of which run.
    const out = ['flights-1', 'flights-3', 'flights-2'].flatMap((name) =>
      multiset(join(root, name), 'delays-by-airport-hour'),
    )
    const windows = out.map((row) => JSON.parse(row)[1] as AirportHour)
    assert.equal(windows.length, expected.delaysByAirportHour.size)
    for (const { origin, hour, ...delays } of windows) {
      assert.deepEqual(delays, expected.delaysByAirportHour.get(`${origin}@${Date.parse(`${hour}Z`)}`))
    }
  })
})

const USERS = Array.from({ length: 23 }, (_, i) => `user-${i}`)

/** In order of time; at the end each user comes once more, late enough for every timer. */
function makeVisits(): (Visit & { readonly user: string })[] {
  const found = Array.from({ length: 240 }, (_, i) => ({
    // They come one after the other, so that their timers do.
    user: USERS[(i * 7) % Math.min(USERS.length, 1 + Math.floor(i / 8))] as string,
    page: `/${(i * 7) % 5}`,
    at: i * 240_000,
  }))
  const lastMs = 240 * 240_000 + 2 * LATER_MS
  return [...found, ...USERS.map((user, i) => ({ user, page: '/last', at: lastMs + i }))]
}

describe('a task with stores of every kind, timers, and keys by a function (R1, R3)', () => {
  const VISITS = makeVisits()
  const PART = 110

  function settings(name: string, more: RunOptions = {}): RunOptions {
    return {
      dataDir: join(root, name),
      containers: 0,
      partitions: 3,
      commit: { intervalMs: 20 },
      recentMaxBytes: 4096,
      ...more,
    }
  }

  async function send(app: App, list: readonly (Visit & { readonly user: string })[]): Promise<void> {
    const had = app.progress().records
    await Promise.all(list.map(({ user, page, at }) => app.send(visits, { key: user, value: { page, at } })))
    await until('the visits', () => app.progress().records === had + list.length && app.progress().lag === 0)
  }

  /** How many timers fire by the first `count` visits: those of users whose partition has come to their time. */
  function due(count: number, partitions: number): number {
    const partition = (user: string): number => partitionOf(murmur2(bytesOf(user)), partitions)
    const timeMs = new Map<number, number>()
    const firstMs = new Map<string, number>()
    for (const { user, at } of VISITS.slice(0, count)) {
      timeMs.set(partition(user), at)
      if (!firstMs.has(user)) firstMs.set(user, at)
    }
    return [...firstMs].filter(([user, at]) => at + LATER_MS <= (timeMs.get(partition(user)) ?? 0)).length
  }

  /** Until every user's timer has fired. */
  async function finish(app: App, name: string, fired: readonly string[]): Promise<string[]> {
    const all = (): string[] => [...fired, ...multiset(join(root, name), 'welcomes')].toSorted()
    await until('the timers', () => all().length >= USERS.length)
    await app.drain()
    return all()
  }

  it('3 tasks to 5 and to 1: stores as those of one task, and every timer has fired once', async () => {
    const one = await run(kinds, settings('kinds-1', { partitions: 1 }))
    await send(one, VISITS)
    const expected = await finish(one, 'kinds-1', [])
    const { stores: expectedStores } = await readResults(join(root, 'kinds-1'), STORES, [])

    const first = await run(kinds, settings('kinds-3'))
    await send(first, VISITS.slice(0, PART))
    // What has been processed may have timers that fire a moment later: none of them between savepoint and drain.
    await until('the timers that are due', () => multiset(join(root, 'kinds-3'), 'welcomes').length >= due(PART, 3))
    const taken = await first.savepoint({ to: join(root, 'kinds-savepoint') })
    await first.drain()
    const fired = multiset(join(root, 'kinds-3'), 'welcomes')
    assert.ok(fired.length > 0 && fired.length < USERS.length, `${fired.length} timers had fired`)

    for (const tasks of [5, 1]) {
      const name = `kinds-to-${tasks}`
      const from = await rescaled(kinds, taken.directory, tasks, `${name}-savepoint`)
      const app = await run(kinds, settings(name, { from, development: true }))
      await send(app, VISITS.slice(PART))
      assert.deepEqual(await finish(app, name, fired), expected, `timers with ${tasks} tasks`)
      const { stores } = await readResults(join(root, name), STORES, [])
      assert.deepEqual(stores, expectedStores, `stores with ${tasks} tasks`)
      assert.equal(openDataDir(join(root, name), nodeDisk).tasks().length, tasks)
    }
  })

  it('without the job it is refused, and nothing is left: ERR_STORE_RESCALE', async () => {
    const to = join(root, 'kinds-refused')
    const made = rescaleSavepoint(join(root, 'kinds-savepoint'), { tasks: 2, to })
    await assert.rejects(made, { code: 'ERR_STORE_RESCALE', message: /--job/ })
    assert.deepEqual(existsSync(to) ? readdirSync(to) : [], [])
  })
})
