import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { servingBrokers } from '../../../../scripts/lib/services/kafka-ready.ts'
import { KafkaServer, kafkaMissing, type KafkaOptions } from '../../../../scripts/lib/services/kafka.ts'
import { FaultyProxy } from '../faults/faulty-proxy.ts'
import { JavaError, JavaPeer } from '../java/java-peer.ts'

const NO_KAFKA = kafkaMissing() ?? false
const directory = mkdtempSync(join(tmpdir(), 'tidemark-kafka-'))
const closing: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closing.reverse()) await close()
  rmSync(directory, { recursive: true, force: true })
})

async function startKafka(name: string, options: KafkaOptions = {}): Promise<KafkaServer> {
  const server = await KafkaServer.start(join(directory, name), options)
  closing.push(() => server.stop())
  return server
}

async function startPeer(brokers: string): Promise<JavaPeer> {
  const peer = await JavaPeer.start(brokers)
  closing.push(() => peer.kill())
  return peer
}

const values = async (peer: JavaPeer, topic: string): Promise<string[]> =>
  (await peer.dump(topic)).map(({ value }) => String(value))

async function until(what: () => Promise<boolean>, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await what())) {
    assert.ok(performance.now() < end, `not within ${limitMs} ms: ${what.toString()}`)
    await sleep(20)
  }
}

describe('a Kafka broker of a test', { skip: NO_KAFKA }, () => {
  let proxy!: FaultyProxy
  let server!: KafkaServer
  let peer!: JavaPeer
  before(async () => {
    proxy = await FaultyProxy.start()
    closing.push(() => proxy.stop())
    server = await startKafka('one', { advertisedPorts: [proxy.port] })
    proxy.target = server.port()
    peer = await startPeer(server.direct)
  })

  it('serves, makes no topic unasked, and keeps what it has through SIGKILL', async () => {
    assert.deepEqual(await servingBrokers(server.port()), [1])
    await assert.rejects(peer.describeTopic('nowhere'), (error) => {
      return error instanceof JavaError && error.javaClass === 'UnknownTopicOrPartitionException'
    })
    await peer.createTopic('kept', 2)
    const producer = await peer.producer({ 'transactional.id': 'kept' })
    await producer.begin()
    await producer.send('kept', [
      { partition: 0, value: 'a', timestamp: 1_000 },
      { partition: 1, value: 'b' },
    ])
    await producer.commit()
    // A commit is acknowledged before its markers are written. One broker of 4.3.1 that is killed between the two and
    // comes back never writes them, so this waits for them.
    await until(async () => (await values(peer, 'kept')).length === 2)
    await server.kill()
    assert.equal(await servingBrokers(server.port()), null)
    await server.restart()
    assert.deepEqual(await values(peer, 'kept'), ['a', 'b'])
    await producer.begin()
    await producer.send('kept', [{ partition: 0, value: 'c' }])
    await producer.commit()
    await until(async () => (await values(peer, 'kept')).length === 3)
    assert.deepEqual(await values(peer, 'kept'), ['a', 'c', 'b'])
  })

  it('answers nothing while it is frozen, and goes on after it', async () => {
    server.freeze()
    assert.equal(await servingBrokers(server.port()), null)
    assert.equal(await server.resume(), true, 'it was not started anew')
    assert.deepEqual(await servingBrokers(server.port()), [1])
  })

  it('says what the broker said when it does not start', async () => {
    const broken = startKafka('broken', { config: { 'num.io.threads': 'many' } })
    await assert.rejects(broken, /node 1 does not serve: it has ended \(1\)/)
  })

  it('sends clients of the plain listener through a proxy, and others past it', async () => {
    assert.equal(server.brokers, `127.0.0.1:${proxy.port}`)
    await peer.createTopic('t')
    assert.equal(proxy.connections, 0)
    const through = await startPeer(server.brokers)
    const producer = await through.producer()
    await producer.send('t', [{ value: 'x' }])
    assert.ok(proxy.connections >= 2, 'the first connection, and one to the leader that it names')
    proxy.cut()
    await producer.send('t', [{ value: 'y' }])
    assert.deepEqual(await values(peer, 't'), ['x', 'y'])
  })
})
