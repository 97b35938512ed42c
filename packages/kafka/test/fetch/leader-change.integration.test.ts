import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import type { Cluster } from '../../src/net/cluster.ts'
import { IdempotentProducer } from '../../src/produce/idempotent-producer.ts'
import { batchOf, closeFetchers, connect, fetcher, makeTopic, readValues, upTo } from './support.ts'

const missing = kafkaMissing()
const BATCHES = 300
const EACH = 10

describe('three brokers', { skip: missing ?? false }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-leaders-'))
  let server: KafkaServer
  let cluster: Cluster

  before(async () => {
    server = await KafkaServer.start(directory, { brokers: 3 })
    cluster = await connect(server.brokers)
  })
  after(async () => {
    closeFetchers()
    cluster.close()
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  test('the leader is killed while it is written to and read from: each acknowledged record once, in order', async () => {
    await makeTopic(cluster, 'led', 1, 3)
    const killed = (await cluster.leader('led', 0)).node
    const { clock, random } = cluster
    const producer = new IdempotentProducer({ cluster, clock, random, timeoutMs: 60_000 })
    await producer.init()
    const reader = fetcher(cluster).reader('led', 0)
    reader.seek(0)
    const reading = readValues(reader, BATCHES * EACH, 30_000)
    const acknowledged: number[] = []
    const writing = (async () => {
      for (let i = 0; i < BATCHES; i++) {
        const base = await producer.send('led', 0, batchOf(i * EACH, EACH))
        assert.equal(base, i * EACH, 'no batch stands twice in the log')
        acknowledged.push(base)
        await sleep(2)
      }
    })()
    while (acknowledged.length < BATCHES / 3) await sleep(1)
    await server.kill(nodeIndex(killed))
    assert.ok(acknowledged.length < BATCHES, 'it was still being written to')
    await writing
    assert.deepEqual(await reading, upTo(BATCHES * EACH))
    assert.notEqual((await cluster.leader('led', 0)).node, killed)
  })

  function nodeIndex(id: number): number {
    const i = [0, 1, 2].find((at) => server.id(at) === id)
    assert.ok(i !== undefined, `there is no node of id ${id}`)
    return i
  }
})
