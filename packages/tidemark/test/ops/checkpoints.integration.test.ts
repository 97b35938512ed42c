import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { type App, defineJob, kv, run, session, stream, string, uint, windows } from '../../src/index.ts'
import { listCheckpoints } from '../../src/ops/checkpoints.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { storeAtCheckpoint } from '../../src/ops/past-store.ts'
import { diffStores } from '../../src/ops/state-diff.ts'
import type { StoreView } from '../../src/ops/store-view.ts'
import { until } from '../until.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-past-'))
after(() => rmSync(root, { recursive: true, force: true }))

const hits = stream('hits', { key: string(), value: uint() })
const counts = kv('counts', { key: string(), value: uint() })
const recent = kv('recent', { key: string(), value: uint(), ttl: { after: '300ms', time: 'processing' } })

const job = defineJob('past', {
  inputs: { hits },
  stores: { counts, recent },
  task: {
    hits({ key, value }, { stores }) {
      if (key === null) return
      stores.counts.update(key, (n) => (n ?? 0) + value)
      stores.recent.put(key, value)
    },
  },
})

function read(view: StoreView): Record<string, number> {
  try {
    return Object.fromEntries([...view.scan()].map(({ key, value }) => [key as string, value as number]))
  } finally {
    view.close()
  }
}

async function hit(app: App, key: string, sum: number): Promise<void> {
  await app.send(hits, { key, value: 1 })
  await until(`${key} ${sum}`, async () => (await app.store(counts).get(key)) === sum)
}

test('the policy keeps checkpoints of a run; each reads as the state of its time, and the differences add up', async () => {
  const dataDir = join(root, 'policy')
  const retain = [{ periodMs: 50, forMs: 3_600_000 }]
  const app = await run(job, {
    dataDir,
    partitions: 2,
    commit: { intervalMs: 5 },
    checkpoint: { intervalMs: 50, retain },
  })
  const data = openDataDir(dataDir, nodeDisk)
  for (let round = 1; round <= 4; round++) {
    await hit(app, 'a', round)
    if (round % 2 === 0) await hit(app, `b${round}`, 1)
    await until(`checkpoint ${round}`, () => {
      data.refresh()
      const list = listCheckpoints(data)
      const newest = list.at(-1)?.checkpoint
      // Two tasks may make two of one round: the newest has to be of this one.
      if (newest === undefined || list.length < round) return false
      return read(storeAtCheckpoint(data, 'counts', newest))['a'] === round
    })
  }
  await app.drain()
  data.refresh()
  const names = listCheckpoints(data).map(({ checkpoint, kind }) => {
    assert.equal(kind, 'policy')
    return checkpoint
  })
  const states = names.map((name) => read(storeAtCheckpoint(data, 'counts', name)))
  const model = new Map<string, unknown>(Object.entries(states[0] ?? {}))
  for (const [index, name] of names.entries()) {
    const before = names[index - 1]
    if (before === undefined) continue
    const views = [before, name].map((each) => storeAtCheckpoint(data, 'counts', each, { rawValues: true }))
    for (const change of diffStores(views[0] as StoreView, views[1] as StoreView)) {
      assert.equal('before' in change ? change.before : undefined, model.get(change.key as string))
      if ('after' in change) model.set(change.key as string, change.after)
      else model.delete(change.key as string)
    }
    for (const view of views) view.close()
    assert.deepEqual(Object.fromEntries(model), states[index], name)
  }
  assert.equal(states.at(-1)?.['a'], 4)
})

test('entries with a time to live are read by the clock of the checkpoint', async () => {
  const dataDir = join(root, 'ttl')
  const app = await run(job, { dataDir, partitions: 1, commit: { intervalMs: 5 } })
  await hit(app, 'a', 1)
  const { checkpoint } = await app.checkpoint()
  const data = openDataDir(dataDir, nodeDisk)
  assert.deepEqual(read(storeAtCheckpoint(data, 'recent', checkpoint)), { a: 1 })
  await until('a has ended', async () => (await app.store(recent).get('a')) === undefined)
  // The next commit's clock is past the end of it.
  await hit(app, 'b', 1)
  await app.drain()
  data.refresh()
  assert.deepEqual(Object.keys(read(await data.store('recent'))), ['b'])
  assert.deepEqual(read(storeAtCheckpoint(data, 'recent', checkpoint)), { a: 1 })
})

test('tools see no window or session that has expired by the commit they read, be it in a file, in memory or deleted', async () => {
  const hour = 3_600_000
  const timed = stream('timed', { key: string(), value: uint(), time: (at) => at })
  const perHour = windows('per-hour', { key: string(), value: uint(), retention: '1h' })
  const stays = session('stays', { key: string(), value: uint(), gap: '1m', retention: '1h' })
  const windowed = defineJob('windowed', {
    inputs: { timed },
    stores: { perHour, stays },
    task: {
      timed({ key, value }, { stores }) {
        const start = value - (value % hour)
        stores.perHour.put(key, { start, end: start + hour }, value)
        stores.stays.merge(key, value, (parts) => parts.length)
      },
    },
  })
  for (const engine of ['lsm', 'leveldb']) {
    const dataDir = join(root, `windowed-${engine}`)
    const app = await run(windowed, { dataDir, partitions: 1, containers: 0, engine, commit: { intervalMs: 5 } })
    const put = async (key: string, value: number): Promise<void> => {
      await app.send(timed, { key, value })
      await until(key, async () => (await app.store(perHour).get(key, { start: value - (value % hour) })) === value)
    }
    await put('a', 10 * hour)
    const kept = engine === 'lsm' ? (await app.checkpoint()).checkpoint : null
    await put('b', 13 * hour)
    const seen = async (store: typeof perHour | typeof stays): Promise<string[]> => {
      const keys: string[] = []
      for await (const { key } of app.store(store).scan()) keys.push(key)
      return keys
    }
    const data = openDataDir(dataDir, nodeDisk)
    for (const store of [perHour, stays]) {
      assert.deepEqual(await seen(store), ['b'], `${engine}, the job`)
      assert.deepEqual(Object.keys(read(await data.store(store.name))), ['b'], `${engine}, a tool beside it`)
      if (kept !== null) assert.deepEqual(Object.keys(read(storeAtCheckpoint(data, store.name, kept))), ['a'])
    }
    await app.drain()
    data.refresh()
    for (const { name } of [perHour, stays]) assert.deepEqual(Object.keys(read(await data.store(name))), ['b'])
  }
})

test('ERR_CHECKPOINT_NOT_FOUND and ERR_UNKNOWN_STORE say what there is', async () => {
  const data = openDataDir(join(root, 'ttl'), nodeDisk)
  const [only] = listCheckpoints(data)
  assert.throws(() => storeAtCheckpoint(data, 'recent', '20200101-000000'), {
    code: 'ERR_CHECKPOINT_NOT_FOUND',
    message: new RegExp(`nearest is ${only?.checkpoint}`),
  })
  assert.throws(() => storeAtCheckpoint(data, 'recnt', only?.checkpoint ?? ''), {
    code: 'ERR_UNKNOWN_STORE',
    message: /Did you mean "recent"/,
  })
})
