import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { kafka } from '@tidemark/kafka'
import { defineJob, json, kv, run, type RunOptions, stream, string, type Summary } from 'tidemark'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { until } from '../../../tidemark/test/until.ts'
import type { PeerRecord } from '../java/java-peer.ts'
import { SuiteBroker } from '../suite-broker.ts'
import { deletedTopics } from './deleted-topics-suite.ts'

const HOUR_MS = 3_600_000

interface Asked {
  /** Of the answer, and of what is put into the store. */
  readonly sends?: number
  readonly puts?: number
}

const asks = stream('asks', { key: string(), value: json<Asked>() })
const answers = stream('answers', { key: string(), value: string() })
const kept = kv('kept', { key: string(), value: string() })

const job = defineJob('limits', {
  inputs: { asks },
  outputs: { answers },
  stores: { kept },
  task: {
    asks({ key, value }, { stores, send }) {
      if (value.puts !== 0) stores.kept.put(key, 'p'.repeat(value.puts ?? 1))
      send.answers(key, 's'.repeat(value.sends ?? 1))
    },
  },
})

describe('topics that do not take everything, or change', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SuiteBroker('limits', null, async (peer) => {
    await peer.createTopic('asks', 1, { 'message.timestamp.after.max.ms': '9223372036854775807' })
    await peer.createTopic('answers', 1, { 'max.message.bytes': '2000' })
  })

  async function runJob(options: RunOptions): Promise<Summary> {
    const system = kafka({ brokers: broker.server.brokers.split(',') })
    const app = await run(job, {
      system,
      dataDir: join(broker.root, 'data'),
      untilEnd: true,
      maxValueBytes: 5000,
      ...options,
    })
    return app.done
  }

  async function ask(key: string, asked: Asked, timestamp?: number): Promise<void> {
    const producer = await broker.peer.producer()
    const record: PeerRecord = { key, value: JSON.stringify(asked), ...(timestamp === undefined ? {} : { timestamp }) }
    await producer.send('asks', [record])
    await producer.close()
  }

  it('goes to the dead letters with the cause, and the job goes on', async () => {
    const nowMs = Date.now()
    await ask('fits', { sends: 1800 })
    await ask('large', { sends: 3000 })
    await ask('early', {}, nowMs + 2 * HOUR_MS)
    await ask('old', {}, nowMs - 10_000 * HOUR_MS)
    await ask('stored', { puts: 6000 })
    // Together more than a batch of the topic may be.
    for (let i = 0; i < 10; i++) await ask(`last-${i}`, { sends: 700 })
    const summary = await runJob({ onError: { deadLetter: 'bad' } })
    assert.equal(summary.deadLettered, 3)
    const answered = (await broker.peer.dump('answers')).map(({ key }) => String(key))
    assert.deepEqual(answered, ['fits', 'old', ...Array.from({ length: 10 }, (_, i) => `last-${i}`)])
    const causes = new Map<string, string>()
    for (const { key, headers } of await broker.peer.dump('bad')) {
      causes.set(String(key), String(new Map(headers).get('tm-error')))
    }
    assert.match(
      causes.get('large') ?? '',
      /stream answers takes \d+ bytes with its batch; the stream takes 2000 at most/,
    )
    assert.match(causes.get('early') ?? '', /ahead of the clock; the stream takes 3600000 at most/)
    assert.match(causes.get('stored') ?? '', /store kept: a value takes 6000 bytes, more than the limit of 5000/)
  })

  it('fails the job by default, and the error names the message that made it', async () => {
    await ask('culprit', { sends: 5000 })
    await assert.rejects(runJob({}), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ERR_HANDLER_FAILED')
      assert.match(error.message, /asks.*offset 15.*culprit.*the stream takes 2000 at most \(max\.message\.bytes/s)
      return true
    })
    assert.equal((await runJob({ onError: 'drop' })).dropped, 1)
  })

  it('under at-least-once what fits is seen before its commit', async () => {
    const system = kafka({ brokers: broker.server.brokers.split(',') })
    const commit = { intervalMs: 600_000 }
    const delivery = 'at-least-once'
    const app = await run(job, { system, dataDir: join(broker.root, 'data'), maxValueBytes: 5000, commit, delivery })
    const known = (await broker.peer.dump('answers')).length
    await ask('soon', { sends: 10 })
    await until('the answer is seen', async () => (await broker.peer.dump('answers')).length > known)
    assert.equal(app.progress().checkpoints, 0)
    assert.equal(String((await broker.peer.dump('answers')).at(-1)?.key), 'soon')
    await app.drain()
    assert.equal((await runJob({})).records, 0, 'and committed when it was drained')
    await assert.rejects(runJob({ delivery: 'at-most-once' as 'at-least-once' }), { code: 'ERR_OPTION' })
  })

  it('files that were written after commits without changes of state are gone on from', async () => {
    // So that each commit is kept, and files are written for it.
    const options = { checkpoint: { intervalMs: 1 }, recentMaxBytes: 1 } as const
    await ask('changes', { puts: 10 })
    await runJob(options)
    await ask('does not', { puts: 0 })
    await runJob(options)
    await ask('changes again', { puts: 10 })
    assert.equal((await runJob({ recentMaxBytes: 1_000_000 })).records, 1)
    assert.equal((await runJob(options)).records, 0)
  })

  it('values of stores are bounded by what the state topic takes: ERR_KAFKA_TOPIC, ERR_KAFKA_OPTION', async () => {
    await assert.rejects(runJob({ maxValueBytes: 70_000_000 }), { code: 'ERR_KAFKA_OPTION', message: /66060288 bytes/ })
    await broker.peer.setTopicConfig('limits.1.state', { 'max.message.bytes': '1048588' })
    await assert.rejects(runJob({ maxValueBytes: 50_000 }), {
      code: 'ERR_KAFKA_TOPIC',
      message: /max\.message\.bytes of limits\.1\.state is 1048588: set it to 1098576/,
    })
  })

  deletedTopics(broker)

  it('partitions that are added to an input are told of, and what to do', async () => {
    const warnings: string[] = []
    const system = kafka({ brokers: broker.server.brokers.split(',') })
    const onWarning = (line: string): void => void warnings.push(line)
    await broker.peer.setTopicConfig('limits.1.state', { 'max.message.bytes': '67108864' })
    const app = await run(job, { system, dataDir: join(broker.root, 'data'), maxValueBytes: 5000, onWarning })
    await broker.peer.addPartitions('asks', 2)
    await until('it warns', () => warnings.length > 0)
    assert.match(warnings.join(), /topic asks has 2 partitions now, and had 1 when the job started: .*Stop the job/)
    await app.drain()
    // At the next start the plan has as many tasks as partitions, and the state has other ones.
    await assert.rejects(runJob({}), { code: 'ERR_KAFKA_TOPIC', message: /has 1 partitions, and the job has 2 tasks/ })
  })
})
