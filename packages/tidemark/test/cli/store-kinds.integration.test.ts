import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  type App,
  counter,
  defineJob,
  int64,
  json,
  list,
  run,
  session,
  set,
  stream,
  string,
  versioned,
} from '../../src/index.ts'
import { tidemark } from './spawn.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-kinds-'))
after(() => rmSync(dataDir, { recursive: true, force: true }))

interface Visit {
  readonly page: string
  readonly at: number
}

const visits = stream('visits', { key: string(), value: json<Visit>(), time: (visit) => visit.at, partitions: 2 })
const stays = session('stays', { key: string(), value: json<{ pages: number }>(), gap: 10, retention: 'forever' })
const pageOf = versioned('page-of', { key: string(), value: string(), history: 'forever' })
const clicks = counter('clicks', { key: string(), value: int64() })
const trail = list('trail', { key: string(), value: string() })
const seen = set('seen', { key: string(), value: string() })

const job = defineJob('kinds', {
  inputs: { visits },
  stores: { stays, pageOf, clicks, trail, seen },
  task: {
    visits({ key, value }, { stores }) {
      stores.stays.merge(key, value.at, (parts) => ({ pages: parts.reduce((sum, part) => sum + part.value.pages, 1) }))
      if (value.page === '') stores.pageOf.delete(key, value.at)
      else stores.pageOf.put(key, value.page, value.at)
      stores.clicks.add(key)
      stores.trail.append(key, value.page)
      stores.trail.trim(key, 2)
      stores.seen.add(key, value.page)
    },
  },
})

const VISITS = [
  ['ada', '/a', 0],
  ['bob', '/b', 1],
  ['ada', '/b', 5],
  ['ada', '', 40],
] as const

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

async function askApp(app: App): Promise<unknown> {
  return {
    stay: await app.store(stays).get('ada', { start: 0 }),
    page: await app.store(pageOf).get('ada', { asOf: 39 }),
    now: (await app.store(pageOf).get('ada')) ?? null,
    clicks: [await app.store(clicks).get('ada'), await app.store(clicks).get('nobody')],
    trail: [await app.store(trail).get('ada'), await app.store(trail).get('nobody')],
    seen: [await app.store(seen).get('ada'), await app.store(seen).get('nobody')],
    elements: await all(app.store(trail).scan()),
    versions: (await all(app.store(pageOf).scan())).length,
  }
}

const byKey = (a: { readonly key: unknown }, b: { readonly key: unknown }): number =>
  String(a.key) < String(b.key) ? -1 : Number(a.key !== b.key)

