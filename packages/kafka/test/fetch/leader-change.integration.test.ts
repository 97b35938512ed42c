import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import type { Cluster } from '../../src/net/cluster.ts'
import { IdempotentProducer } from '../../src/produce/idempotent-producer.ts'
import { JavaPeer } from '../java/java-peer.ts'
import { batchOf, closeFetchers, connect, fetcher, makeTopic, readValues, upTo } from './support.ts'

const missing = kafkaMissing()
const BATCHES = 300
/** Of them, at least, when the leader is another one. */
const BATCHES_AFTER = 10
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

  test('leadership goes round all brokers, none of which dies: each acknowledged record once, in order', async () => {
    await makeTopic(cluster, 'moved', 1, 3)
    const peer = await JavaPeer.start(server.direct)
    try {
      await changeUnderLoad('moved', async () => {
        for (const id of [server.id(0), server.id(1), server.id(2)]) {
          await peer.lead('moved', 0, id)
          assert.equal((await peer.describeTopic('moved'))[0]?.leader, id)
        }
      })
    } finally {
      await peer.kill()
    }
  })

  test('the leader is killed while it is written to and read from: each acknowledged record once, in order', async () => {
    await makeTopic(cluster, 'led', 1, 3)
    const killed = (await cluster.leader('led', 0)).node
    await changeUnderLoad('led', () => server.kill(nodeIndex(killed)))
    assert.notEqual((await cluster.leader('led', 0)).node, killed)
  })

  /** Writes and reads batches, one after the other; has `change` happen when a third is written, and writes on to its end. */
  async function changeUnderLoad(topic: string, change: () => Promise<void>): Promise<void> {
    const { clock, random } = cluster
    const producer = new IdempotentProducer({ cluster, clock, random, timeoutMs: 60_000 })
    await producer.init()
    const reader = fetcher(cluster).reader(topic, 0)
    reader.seek(0)
    const load = { written: 0, most: Number.POSITIVE_INFINITY }
    let last = Number.POSITIVE_INFINITY
    const reading = readValues(reader, () => last, 30_000)
    const writing = (async () => {
      while (load.written < load.most) {
        const base = await producer.send(topic, 0, batchOf(load.written * EACH, EACH))
        assert.equal(base, load.written * EACH, 'no batch stands twice in the log')
        load.written++
        await sleep(2)
      }
    })()
    writing.catch(() => {})
    while (load.written < BATCHES / 3) await Promise.race([writing, sleep(1)])
    let when = 0
    await change().finally(() => {
      when = load.written
      load.most = Math.max(BATCHES, when + BATCHES_AFTER)
    })
    await writing
    assert.ok(load.written > when, 'it was still being written to')
    last = load.written * EACH
    assert.deepEqual(await reading, upTo(last))
  }

  function nodeIndex(id: number): number {
    const i = [0, 1, 2].find((at) => server.id(at) === id)
    assert.ok(i !== undefined, `there is no node of id ${id}`)
    return i
  }
})
