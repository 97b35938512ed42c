import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { seededRandom, systemClock, TidemarkError } from 'tidemark/system'
import { Cluster, type ClusterOptions } from '../../src/net/cluster.ts'
import { findCoordinator } from '../../src/wire/find-coordinator.ts'
import { joinGroup } from '../../src/wire/group-membership.ts'
import { FakeBroker } from './fake-broker.ts'

function options(...brokers: string[]): ClusterOptions {
  const random = seededRandom(7)
  return { brokers, clientId: 'test', clock: systemClock, random, connectTimeoutMs: 1000, requestTimeoutMs: 1000 }
}

const ASK = { kind: 'group', keys: ['g'] } as const
const FIND_COORDINATOR = 10

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function failure(promise: Promise<unknown>): Promise<TidemarkError> {
  const error: unknown = await promise.then(
    () => assert.fail('it should have failed'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof TidemarkError, String(error))
  return error
}

test('ERR_KAFKA_UNREACHABLE names each broker and why', async () => {
  const [a, b] = [await freePort(), await freePort()]
  const error = await failure(Cluster.connect(options(`127.0.0.1:${a}`, `127.0.0.1:${b}`)))
  assert.equal(error.code, 'ERR_KAFKA_UNREACHABLE')
  for (const port of [a, b]) assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}[^;]*ECONNREFUSED`))
})

test('one broker of the list that answers is enough', async () => {
  await using broker: FakeBroker = new FakeBroker((asked, answer) => broker.usual(asked, answer))
  const cluster = await Cluster.connect(options(`127.0.0.1:${await freePort()}`, await broker.listen()))
  assert.deepEqual(cluster.nodes, [1])
  assert.equal(cluster.clusterId, 'fake')
  cluster.close()
})

test('ERR_KAFKA_OPTION for what is no address', async () => {
  for (const address of ['', 'a:b', 'host:99999', 'a b:1:2'])
    assert.equal((await failure(Cluster.connect(options(address)))).code, 'ERR_KAFKA_OPTION')
})

test('ERR_KAFKA_VERSION names request and versions', async () => {
  await using broker: FakeBroker = new FakeBroker((asked, answer) => broker.usual(asked, answer))
  broker.versions.set(FIND_COORDINATOR, 3)
  const cluster = await Cluster.connect(options(await broker.listen()))
  const old = await failure(cluster.request(1, findCoordinator, ASK, 'control'))
  assert.equal(old.code, 'ERR_KAFKA_VERSION')
  assert.match(old.message, /FindCoordinator is needed in version 4 to 6, but broker .* has versions 0 to 3/)
  const join = {
    group: 'g',
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    member: '',
    protocolType: 'p',
    protocols: [],
    reason: null,
  }
  assert.match((await failure(cluster.request(1, joinGroup, join, 'group'))).message, /JoinGroup .* does not know it/)
  assert.ok(!broker.asked.includes(FIND_COORDINATOR), 'nothing was sent')
  cluster.close()
})

test('ERR_KAFKA_TIMEOUT ends the connection, and the next request has a new one', async () => {
  let silent = true
  await using broker: FakeBroker = new FakeBroker((asked, answer) => {
    if (asked.key !== FIND_COORDINATOR) return broker.usual(asked, answer)
    if (silent) return 'silent'
    answer
      .int32(0)
      .array(['g'], (w, key) =>
        w.string(key).int32(1).string('127.0.0.1').int32(broker.port).int16(0).string(null).tags(),
      )
    answer.tags()
    return 'answer'
  })
  const cluster = await Cluster.connect(options(await broker.listen()))
  const late = cluster.request(1, findCoordinator, ASK, 'control', 50)
  const behind = cluster.request(1, findCoordinator, ASK, 'control', 5000)
  assert.equal((await failure(late)).code, 'ERR_KAFKA_TIMEOUT')
  const lost = await failure(behind)
  assert.equal(lost.code, 'ERR_KAFKA_CONNECTION')
  assert.equal(lost.details['sent'], true)
  silent = false
  assert.equal(await cluster.coordinator('group', 'g'), 1)
  cluster.close()
})

test('ERR_KAFKA_CONNECTION says whether the request may have left', async () => {
  await using broker: FakeBroker = new FakeBroker((asked, answer) =>
    asked.key === FIND_COORDINATOR ? 'cut' : broker.usual(asked, answer),
  )
  const cluster = await Cluster.connect(options(await broker.listen()))
  const cut = await failure(cluster.request(1, findCoordinator, ASK, 'control'))
  assert.equal(cut.code, 'ERR_KAFKA_CONNECTION')
  assert.equal(cut.details['sent'], true)
  await broker[Symbol.asyncDispose]()
  const refused = await failure(cluster.request(1, findCoordinator, ASK, 'control'))
  assert.equal(refused.code, 'ERR_KAFKA_CONNECTION')
  assert.equal(refused.details['sent'], false)
  assert.equal((await failure(cluster.request(9, findCoordinator, ASK, 'control'))).details['sent'], false)
  cluster.close()
  assert.equal((await failure(cluster.request(1, findCoordinator, ASK, 'control'))).details['sent'], false)
})

test('ERR_KAFKA_PROTOCOL for an answer that is cut off, or of another program', async () => {
  await using broker: FakeBroker = new FakeBroker((asked, answer) =>
    asked.key === FIND_COORDINATOR ? 'answer' : broker.usual(asked, answer),
  )
  const cluster = await Cluster.connect(options(await broker.listen()))
  assert.equal((await failure(cluster.request(1, findCoordinator, ASK, 'control'))).code, 'ERR_KAFKA_PROTOCOL')
  cluster.close()
  await using other = new FakeBroker(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const error = await failure(Cluster.connect(options(await other.listen())))
  assert.equal(error.code, 'ERR_KAFKA_UNREACHABLE')
  assert.match(error.message, /perhaps the port is one for TLS/)
})

test('requests of a lane leave in order of call, also while it is being opened', async () => {
  const keys: string[] = []
  await using broker: FakeBroker = new FakeBroker((asked, answer) => {
    if (asked.key !== FIND_COORDINATOR) return broker.usual(asked, answer)
    asked.body.int8()
    const [key = ''] = asked.body.array((r) => r.string())
    keys.push(key)
    answer
      .int32(0)
      .array([key], (w, k) => w.string(k).int32(1).string('127.0.0.1').int32(broker.port).int16(0).string(null).tags())
    answer.tags()
    return 'answer'
  })
  const cluster = await Cluster.connect(options(await broker.listen()))
  const expected = Array.from({ length: 40 }, (_, i) => String(i))
  const answers = await Promise.all(
    expected.map(async (key, i) => {
      if (i >= 20) await new Promise((resolve) => setImmediate(resolve))
      return cluster.request(1, findCoordinator, { kind: 'group', keys: [key] }, 'control')
    }),
  )
  assert.deepEqual(keys, expected)
  assert.deepEqual(
    answers.map(([first]) => first?.key),
    expected,
  )
  cluster.close()
})