describe('stores of every kind, from outside', () => {
  let checkpoint = ''

  before(async () => {
    await using app = await run(job, { dataDir, containers: 0, commit: { intervalMs: 20 } })
    const processed = async (ada: bigint, bob: bigint): Promise<void> => {
      const deadline = Date.now() + 10_000
      while ((await app.store(clicks).get('ada')) !== ada || (await app.store(clicks).get('bob')) !== bob) {
        assert.ok(Date.now() < deadline, 'the records are processed')
        await new Promise((done) => setTimeout(done, 10))
      }
    }
    for (const [key, page, at] of VISITS.slice(0, 3)) await app.send(visits, { key, value: { page, at } })
    await processed(2n, 1n)
    checkpoint = (await app.checkpoint()).checkpoint
    for (const [key, page, at] of VISITS.slice(3)) await app.send(visits, { key, value: { page, at } })
    await processed(3n, 1n)
    const answer = (await askApp(app)) as { elements: { key: string }[] }
    answer.elements.sort(byKey)
    assert.deepEqual(answer, {
      stay: { pages: 2 },
      page: '/b',
      now: null,
      clicks: [3n, 0n],
      trail: [['/b', ''], []],
      seen: [['', '/a', '/b'], []],
      elements: [
        { key: 'ada', index: 0, value: '/b' },
        { key: 'ada', index: 1, value: '' },
        { key: 'bob', index: 0, value: '/b' },
      ],
      versions: 4,
    })
  })

  const state = async (...args: readonly string[]): Promise<unknown[]> => {
    const { out, error, exit } = await tidemark(['state', ...args, '--data-dir', dataDir, '--json'])
    assert.equal(exit, 0, error)
    return out
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
  }

  it('state scan gives windows of sessions, times of versions, places of elements, members', async () => {
    assert.deepEqual(await state('scan', '--store', 'stays'), [
      { key: 'ada', value: { pages: 2 }, window: { start: 0, end: 15 } },
      { key: 'ada', value: { pages: 1 }, window: { start: 40, end: 50 } },
      { key: 'bob', value: { pages: 1 }, window: { start: 1, end: 11 } },
    ])
    assert.deepEqual(await state('scan', '--store', 'page-of', '--key', 'ada'), [
      { key: 'ada', atMs: 0, value: '/a' },
      { key: 'ada', atMs: 5, value: '/b' },
      { key: 'ada', atMs: 40, value: null },
    ])
    assert.deepEqual(await state('scan', '--store', 'trail', '--reverse', '--limit', '2'), [
      { key: 'bob', index: 0, value: '/b' },
      { key: 'ada', index: 1, value: '' },
    ])
    assert.deepEqual(await state('scan', '--store', 'seen', '--from', 'b'), [{ key: 'bob', value: '/b' }])
    assert.deepEqual(await state('scan', '--store', 'clicks', '--prefix', 'a'), [{ key: 'ada', value: 3 }])
  })

  it('state get gives a session, the value of a time, a whole list, a whole set', async () => {
    assert.deepEqual(await state('get', '--store', 'stays', '--key', 'ada', '--window', '40'), [
      { key: 'ada', value: { pages: 1 }, window: { start: 40, end: 50 } },
    ])
    assert.deepEqual(await state('get', '--store', 'page-of', '--key', 'ada', '--at', '39'), [
      { key: 'ada', atMs: 5, value: '/b' },
    ])
    assert.deepEqual(await state('get', '--store', 'trail', '--key', 'ada'), [{ key: 'ada', value: ['/b', ''] }])
    assert.deepEqual(await state('get', '--store', 'seen', '--key', 'ada'), [{ key: 'ada', value: ['', '/a', '/b'] }])
    const gone = await tidemark(['state', 'get', '--store', 'page-of', '--key', 'ada', '--data-dir', dataDir])
    assert.equal(gone.exit, 1)
    assert.match(gone.error, /ERR_NO_SUCH_KEY/)
    const which = await tidemark(['state', 'get', '--store', 'stays', '--key', 'ada', '--data-dir', dataDir])
    assert.equal(which.exit, 2)
    assert.match(which.error, /has sessions: say which by --window/)
    const kv = await tidemark(['state', 'get', '--store', 'clicks', '--key', 'a', '--at', '1', '--data-dir', dataDir])
    assert.match(kv.error, /keeps no versions/)
  })
  it('state diff tells what changed since a checkpoint', async () => {
    const diff = (store: string): Promise<unknown[]> => state('diff', '--store', store, '--checkpoint', checkpoint)
    assert.deepEqual(await diff('stays'), [
      { change: 'added', key: 'ada', window: { start: 40, end: 50 }, after: { pages: 1 } },
    ])
    assert.deepEqual(await diff('page-of'), [{ change: 'added', key: 'ada', atMs: 40, after: null }])
    // Places are those of now: the list has been trimmed by one.
    assert.deepEqual(await diff('trail'), [
      { change: 'removed', key: 'ada', index: -1, before: '/a' },
      { change: 'added', key: 'ada', index: 1, after: '' },
    ])
    assert.deepEqual(await diff('seen'), [{ change: 'added', key: 'ada', after: '' }])
    assert.deepEqual(await diff('clicks'), [{ change: 'changed', key: 'ada', before: 2, after: 3 }])
  })
})
