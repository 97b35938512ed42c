import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { seededRandom, systemClock, TidemarkError } from 'tidemark/system'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { runCli } from '../../../tidemark/src/cli/program.ts'
import { FakeTerminal, fakeContext } from '../../../tidemark/test/cli/fake-terminal.ts'
import { jdk, KAFKA_KEYS } from '../../../../scripts/lib/services/kafka-programs.ts'
import { KAFKA_USERS, type SecureListener, STORE_PASSWORD } from '../../../../scripts/lib/services/kafka-settings.ts'
import { Cluster, type ClusterOptions } from '../../src/net/cluster.ts'
import { batchOf, fetcher, makeTopic, readValues, upTo, write } from '../fetch/support.ts'

const missing = kafkaMissing()
const EXPORT_KEY = fileURLToPath(new URL('../java/ExportKey.java', import.meta.url))
const username = 'tidemark'
const password = KAFKA_USERS[username] ?? ''
const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

describe('TLS and SASL on a broker', { skip: missing ?? false }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-security-'))
  let server: KafkaServer
  let ca: Buffer

  before(async () => {
    server = await KafkaServer.start(directory, { listeners: ['SSL', 'MUTUAL_SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] })
    ca = readFileSync(join(KAFKA_KEYS, 'server.pem'))
  })
  after(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  function connect(listener: SecureListener, more: Pick<ClusterOptions, 'tls' | 'sasl'>): Promise<Cluster> {
    const brokers = server.secure(listener).split(',')
    const fixed = { clientId: 'test', clock: systemClock, random: seededRandom(5), connectTimeoutMs: 3000 }
    return Cluster.connect({ brokers, ...fixed, requestTimeoutMs: 5000, ...more })
  }

  async function failure(promise: Promise<Cluster>): Promise<TidemarkError> {
    const error: unknown = await promise.then(
      (cluster) => {
        cluster.close()
        return assert.fail('it should not have connected')
      },
      (reason: unknown) => reason,
    )
    assert.ok(error instanceof TidemarkError, String(error))
    return error
  }

  /** Ten records there and back: authentication has to hold for connections to a broker by its id, too. */
  async function copies(cluster: Cluster, topic: string): Promise<void> {
    try {
      await makeTopic(cluster, topic, 1)
      await write(cluster, topic, 0, batchOf(0, 10))
      const source = fetcher(cluster)
      const reader = source.reader(topic, 0)
      reader.seek(0)
      assert.deepEqual(await readValues(reader, 10), upTo(10))
      source.close()
    } finally {
      cluster.close()
    }
  }

  test('TLS: a broker whose certificate is trusted is written to and read from', async () => {
    await copies(await connect('SSL', { tls: { ca } }), 'by-tls')
  })

  test('TLS: ERR_KAFKA_UNREACHABLE says that the certificate is not trusted', async () => {
    const error = await failure(connect('SSL', { tls: {} }))
    assert.equal(error.code, 'ERR_KAFKA_UNREACHABLE')
    assert.match(error.message, new RegExp(`${server.secure('SSL')}.*self-signed certificate`))
  })

  test('TLS: the certificate is checked against the address, or against the name that is given', async () => {
    const asked: string[] = []
    const checkServerIdentity = (name: string): undefined => void asked.push(name)
    const cluster = await connect('SSL', { tls: { ca, checkServerIdentity } })
    cluster.close()
    assert.deepEqual(asked, ['127.0.0.1'])
    const error = await failure(connect('SSL', { tls: { ca, servername: 'other.example' } }))
    assert.equal(error.code, 'ERR_KAFKA_UNREACHABLE')
    assert.match(error.message, /other\.example/)
  })

  test('TLS: ERR_KAFKA_UNREACHABLE, soon, for a client without it', async () => {
    const startMs = systemClock.monotonicMs()
    const error = await failure(connect('SSL', {}))
    assert.equal(error.code, 'ERR_KAFKA_UNREACHABLE')
    assert.match(error.message, new RegExp(`${server.secure('SSL')}.*TLS`))
    assert.ok(systemClock.monotonicMs() - startMs < 3000)
  })

  test('TLS: a broker that asks for a certificate of its client gets that of --tls-cert, also by an encrypted key', async () => {
    const store = [join(KAFKA_KEYS, 'client.p12'), STORE_PASSWORD, 'client']
    const { stdout: key } = await promisify(execFile)(jdk('java'), [EXPORT_KEY, ...store])
    const files = { plain: join(directory, 'client.key'), encrypted: join(directory, 'client-encrypted.key') }
    writeFileSync(files.plain, key)
    const passphrase = 'open-sesame'
    const cipher = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase } as const
    writeFileSync(files.encrypted, createPrivateKey(key).export(cipher))
    const list = async (keyFile: string | null, environment: NodeJS.ProcessEnv = {}): Promise<FakeTerminal> => {
      const terminal = new FakeTerminal()
      const trust = ['--brokers', server.secure('MUTUAL_SSL'), '--tls-ca', join(KAFKA_KEYS, 'server.pem')]
      const own = keyFile === null ? [] : ['--tls-cert', join(KAFKA_KEYS, 'client.pem'), '--tls-key', keyFile]
      await runCli(
        ['streams', 'list', ...trust, ...own, '--json'],
        fakeContext({ cwd: directory, environment, terminal }),
      )
      return terminal
    }
    const listed = await list(files.plain)
    assert.match(listed.out, /"name":"by-tls"/, listed.error)
    const byPassword = await list(files.encrypted, { TIDEMARK_KAFKA_TLS_KEY_PASSWORD: passphrase })
    assert.equal(byPassword.out, listed.out, byPassword.error)
    const refused = await list(null)
    assert.match(refused.error, /ERR_KAFKA_UNREACHABLE/)
    assert.match(refused.error, /certificate/)
    const closed = await list(files.encrypted, { TIDEMARK_KAFKA_TLS_KEY_PASSWORD: 'wrong' })
    assert.match(closed.error, /ERR_KAFKA_UNREACHABLE/)
  })

  for (const mechanism of MECHANISMS) {
    test(`SASL ${mechanism}: the right password is accepted`, async () => {
      const cluster = await connect('SASL_PLAINTEXT', { sasl: { mechanism, username, password } })
      await copies(cluster, `by-${mechanism.toLowerCase()}`)
    })

    test(`SASL ${mechanism}: ERR_KAFKA_AUTHENTICATION for a wrong password names broker and mechanism`, async () => {
      const sasl = { mechanism, username, password: `not-${password}` }
      const error = await failure(connect('SASL_PLAINTEXT', { sasl }))
      assert.equal(error.code, 'ERR_KAFKA_AUTHENTICATION')
      const broker = server.secure('SASL_PLAINTEXT')
      assert.match(error.message, new RegExp(`${broker}.*${mechanism}`))
      assert.deepEqual(error.details, { broker, mechanism, sent: false })
      assert.ok(!error.message.includes(password), 'no message has a password')
    })

    test(`SASL ${mechanism} over TLS: written to and read from`, async () => {
      const cluster = await connect('SASL_SSL', { tls: { ca }, sasl: { mechanism, username, password } })
      await copies(cluster, `by-tls-${mechanism.toLowerCase()}`)
    })
  }

  test('SASL: ERR_KAFKA_AUTHENTICATION for a mechanism that the broker does not offer', async () => {
    const sasl = { mechanism: 'OAUTHBEARER', token: 'a.b.c' } as const
    const error = await failure(connect('SASL_PLAINTEXT', { sasl }))
    assert.equal(error.code, 'ERR_KAFKA_AUTHENTICATION')
    assert.match(error.message, /OAUTHBEARER/)
  })
})
