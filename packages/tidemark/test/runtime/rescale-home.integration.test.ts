import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import {
  type App,
  counter,
  defineJob,
  json,
  rescaleSavepoint,
  run,
  type RunOptions,
  stream,
  string,
  uint,
} from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead } from '../../src/ops/read-stream.ts'
import { until } from '../until.ts'
import { readResults } from './fixtures/crash-harness.ts'
import kinds, { LATER_MS, STORES, visits } from './fixtures-rescale/kinds.job.ts'
import { assertBatch, makeSales, options, root, salesFile } from './fixtures-savepoint/sales.ts'
import stages from './fixtures-savepoint/stages.job.ts'

after(() => rmSync(root, { recursive: true, force: true }))

async function rescaled(job: typeof stages, from: string, tasks: number, name: string): Promise<string> {
  return (await rescaleSavepoint(from, { tasks, to: join(root, name), job })).directory
}

describe('a rescaled savepoint where the job has run: steps behind repartitions (R5)', () => {
  const LIST = makeSales(5000)
  const CUT = 1500
  const PART = 2500

  for (const [tasks, engine] of [
    [6, 'lsm'],
    [2, 'leveldb'],
  ] as const) {
    it(`4 tasks to ${tasks}, on ${engine}: what is behind the cut in the streams is processed once, and what comes after it`, async () => {
      const name = `home-${tasks}`
      const growing = salesFile(`growing-${tasks}`, LIST.slice(0, CUT))
      const settings: RunOptions = { ...options(name, growing), containers: 0 }
      const app = await run(stages, { ...settings, inputs: { sales: [{ path: growing, follow: true }] } })
      await until('some records', () => app.progress().records > 1000)
      const { directory } = await app.savepoint()
      writeFileSync(growing, readFileSync(salesFile('part', LIST.slice(0, PART))))
      await until('all records', () => app.progress().records >= PART && app.progress().lag === 0)
      await app.drain()
      const from = await rescaled(stages, directory, tasks, `${name}-savepoint`)
      writeFileSync(growing, readFileSync(salesFile('whole', LIST)))
      const chosen = { ...settings, engine }
      const summary = await (await run(stages, { ...chosen, from })).done
      assert.equal(summary.tasks, Math.max(4, tasks))
      assert.equal(summary.ingested, LIST.length - PART, 'the sources go on where they were')
      assert.equal(summary.records, LIST.length - CUT, 'and the streams at the cut')
      assert.equal(summary.late, 0)
      await assertBatch(name, LIST, 'at home')
      const again = await (await run(stages, chosen)).done
      assert.deepEqual([again.tasks, again.records], [Math.max(4, tasks), 0])
      const streams = new Map(
        openDataDir(join(root, name), nodeDisk)
          .streams()
          .map((s) => [s.name, s.partitions]),
      )
      assert.equal(streams.get('sales'), 4)
      assert.equal(streams.get('sales.shops.repartition@2'), tasks)
    })
  }
})

const USERS = Array.from({ length: 17 }, (_, i) => `user-${i}`)

interface Sent {
  readonly user: string
  readonly page: string
  readonly at: number
}

function makeVisits(): Sent[] {
  const found = Array.from({ length: 300 }, (_, i) => ({
    user: USERS[(i * 7) % Math.min(USERS.length, 1 + Math.floor(i / 15))] as string,
    page: `/${(i * 7) % 5}`,
    at: i * 120_000,
  }))
  const lastMs = 300 * 120_000 + 2 * LATER_MS
  return [...found, ...USERS.map((user, i) => ({ user, page: '/last', at: lastMs + i }))]
}

