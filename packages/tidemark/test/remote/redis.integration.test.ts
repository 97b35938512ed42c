import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisMissing, RedisServer } from '../../../../scripts/lib/services/redis.ts'
import { eraseTable, type RemoteTableDef } from '../../src/api/remote-table.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { isTidemarkError, TidemarkError } from '../../src/errors/error.ts'
import { defineJob, json, run, stream, string, tuple, uint } from '../../src/index.ts'
import { loadRedis, type RedisClient } from '../../src/remote/redis/load-redis.ts'
import { redisTable } from '../../src/remote/redis/redis-table.ts'
import { RemoteClient } from '../../src/remote/remote-client.ts'
import type { TableClient } from '../../src/remote/table-client.ts'

const NO_REDIS = redisMissing() ?? false
const ENDED = new TidemarkError('ERR_RUN_ENDED', 'the test is over')

const directory = mkdtempSync(join(tmpdir(), 'tidemark-redis-'))
const servers: RedisServer[] = []
const clients: TableClient[] = []
const raws: RedisClient[] = []
after(async () => {
  for (const client of clients) client.close(ENDED)
  for (const raw of raws) raw.destroy()
  for (const server of servers) await server.kill()
  rmSync(directory, { recursive: true, force: true })
})

async function start(name: string): Promise<RedisServer> {
  const server = await RedisServer.start(join(directory, name))
  servers.push(server)
  return server
}

/** Redis as it is, beside the table. */
async function connect(server: RedisServer): Promise<(...command: string[]) => Promise<unknown>> {
  const socket = { connectTimeout: 1000, reconnectStrategy: (): number => 10 }
  const raw = loadRedis().createClient({ url: server.url, disableOfflineQueue: false, socket })
  raw.on('error', () => {})
  await raw.connect()
  raws.push(raw)
  return (...command) => raw.sendCommand(command)
}

function open<K, V>(
  table: RemoteTableDef<K, V>,
): {
  readonly client: TableClient
  readonly get: (key: K) => Promise<V | undefined>
} {
  const more = { clock: systemClock, random: Math.random, tasks: 1, log: () => {} }
  const client = new RemoteClient({ table: eraseTable(table), ...more })
  clients.push(client)
  return {
    client,
    get: (key) =>
      new Promise((resolve, reject) => client.load(key, { settle: (value) => resolve(value as V), fail: reject })),
  }
}

describe('a table in Redis', { skip: NO_REDIS }, () => {
  let server!: RedisServer
  let redis!: (...command: string[]) => Promise<unknown>
  before(async () => {
    server = await start('plain')
    redis = await connect(server)
  })

  it('holds values by prefix and key, as bytes of their serdes; a batch is one MGET', async () => {
    const { client, get } = open(
      redisTable('users', { url: server.url, key: string(), value: json<{ age: number }>() }),
    )
    await Promise.all([client.put('ada', { age: 36 }), client.put('bob', { age: 7 })])
    assert.equal(await redis('GET', 'users:ada'), '{"age":36}')
    assert.equal(await redis('PTTL', 'users:ada'), -1)
    await redis('CONFIG', 'RESETSTAT')
    assert.deepEqual(await Promise.all([get('ada'), get('bob'), get('eve'), get('ada')]), [
      { age: 36 },
      { age: 7 },
      undefined,
      { age: 36 },
    ])
    assert.match(String(await redis('INFO', 'commandstats')), /cmdstat_mget:calls=1,/)
    await client.delete('ada')
    assert.equal(await redis('GET', 'users:ada'), null)
    assert.equal(await get('ada'), undefined)
  })

  it('takes keys and values of any bytes, and a ttl', async () => {
    const key = tuple(uint(), string())
    const table = redisTable('pairs', { url: server.url, key, value: uint() })
    const { client, get } = open(table)
    const keys: [number, string][] = [
      [0, ''],
      [255, 'é'],
      [65_536, '\u0000x'],
      [2 ** 40, 'ada'],
    ]
    await Promise.all(keys.map(async (each, i) => client.put(each, i * 200)))
    assert.deepEqual(await Promise.all(keys.map(async (each) => get(each))), [0, 200, 400, 600])
    const short = redisTable('short', { url: server.url, prefix: 's/', key: string(), value: uint(), ttl: '1m' })
    await open(short).client.put('x', 1)
    const leftMs = Number(await redis('PTTL', 's/x'))
    assert.ok(leftMs > 0 && leftMs <= 60_000, `${leftMs}`)
  })

  it('a value that is not what the serde says is an error of its key alone, at once', async () => {
    await redis('SET', 'bad:a', 'not json')
    await redis('SET', 'bad:b', '1')
    const { client, get } = open(redisTable('bad', { url: server.url, key: string(), value: json<number>() }))
    const [a, b] = await Promise.allSettled([get('a'), get('b')])
    assert.ok(a.status === 'rejected' && isTidemarkError(a.reason, 'ERR_SERDE'))
    assert.match(a.reason.message, /table bad: the value of key "a" is not json/)
    assert.deepEqual(b, { status: 'fulfilled', value: 1 })
    assert.equal(client.counters.calls, 1)
  })
})

