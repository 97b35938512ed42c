import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { kafka as kafkaSystem } from '@tidemark/kafka'
import { isTidemarkError } from 'tidemark/system'
import { run, type Summary } from 'tidemark'
import { kafka } from '../cli/cli-broker.ts'
import { RegistryServer } from './registry-server.ts'

const JOB = new URL('./fixtures/registered.job.ts', import.meta.url)
const V1 = { type: 'record', name: 'Visit', fields: [{ name: 'page', type: 'string' }] }

/* On the broker of the file that imports this. */
describe('jobs with a schema registry on Kafka', { skip: kafkaMissing() ?? false }, () => {
  const server = new RegistryServer()

  before(async () => {
    process.env['TEST_REGISTRY_URL'] = await server.start()
    await kafka.peer.createTopic('registered-visits', 1)
    await kafka.peer.createTopic('registered-pages', 1)
  })
  after(() => server.stop())

  async function runJob(): Promise<Summary> {
    const system = kafkaSystem({ brokers: [kafka.server.brokers] })
    const dataDir = join(kafka.root, 'registered')
    const app = await run(JOB, {
      system,
      dataDir,
      partitions: 1,
      containers: 1,
      untilEnd: true,
      onError: 'drop',
      maxRestarts: 0,
    })
    return app.done
  }

  const frame = (id: number, body: string): Uint8Array => {
    return Uint8Array.from(Buffer.from(`00${id.toString(16).padStart(8, '0')}${body}`, 'hex'))
  }

  test('a run registers what it writes, and fetches what others have written by, before it decodes a batch', async () => {
    const old = server.register('registered-visits-value', { schema: JSON.stringify(V1) })
    const producer = await kafka.peer.producer()
    await producer.send('registered-visits', [
      { key: '1', value: frame(old, '022f') },
      { key: '2', value: frame(999, '022f') },
      { key: '3', value: frame(old, '022f') },
    ])
    await producer.close()
    const summary = await runJob()
    assert.equal(summary.dropped, 1, 'the value of an id that nobody knows')
    const rows = await kafka.peer.dump('registered-pages')
    const own = rows.at(-1)?.value ?? Buffer.alloc(0)
    assert.equal(own[0], 0)
    const stored = (await (
      await fetch(`${process.env['TEST_REGISTRY_URL']}/schemas/ids/${own.readInt32BE(1)}`)
    ).json()) as {
      readonly schemaType: string
    }
    assert.equal(stored.schemaType, 'JSON')
    assert.deepEqual(JSON.parse(own.subarray(5).toString()), { page: '/', times: 2 })
    assert.equal(server.asked.filter((line) => line === `GET /schemas/ids/${old}`).length, 1, 'once for all values')
  })

  test('a registry that stays away ends the run with ERR_REGISTRY_UNREACHABLE; when it is back, nothing is lost', async () => {
    server.status = 503
    await assert.rejects(runJob(), (error) => isTidemarkError(error, 'ERR_REGISTRY_UNREACHABLE'))
    server.status = null
    const producer = await kafka.peer.producer()
    const id = server.register('registered-visits-value', { schema: JSON.stringify(V1) })
    await producer.send('registered-visits', [{ key: '4', value: frame(id, '022f') }])
    await producer.close()
    await runJob()
    const [last] = (await kafka.peer.dump('registered-pages')).slice(-1)
    assert.deepEqual(JSON.parse(last?.value?.subarray(5).toString() ?? ''), { page: '/', times: 3 })
  })
})