describe('a rescaled savepoint where the job has run: state by the keys of the source stream (R5)', () => {
  const VISITS = makeVisits()

  function settings(name: string, more: RunOptions = {}): RunOptions {
    return { dataDir: join(root, name), containers: 0, partitions: 3, commit: { intervalMs: 20 }, ...more }
  }

  async function send(app: App, list: readonly Sent[]): Promise<void> {
    await Promise.all(list.map(({ user, page, at }) => app.send(visits, { key: user, value: { page, at } })))
    await until('the visits', () => app.progress().lag === 0)
  }

  /** Ends a run, and one more: what had been on its way to another task is processed then. */
  async function finish(app: App, name: string): Promise<void> {
    await app.drain()
    await (await run(kinds, settings(name, { untilEnd: true }))).done
  }

  /** Values of a stream's records, in any order. */
  function multiset(name: string, from = 0): string[] {
    const read = new StreamRead(openDataDir(join(root, name), nodeDisk), 'welcomes')
    const found = [...read.read()].map(({ key, value }) => JSON.stringify([key, value]))
    read.close()
    return found.slice(from).toSorted()
  }

  async function expected(): Promise<{ stores: Readonly<Record<string, string>>; welcomes: string[] }> {
    const app = await run(kinds, settings('plain'))
    await send(app, VISITS)
    await until('the timers', () => multiset('plain').length >= USERS.length)
    await app.drain()
    return { stores: (await readResults(join(root, 'plain'), STORES, [])).stores, welcomes: multiset('plain') }
  }

  it('3 tasks to 5, to 2, and to 4 from there: stores as if nothing had been, each timer fires', async () => {
    const plain = await expected()
    const app = await run(kinds, settings('kinds'))
    await send(app, VISITS.slice(0, 120))
    const first = await app.savepoint()
    // Behind the cut, in the streams of three partitions.
    await send(app, VISITS.slice(120, 200))
    await app.drain()
    for (const [tasks, lineage] of [
      [5, 2],
      [2, 3],
    ] as const) {
      const from = await rescaled(kinds, first.directory, tasks, `kinds-${tasks}`)
      const home = await run(kinds, settings('kinds', { from, development: true }))
      await until('what is behind the cut', () => home.progress().lag === 0)
      if (tasks === 5) {
        await home.drain()
        continue
      }
      await send(home, VISITS.slice(200, 240))
      const second = await home.savepoint()
      await send(home, VISITS.slice(240))
      await until('the timers', () => multiset('kinds').length >= USERS.length)
      await finish(home, 'kinds')
      const data = openDataDir(join(root, 'kinds'), nodeDisk)
      assert.equal(data.lineages()?.current?.number, lineage)
      assert.equal(data.streams().find(({ name }) => name === 'kinds.visits.keyed@3')?.partitions, 2)
      assert.deepEqual((await readResults(join(root, 'kinds'), STORES, [])).stores, plain.stores, 'at home')
      // Taken behind the repartition, it is rescaled again and starts elsewhere without one; or with it, as it is.
      const again = await rescaled(kinds, second.directory, 4, 'kinds-again')
      for (const [name, savepoint, count, between] of [
        ['elsewhere', again, 4, false],
        ['as-it-is', second.directory, 3, true],
      ] as const) {
        const elsewhere = await run(kinds, settings(name, { from: savepoint, development: true }))
        await send(elsewhere, VISITS.slice(240))
        await until('the timers', () => multiset(name).length > 0)
        await finish(elsewhere, name)
        assert.deepEqual((await readResults(join(root, name), STORES, [])).stores, plain.stores, name)
        const found = openDataDir(join(root, name), nodeDisk)
        assert.equal(found.tasks().length, count)
        assert.equal(
          found.streams().some((each) => each.name === 'kinds.visits.keyed'),
          between,
        )
      }
    }
    // What earlier lineages wrote stays; each timer has fired in the last one.
    const fired = new Set(multiset('kinds'))
    assert.deepEqual([...fired].toSorted(), plain.welcomes)
  })

  it('records without a key are not lost', async () => {
    const clicks = stream('clicks', { key: string(), value: json<{ n: number }>() })
    const perKey = counter('per-key', { key: string(), value: uint() })
    const job = defineJob('through', {
      inputs: { clicks },
      stores: { perKey },
      task: {
        clicks({ key }, { stores }) {
          stores.perKey.add(key ?? 'none')
        },
      },
    })
    const make = (more: RunOptions = {}): Promise<App> => run(job, settings('through', { partitions: 2, ...more }))
    const app = await make()
    await app.send(clicks, { key: 'a', value: { n: 1 } })
    await until('it', () => app.progress().records === 1)
    const { directory } = await app.savepoint()
    await app.drain()
    const from = await rescaled(job, directory, 3, 'through-3')
    const home = await make({ from })
    await home.send(clicks, { key: 'a', value: { n: 2 } })
    await home.send(clicks, { key: null as unknown as string, value: { n: 3 } })
    await until('both', () => home.progress().records === 2 && home.progress().lag === 0)
    // Of two tasks, each with commits of its own.
    await until('the commit of one', async () => (await home.store(perKey).get('none')) === 1)
    await until('the commit of the other', async () => (await home.store(perKey).get('a')) === 2)
    await home.drain()
  })
})
