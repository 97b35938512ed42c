import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { kafka } from '@tidemark/kafka'
import { defineJob, kv, run, stream, string, type Summary } from 'tidemark'
import { kafkaMissing, KafkaServer } from '../../../../scripts/lib/services/kafka.ts'
import { KAFKA_USERS } from '../../../../scripts/lib/services/kafka-settings.ts'
import { JavaPeer } from '../java/java-peer.ts'

const source = stream('source', { key: string(), value: string() })
const target = stream('target', { key: string(), value: string() })
const kept = kv('kept', { key: string(), value: string() })

const job = defineJob('denied', {
  inputs: { source },
  outputs: { target },
  stores: { kept },
  task: {
    source({ key, value }, { stores, send }) {
      stores.kept.put(key, value)
      send.target(key, value)
    },
  },
})

/** The rights that a job needs, in the order in which it meets their lack, and what its error says then. */
const RIGHTS: readonly (readonly [resource: string, name: string, operations: readonly string[], lacks: RegExp])[] = [
  ['GROUP', 'denied.cluster', ['READ'], /group "denied\.cluster"/],
  ['GROUP', 'denied', ['READ'], /group "denied"/],
  ['TOPIC', 'denied.control', ['READ'], /denied\.control/],
  ['TOPIC', 'source', ['READ'], /source/],
  ['TOPIC', 'target', ['WRITE'], /target/],
  ['TOPIC', 'denied.1.state', ['READ', 'WRITE'], /denied\.1\.state/],
  ['TRANSACTIONAL_ID', 'tidemark.denied.task:denied/0', ['WRITE'], /tidemark\.denied\.task:denied\/0/],
]

describe('a user who may not do what a job needs', { skip: kafkaMissing() ?? false }, () => {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-denied-'))
  let server: KafkaServer
  let peer: JavaPeer

  before(async () => {
    server = await KafkaServer.start(join(root, 'kafka'), {
      listeners: ['SASL_PLAINTEXT'],
      config: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
    })
    peer = await JavaPeer.start(server.brokers)
    await peer.createTopic('source', 1)
    await peer.createTopic('target', 1)
    await peer.createTopic('denied.1.state', 1, {
      'cleanup.policy': 'compact',
      'delete.retention.ms': '604800000',
      'max.message.bytes': '67108864',
      'message.timestamp.after.max.ms': '9223372036854775807',
    })
    const producer = await peer.producer()
    await producer.send('source', [{ key: 'k', value: 'v' }])
    await producer.close()
  })
  after(async () => {
    await peer.kill()
    await server.stop()
    rmSync(root, { recursive: true, force: true })
  })

  const warnings: string[] = []
  async function runJob(): Promise<Summary> {
    const sasl = { mechanism: 'PLAIN', username: 'guest', password: KAFKA_USERS['guest'] as string } as const
    const system = kafka({ brokers: server.secure('SASL_PLAINTEXT').split(','), sasl })
    const options = { dataDir: join(root, 'data'), untilEnd: true, commit: { timeoutMs: 5000 }, maxRestarts: 0 }
    const app = await run(job, { system, ...options, onWarning: (line) => void warnings.push(line) })
    return app.done
  }

  for (const [resource, name, operations, lacks] of RIGHTS) {
    it(`lacks ${operations.join(' and ')} of ${resource} ${name}: it is named, and what to do`, async () => {
      await assert.rejects(runJob(), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ERR_KAFKA_DENIED')
        assert.match(error.message, /kafka-acls\.sh/)
        assert.match(error.message, lacks)
        return true
      })
      for (const operation of operations) await peer.allow('User:guest', resource, name, operation)
    })
  }

  it('with all of them it runs', async () => {
    assert.equal((await runJob()).records, 1)
    assert.match(warnings.join('\n'), /configuration of topic .* cannot be read/)
  })
})
