import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, defineJob, isTidemarkError, json, remoteTable, run, type RunOptions } from '../../src/index.ts'
import { stream, string, uint } from '../../src/index.ts'
import { seededRandom } from '../../src/hash/seeded-random.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-lookups-'))
after(() => rmSync(directory, { recursive: true, force: true }))

interface Order {
  readonly id: number
  readonly user: string
}

const orders = stream('orders', { key: string(), value: json<Order>() })
const named = stream('named', { key: string(), value: json<{ id: number; name: string | null }>() })

function options(name: string, more: RunOptions = {}): RunOptions {
  return { dataDir: join(directory, name), partitions: 2, containers: 0, commit: { intervalMs: 10 }, ...more }
}

async function sendAll(app: App, count: number, from = 0): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => from + i)
  await Promise.all(
    ids.map(async (id) => app.send(orders, { key: `k${id % 7}`, value: { id, user: `u${(id * 13) % 97}` } })),
  )
}

/** Waits for so many results; checks that those of a partition are in order, and right. */
async function results(app: App, count: number): Promise<Map<number, number>> {
  const seen = new Map<number, number>()
  const last = new Map<number, number>()
  for await (const { partition, value } of app.read(named, { follow: true })) {
    assert.ok(value !== null)
    assert.equal(value.name, `name of u${(value.id * 13) % 97}`)
    assert.ok(value.id > (last.get(partition) ?? -1), `${value.id} after ${last.get(partition)}`)
    last.set(partition, value.id)
    seen.set(value.id, (seen.get(value.id) ?? 0) + 1)
    if (seen.size === count) break
  }
  return seen
}

test('answers in any order: results in the order of the messages, many look-ups in one call and under way at once', async () => {
  const random = seededRandom(7)
  const sizes: number[] = []
  let open = 0
  let most = 0
  const users = remoteTable('users', {
    key: string(),
    value: string(),
    batch: { maxKeys: 20 },
    concurrency: 5,
    retry: { attempts: 20, baseMs: 1, maxMs: 5 },
    read: async (keys) => {
      sizes.push(keys.length)
      most = Math.max(most, ++open)
      await sleep(random() * 10)
      open--
      if (random() < 0.2) throw new Error('not now')
      return new Map(keys.map((key) => [key, `name of ${key}`]))
    },
  })
  const job = defineJob('answers', (builder) =>
    builder
      .from(orders)
      .lookup(
        users,
        (order) => order.user,
        (order, name) => ({ id: order.id, name: name ?? null }),
      )
      .filter(() => true)
      .to(named),
  )
  const app = await run(job, options('order'))
  const sent = sendAll(app, 2000)
  const seen = await results(app, 2000)
  await sent
  assert.ok([...seen.values()].every((times) => times === 1))
  assert.ok(most > 2, `${most} calls at once`)
  assert.ok(sizes.length < 1000, `${sizes.length} calls for 2000 messages`)
  const { tables } = await app.drain()
  const { users: figures } = tables
  assert.ok(figures !== undefined)
  assert.equal(figures.hits + figures.joined + figures.misses, 2000)
  assert.equal(figures.calls, sizes.length)
  assert.ok(figures.retries > 0 && figures.failures === 0)
  assert.ok(figures.latencyMs > figures.latencyMaxMs && figures.latencyMaxMs >= 1)
})

test('a run that ends while look-ups are under way leaves them to the next one: each result is there once', async () => {
  let slowMs = 30
  const users = remoteTable('users', {
    key: string(),
    value: string(),
    read: async (keys) => {
      await sleep(slowMs)
      return keys.map((key) => `name of ${key}`)
    },
  })
  const job = defineJob('ends', (builder) =>
    builder
      .from(orders)
      .lookup(
        users,
        (order) => order.user,
        (order, name) => ({ id: order.id, name: name ?? null }),
      )
      .to(named),
  )
  for (let round = 0; round < 5; round++) {
    const app = await run(job, options('ends'))
    await sendAll(app, 100, round * 100)
    // In the midst of it.
    await sleep(20)
    if (round % 2 === 0) await app.drain()
    else await app[Symbol.asyncDispose]()
  }
  slowMs = 0
  const app = await run(job, options('ends'))
  const seen = await results(app, 500)
  assert.ok([...seen.values()].every((times) => times === 1))
  await app.drain()
})

test('a table that stays away ends the run, with the message, the table and the reason; the next run goes on there', async () => {
  let gone = true
  const users = remoteTable('users', {
    key: string(),
    value: uint(),
    // Longer than the commit interval, so that a commit waits for the message when it fails.
    retry: { attempts: 3, baseMs: 40, jitter: 0 },
    read: (keys) => (gone ? Promise.reject(new Error('the service is gone')) : Promise.resolve(keys.map(() => 7))),
  })
  const job = defineJob('gone', (builder) =>
    builder
      .from(orders)
      .lookup(
        users,
        (order) => order.user,
        (order, name) => ({ id: order.id, name: name === undefined ? null : String(name) }),
      )
      .to(named),
  )
  const app = await run(job, options('gone'))
  await app.send(orders, { key: 'a', value: { id: 1, user: 'ada' } })
  await assert.rejects(app.done, (error) => {
    assert.ok(isTidemarkError(error, 'ERR_REMOTE_FAILED'))
    assert.match(error.message, /stream orders, partition \d, offset 0, key a: table users: 3 attempts/)
    assert.equal((error.cause as Error).message, 'the service is gone')
    return true
  })
  gone = false
  const next = await run(job, options('gone'))
  for await (const { value } of next.read(named, { follow: true })) {
    assert.deepEqual(value, { id: 1, name: '7' })
    break
  }
  await next.drain()
})