describe('a Redis that fails', { skip: NO_REDIS }, () => {
  it('killed and started again: calls wait for it; gone for good: they are given up with the reason', async () => {
    const server = await start('killed')
    const common = { url: server.url, key: string(), value: uint() }
    const { client, get } = open(redisTable('a', { ...common, retry: { attempts: 50, maxMs: 200 } }))
    await client.put('x', 1)
    await server.kill()
    const waiting = [get('x'), client.put('y', 2)]
    await sleep(300)
    await server.restart()
    await Promise.all(waiting)
    assert.equal(await waiting[0], 1)
    assert.equal(await get('y'), 2)
    assert.ok(client.counters.retries > 0)
    await server.kill()
    const { get: getOnce } = open(redisTable('a', { ...common, retry: { attempts: 3, baseMs: 10 } }))
    await assert.rejects(getOnce('x'), {
      code: 'ERR_REMOTE_FAILED',
      message: /table a: 3 attempts to read a key failed. The last one: .*ECONNREFUSED/,
    })
  })

  it('one that hangs is not waited for longer than timeoutMs; when it goes on, so does the table', async () => {
    const server = await start('hanging')
    const common = { url: server.url, key: string(), value: uint(), timeoutMs: 150 }
    const { client, get } = open(redisTable('a', { ...common, retry: { attempts: 1 } }))
    await client.put('x', 1)
    server.freeze()
    await assert.rejects(get('x'), { code: 'ERR_REMOTE_TIMEOUT', message: /did not settle in 150 ms/ })
    server.go()
    assert.equal(await get('x'), 1)
  })
})

async function killAgain(server: RedisServer): Promise<void> {
  for (let kills = 0; kills < 3; kills++) {
    await sleep(150)
    await server.kill()
    await sleep(250)
    await server.restart()
  }
}

describe('a job with a table in Redis', { skip: NO_REDIS }, () => {
  const USERS = 500
  const ORDERS = 20_000
  const orders = stream('orders', { key: string(), value: json<{ id: number; user: number }>() })
  const named = stream('named', { key: string(), value: json<{ id: number; name: string }>() })

  it('killed with -9 and started again under load, three times: no result is lost, wrong or out of order', async () => {
    const server = await start('load')
    const redis = await connect(server)
    for (let user = 0; user < USERS; user++) await redis('SET', `users:${user}`, JSON.stringify(`name-${user}`))
    const users = redisTable('users', {
      url: server.url,
      key: string(),
      value: string(),
      batch: { maxKeys: 50 },
      retry: { attempts: 100, baseMs: 20, maxMs: 200 },
    })
    const text = redisTable('text', {
      url: server.url,
      prefix: 'users:',
      key: string(),
      value: json<string>(),
      rate: { perSecond: 6000, burst: 100 },
      retry: { attempts: 100, baseMs: 20, maxMs: 200 },
    })
    const job = defineJob('named', (builder) =>
      builder
        .from(orders)
        .lookup(
          text,
          (order) => (order.user < 0 ? null : String(order.user)),
          (order, name) => ({ id: order.id, name: name ?? 'nobody' }),
        )
        .lookup(
          users,
          () => 'none',
          (order, none) => ({ ...order, name: none ?? order.name }),
        )
        .to(named),
    )
    const rows = Array.from({ length: ORDERS }, (_, id) => ({ id, user: id % 7 === 0 ? -1 : (id * 31) % (USERS + 20) }))
    const app = await run(job, {
      dataDir: join(directory, 'load-data'),
      partitions: 2,
      containers: 0,
      commit: { intervalMs: 20 },
    })
    const killing = killAgain(server)
    for (let from = 0; from < ORDERS; from += 1000) {
      const some = rows.slice(from, from + 1000)
      await Promise.all(some.map(async (row) => app.send(orders, { key: `k${row.id % 5}`, value: row })))
    }
    await killing
    const seen: number[] = []
    const last = new Map<number, number>()
    for await (const { partition, value } of app.read(named, { follow: true })) {
      assert.ok(value !== null)
      const row = rows[value.id]
      assert.ok(row !== undefined)
      const expected = row.user < 0 || row.user >= USERS ? 'nobody' : `name-${row.user}`
      assert.equal(value.name, expected)
      assert.ok(value.id > (last.get(partition) ?? -1), `${value.id} after ${last.get(partition)}`)
      last.set(partition, value.id)
      seen.push(value.id)
      if (seen.length === ORDERS) break
    }
    assert.equal(new Set(seen).size, ORDERS)
    const { tables } = await app.drain()
    assert.ok((tables['text']?.retries ?? 0) > 0, 'the kills were felt')
    assert.equal(tables['text']?.failures, 0)
  })
})
