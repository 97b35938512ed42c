import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KAFKA_KEYS } from '../../../../scripts/lib/services/kafka-programs.ts'
import { servingBrokers } from '../../../../scripts/lib/services/kafka-ready.ts'
import { KAFKA_USERS, STORE_PASSWORD } from '../../../../scripts/lib/services/kafka-settings.ts'
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

async function startPeer(brokers: string, client: Readonly<Record<string, string>> = {}): Promise<JavaPeer> {
  const peer = await JavaPeer.start(brokers, client)
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

/** What a Java client needs for a listener with SASL or TLS. */
function clientSettings(protocol: string, mechanism: string, user: string): Record<string, string> {
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  const module = mechanism === 'PLAIN' ? 'org.apache.kafka.common.security.plain.PlainLoginModule' : scram
  return {
    'security.protocol': protocol,
    'sasl.mechanism': mechanism,
    'sasl.jaas.config': `${module} required username="${user}" password="${KAFKA_USERS[user]}";`,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(KAFKA_KEYS, 'server.pem'),
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

describe('Kafka with TLS, SASL and rights', { skip: NO_KAFKA }, () => {
  let server!: KafkaServer
  before(async () => {
    server = await startKafka('secure', {
      listeners: ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
      config: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS;User:tidemark',
        'listener.name.ssl.ssl.client.auth': 'requested',
      },
    })
  })

  it('has a certificate that Node trusts by server.pem, and takes the key of client.p12', async () => {
    const [host = '', port = ''] = server.secure('SSL').split(':')
    const trust = { ca: readFileSync(join(KAFKA_KEYS, 'server.pem')) }
    const own = { pfx: readFileSync(join(KAFKA_KEYS, 'client.p12')), passphrase: STORE_PASSWORD }
    const socket = connectTls({ host, port: Number(port), ...trust, ...own })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    assert.ok(socket.authorized)
    socket.destroy()
    const stranger = connectTls({ host, port: Number(port) })
    await assert.rejects(new Promise((_, reject) => stranger.once('error', reject)), /self-signed|unable to verify/)
  })

  it('knows its users by PLAIN and SCRAM, with and without TLS, and what they may do', async () => {
    const admin = await startPeer(server.secure('SASL_SSL'), clientSettings('SASL_SSL', 'SCRAM-SHA-512', 'tidemark'))
    await admin.createTopic('private')
    const mechanism = 'SCRAM-SHA-256'
    const guest = await startPeer(server.secure('SASL_PLAINTEXT'), clientSettings('SASL_PLAINTEXT', mechanism, 'guest'))
    const denied = (error: unknown): boolean =>
      error instanceof JavaError && error.javaClass === 'TopicAuthorizationException'
    const producer = await guest.producer({ 'enable.idempotence': 'false' })
    await assert.rejects(producer.send('private', [{ value: 'x' }]), denied)
    await admin.allow('User:guest', 'TOPIC', 'private', 'WRITE')
    await admin.allow('User:guest', 'TOPIC', 'private', 'DESCRIBE')
    await producer.send('private', [{ value: 'y' }])
    await assert.rejects(guest.dump('private'), denied)
    const plain = await startPeer(server.secure('SASL_SSL'), clientSettings('SASL_SSL', 'PLAIN', 'tidemark'))
    assert.deepEqual(await values(plain, 'private'), ['y'])
  })
})

describe('three Kafka brokers of a test', { skip: NO_KAFKA }, () => {
  it('keep what is acknowledged when one dies, and let a partition be led by each', async () => {
    const server = await startKafka('three', { brokers: 3 })
    const peer = await startPeer(server.direct)
    await peer.createTopic('t')
    const producer = await peer.producer()
    const sent: string[] = []
    for (const [i, broker] of [server.id(0), server.id(1), server.id(2)].entries()) {
      await peer.lead('t', 0, broker)
      assert.equal((await peer.describeTopic('t'))[0]?.leader, broker)
      await producer.send('t', [{ value: `led by ${i}` }])
      sent.push(`led by ${i}`)
    }
    await server.kill(2)
    await producer.send('t', [{ value: 'after' }])
    assert.deepEqual(await values(peer, 't'), [...sent, 'after'])
    await server.restart(2)
    const producer2 = await peer.producer()
    await producer2.send('t', [{ value: 'again' }])
    assert.deepEqual(await values(peer, 't'), [...sent, 'after', 'again'])
  })
})
