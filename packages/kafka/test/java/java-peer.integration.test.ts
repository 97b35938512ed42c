import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { batchHeader, CODECS } from 'tidemark/system'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { JavaError, JavaPeer } from './java-peer.ts'
import { SuiteBroker } from '../suite-broker.ts'
import { consoleConsume, groupLag, kafkaTool } from './kafka-tools.ts'

describe('the Java peer', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SuiteBroker('java', null)

  it('sends and reads keys, values, headers and timestamps as they are: nulls, empty ones, any bytes', async () => {
    await broker.peer.createTopic('shapes', 2)
    const producer = await broker.peer.producer()
    const records = [
      { partition: 1, timestamp: 1_700_000_000_123, key: 'k', value: Uint8Array.of(0, 255, 128) },
      { partition: 1, timestamp: 1, key: null, value: 'no key' },
      { partition: 1, timestamp: 2, key: 'tombstone', value: null },
      {
        partition: 1,
        timestamp: 3,
        key: '',
        value: '',
        headers: [
          ['größe', Uint8Array.of(1)],
          ['', null],
          ['', 'again'],
        ],
      },
    ] as const
    assert.deepEqual(
      await producer.send('shapes', records),
      [0, 1, 2, 3].map((offset) => ({ partition: 1, offset })),
    )
    const bytes = (value: string | Uint8Array | null): Buffer | null =>
      value === null ? null : Buffer.from(value as string)
    const expected = records.map(({ partition, timestamp, key, value, ...more }, offset) => ({
      partition,
      offset,
      timestamp,
      key: bytes(key),
      value: bytes(value),
      headers: ('headers' in more ? more.headers : []).map(([name, header]) => [name, bytes(header)] as const),
    }))
    assert.deepEqual(await broker.peer.dump('shapes'), expected)
  })

  it('writes each codec, as one batch a call', async () => {
    for (const codec of CODECS) {
      const topic = `codec-${codec}`
      await broker.peer.createTopic(topic)
      const producer = await broker.peer.producer({ 'compression.type': codec, 'batch.size': '1000000' })
      await producer.send(
        topic,
        Array.from({ length: 50 }, (_, at) => ({ value: `value ${at} `.repeat(20) })),
      )
      const file = readFileSync(join(broker.server.data(), `${topic}-0`, '00000000000000000000.log'))
      assert.equal(CODECS[batchHeader.attributes(file, 0) & batchHeader.CODEC_MASK], codec)
      assert.equal(batchHeader.recordCount(file, 0), 50)
    }
  })

  it('commits, aborts, and leaves transactions open when it is killed', async () => {
    await broker.peer.createTopic('txn')
    const crashing = await JavaPeer.start(broker.server.brokers)
    const open = await crashing.producer({ 'transactional.id': 'open' })
    const producer = await broker.peer.producer({ 'transactional.id': 'ended' })
    await producer.begin()
    await producer.send('txn', [{ value: 'committed' }])
    await producer.commit()
    await producer.begin()
    await producer.send('txn', [{ value: 'aborted' }])
    await producer.abort()
    await open.begin()
    await open.send('txn', [{ value: 'left open' }])
    await crashing.kill()
    const texts = async (isolation: 'read_committed' | 'read_uncommitted'): Promise<string[]> =>
      (await broker.peer.dump('txn', isolation)).map(({ value }) => String(value))
    assert.deepEqual(await texts('read_committed'), ['committed'])
    assert.deepEqual(await texts('read_uncommitted'), ['committed', 'aborted', 'left open'])
    assert.deepEqual((({ state, partitions }) => ({ state, partitions }))(await broker.peer.transaction('open')), {
      state: 'Ongoing',
      partitions: ['txn-0'],
    })
    const successor = await broker.peer.producer({ 'transactional.id': 'ended' })
    await producer.begin()
    await assert.rejects(
      producer.send('txn', [{ value: 'fenced' }]),
      (error) => error instanceof JavaError && /Fenced|InvalidProducerEpoch/.test(error.javaClass),
    )
    await successor.close()
  })

  it('changes topics: configuration, partitions, deletion', async () => {
    await broker.peer.createTopic('changing', 1, { 'cleanup.policy': 'compact' })
    assert.equal((await broker.peer.topicConfig('changing'))['cleanup.policy'], 'compact')
    await broker.peer.setTopicConfig('changing', { 'cleanup.policy': 'delete' })
    assert.equal((await broker.peer.topicConfig('changing'))['cleanup.policy'], 'delete')
    await broker.peer.addPartitions('changing', 3)
    assert.equal((await broker.peer.describeTopic('changing')).length, 3)
    await broker.peer.deleteTopic('changing')
    await assert.rejects(broker.peer.describeTopic('changing'), /UnknownTopicOrPartition/)
  })

  it("is told by Kafka's own tools what they see", async () => {
    await broker.peer.createTopic('tools')
    const run = await kafkaTool(
      'kafka-console-producer',
      [
        '--bootstrap-server',
        broker.server.brokers,
        '--topic',
        'tools',
        '--property',
        'parse.key=true',
        '--property',
        'key.separator=:',
      ],
      'a:1\nb:2\nc:3\n',
    )
    assert.equal(run.code, 0, run.stderr)
    assert.deepEqual(await consoleConsume(broker.server.brokers, 'tools', { records: 3, keys: true }), [
      'a:1',
      'b:2',
      'c:3',
    ])
    const reset = ['--reset-offsets', '--to-offset', '1', '--topic', 'tools', '--execute', '--group', 'readers']
    assert.equal(
      (await kafkaTool('kafka-consumer-groups', ['--bootstrap-server', broker.server.brokers, ...reset])).code,
      0,
    )
    assert.deepEqual(await groupLag(broker.server.brokers, 'readers'), [
      { topic: 'tools', partition: 0, current: 1, end: 3, lag: 2 },
    ])
    assert.deepEqual(await broker.peer.groupOffsets('readers'), [
      { topic: 'tools', partition: 0, offset: 1, metadata: '' },
    ])
    const offsets = await kafkaTool('kafka-get-offsets', [
      '--bootstrap-server',
      broker.server.brokers,
      '--topic',
      'tools',
    ])
    assert.equal(offsets.stdout.trim(), 'tools:0:3')
    const segment = join(broker.server.data(), 'tools-0', '00000000000000000000.log')
    assert.match((await kafkaTool('kafka-dump-log', ['--files', segment])).stdout, /isvalid: true/)
  })
})
