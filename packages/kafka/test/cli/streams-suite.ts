import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { FakeTerminal } from '../../../tidemark/test/cli/fake-terminal.ts'
import { errorOf } from '../../../tidemark/test/cli/spawn.ts'
import { until } from '../../../tidemark/test/until.ts'
import { consoleConsume, kafkaTool } from '../java/kafka-tools.ts'
import { SUMS } from '../job/support.ts'
import { kafka, rowsOf } from './cli-broker.ts'

interface Row {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: unknown
  readonly value: unknown
  readonly headers?: unknown
}

/* On the broker of the file that imports this. */
describe('tidemark streams on Kafka', { skip: kafkaMissing() ?? false }, () => {
  const read = async (topic: string, ...flags: string[]): Promise<Row[]> => {
    return rowsOf<Row>(await kafka.run(['streams', 'read', topic, '--json', ...flags]))
  }

  before(async () => {
    await kafka.peer.createTopic('visits', 2)
    const producer = await kafka.peer.producer()
    await producer.send('visits', [
      { partition: 0, timestamp: 1000, key: 'ada', value: '{"page":"/"}', headers: [['from', 'a link']] },
      { partition: 0, timestamp: 2000, key: 'bob', value: null },
      { partition: 1, timestamp: 3000, key: null, value: Uint8Array.of(0xff, 0) },
      { partition: 0, timestamp: 4000, key: 'cleo', value: 'no JSON' },
    ])
    await producer.close()
  })

  test('read prints what a Java producer has written, by partition, in the form that write takes', async () => {
    assert.deepEqual(await read('visits'), [
      { partition: 0, offset: 0, timestamp: 1000, key: 'ada', value: '{"page":"/"}', headers: [['from', 'a link']] },
      { partition: 0, offset: 1, timestamp: 2000, key: 'bob', value: null },
      { partition: 0, offset: 2, timestamp: 4000, key: 'cleo', value: 'no JSON' },
      { partition: 1, offset: 0, timestamp: 3000, key: null, value: { base64: '/wA=' } },
    ])
    const text = await kafka.run(['streams', 'read', 'visits', '--limit', '1'])
    assert.equal(text.out, '0/0  1970-01-01T00:00:01Z  ada  {"page":"/"}  from=a link\n')
  })

  test('read: from and to an offset or a time, one partition, serdes', async () => {
    const offsets = (rows: readonly Row[]): unknown[] => rows.map(({ partition, offset }) => `${partition}/${offset}`)
    assert.deepEqual(offsets(await read('visits', '--partition', '0', '--from', '1', '--to', '2')), ['0/1'])
    assert.deepEqual(offsets(await read('visits', '--from', '1970-01-01T00:00:02Z')), ['0/1', '0/2', '1/0'])
    assert.deepEqual(offsets(await read('visits', '--to', '1970-01-01T00:00:02Z')), ['0/0'])
    assert.deepEqual(offsets(await read('visits', '--from', 'end')), [])
    const json = ['--partition', '0', '--to', '1', '--value-serde', 'json', '--key-serde', 'base64']
    assert.deepEqual(
      (await read('visits', ...json)).map(({ key, value }) => [key, value]),
      [[{ base64: 'YWRh' }, { page: '/' }]],
    )
    const wrong = await kafka.run(['streams', 'read', 'visits', '--json', '--value-serde', 'json'])
    assert.equal(errorOf(wrong).code, 'ERR_SERDE')
    assert.match(errorOf(wrong).message, /stream "visits", partition 0, offset 2/)
    const gone = await kafka.run(['streams', 'read', 'visit', '--json'])
    assert.equal(errorOf(gone).code, 'ERR_KAFKA_TOPIC_MISSING')
  })

  test('write appends what a Java consumer reads: keys by hash, partitions, headers, tombstones, bytes', async () => {
    await kafka.peer.createTopic('written', 2)
    const lines = [
      { key: 'ada', value: 'by its key' },
      { key: 'ada', value: { page: '/' }, timestamp: 5 },
      {
        key: 'ada',
        value: null,
        partition: 1,
        headers: [
          ['h', 'text'],
          ['h', null],
          ['b', { base64: '/w==' }],
        ],
      },
      { key: { base64: '/w==' }, value: { base64: 'AAE=' }, partition: 0 },
    ]
    const input = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    const done = await kafka.run(['streams', 'write', 'written'], { input })
    assert.equal(done.out, '4 records appended to written\n', done.error)
    const peer = await kafka.peer.producer()
    await peer.send('written', [{ key: 'ada', value: "where Java's partitioner puts it" }])
    await peer.close()
    const rows = await kafka.peer.dump('written')
    const byKey = rows.filter(({ value }) => value?.toString() === 'by its key')[0]?.partition
    assert.equal(rows.find(({ value }) => value?.toString().startsWith('where'))?.partition, byKey)
    const tombstone = rows.find(({ value }) => value === null)
    assert.deepEqual([tombstone?.partition, tombstone?.key?.toString()], [1, 'ada'])
    assert.deepEqual(
      tombstone?.headers.map(([name, value]) => [name, value?.toString('hex') ?? null]),
      [
        ['h', Buffer.from('text').toString('hex')],
        ['h', null],
        ['b', 'ff'],
      ],
    )
    const bytes = rows.find(({ key }) => key?.toString('hex') === 'ff')
    assert.deepEqual([bytes?.partition, bytes?.value?.toString('hex')], [0, '0001'])
    assert.equal(rows.find(({ timestamp }) => timestamp === 5)?.value?.toString(), '{"page":"/"}')
  })

  test('a topic is copied by read | write; the console tools of Kafka see what we wrote, and we what they wrote', async () => {
    await kafka.peer.createTopic('copied', 2)
    const all = await kafka.run(['streams', 'read', 'visits', '--json'])
    const copied = await kafka.run(['streams', 'write', 'copied', '--json', '--batch', '3'], { input: all.out })
    assert.deepEqual(rowsOf(copied), [{ stream: 'copied', records: 4 }])
    assert.deepEqual(await read('copied'), await read('visits'))
    const seen = await consoleConsume(kafka.server.brokers, 'copied', { records: 4, keys: true })
    assert.deepEqual(
      seen.filter((line) => line.startsWith('ada') || line.startsWith('bob')),
      ['ada:{"page":"/"}', 'bob:null'],
    )
    const typed = [
      '--bootstrap-server',
      kafka.server.brokers,
      '--topic',
      'copied',
      '--reader-property',
      'parse.key=true',
    ]
    const produced = await kafkaTool(
      'kafka-console-producer',
      [...typed, '--reader-property', 'key.separator=:'],
      'dora:hello\n',
    )
    assert.equal(produced.code, 0, produced.stderr)
    const found = (await read('copied')).filter(({ key }) => key === 'dora')
    assert.deepEqual(
      found.map(({ value }) => value),
      ['hello'],
    )
  })

  test('ERR_WRITE_LINE names the line that a topic does not take; lines before its batch stay', async () => {
    await kafka.peer.createTopic('small', 1, { 'max.message.bytes': '2000', 'retention.ms': '86400000' })
    const refused = async (line: string, message: RegExp): Promise<void> => {
      const input = `{"value":"before"}\n${line}\n`
      const error = errorOf(await kafka.run(['streams', 'write', 'small', '--json', '--batch', '1'], { input }))
      assert.equal(error.code, 'ERR_WRITE_LINE')
      assert.match(error.message, message)
    }
    await refused(
      JSON.stringify({ value: 'x'.repeat(3000) }),
      /^line 2: a record of \d+ bytes is larger than stream "small"/,
    )
    await refused('{"value":1,"partition":7}', /^line 2: stream "small" has no partition 7/)
    await refused('{"value":1,"headers":[["a",1]]}', /^line 2 has a header that is no \[name, value\]/)
    assert.equal((await read('small')).length, 3)
    // Records that fit, and more of them than one batch takes.
    const many = Array.from({ length: 100 }, (_, i) => `{"value":"${'y'.repeat(200)}-${i}"}\n`).join('')
    assert.equal(
      (await kafka.run(['streams', 'write', 'small'], { input: many })).out,
      '100 records appended to small\n',
    )
    const values = (await read('small', '--from', '3')).map(({ value }) => String(value).replace(/y+-/, ''))
    assert.deepEqual(
      values,
      Array.from({ length: 100 }, (_, i) => String(i)),
    )
  })

  test('only committed records are read, and with --uncommitted all of them', async () => {
    await kafka.peer.createTopic('ordered', 1)
    const producer = await kafka.peer.producer({ 'transactional.id': 'a-shop' })
    await producer.begin()
    await producer.send('ordered', [{ value: 'kept' }])
    await producer.commit()
    await producer.begin()
    await producer.send('ordered', [{ value: 'given up' }])
    await producer.abort()
    await producer.begin()
    await producer.send('ordered', [{ value: 'open' }])
    const values = async (...flags: string[]): Promise<unknown[]> => {
      return (await read('ordered', ...flags)).map(({ value }) => value)
    }
    await until('the markers are written', async () => (await values()).length === 1)
    assert.deepEqual(await values(), ['kept'])
    assert.deepEqual(await values('--uncommitted'), ['kept', 'given up', 'open'])
    await producer.commit()
    await producer.close()
    await until('the last one is committed', async () => (await values()).length === 2)
  })

  test('--follow prints what comes', async () => {
    await kafka.peer.createTopic('followed', 2)
    const terminal = new FakeTerminal()
    const flags = ['--follow', '--limit', '2', '--from', 'end']
    const following = kafka.run(['streams', 'read', 'followed', ...flags], { terminal })
    const producer = await kafka.peer.producer({ 'linger.ms': '0' })
    // What was written before it looked for the end is not printed: so something is sent until it prints.
    let sent = 0
    await until('two are printed', async () => {
      await producer.send('followed', [{ partition: sent % 2, value: `number ${sent++}` }])
      return terminal.out.split('\n').length > 2
    })
    await producer.close()
    const outcome = await following
    assert.equal(outcome.exit, 0, outcome.error)
    assert.match(outcome.out, /^[01]\/\d+ {2}\S+ {2}null {2}number \d+\n[01]\/\d+ .*\n$/)
  })

  test('TLS and SASL: a job runs and its topics are listed, by flags and by variables', async () => {
    const { flags, environment } = kafka.login('tidemark')
    const payments = [
      { key: 'a', value: { user: 'ada', amount: 2 } },
      { key: 'b', value: { user: 'ada', amount: 3 } },
    ]
    const input = payments.map((line) => `${JSON.stringify(line)}\n`).join('')
    const wrote = await kafka.run(['streams', 'write', 'payments', ...flags], { input, environment })
    assert.equal(wrote.exit, 0, wrote.error)
    const job = [
      'run',
      SUMS.pathname,
      '--data-dir',
      join(kafka.root, 'sums'),
      '--partitions',
      '2',
      '--until-end',
      '--json',
    ]
    const ran = await kafka.run([...job, '--containers', '1', ...flags], { environment })
    assert.equal(ran.exit, 0, ran.error)
    const totals = await read('totals', '--value-serde', 'uint')
    assert.equal(totals.at(-1)?.value, 5)
    const [brokers, , ca] = flags.slice(1, 4)
    writeFileSync(join(kafka.root, 'secret'), `${environment['TIDEMARK_KAFKA_PASSWORD']}\n`)
    const variables = {
      TIDEMARK_BROKERS: brokers,
      TIDEMARK_KAFKA_TLS_CA: ca,
      TIDEMARK_KAFKA_SASL: 'plain',
      TIDEMARK_KAFKA_USERNAME: 'tidemark',
      TIDEMARK_KAFKA_PASSWORD_FILE: 'secret',
    }
    const listed = await kafka.run(['streams', 'list'], { environment: variables })
    assert.match(listed.out, /^sums\.1\.state +state +sums +compact +2 +1 +\d+ +\d/m, listed.error)
    assert.match(listed.out, /^sums\.1\.\S+ +intermediate +sums +delete +2 /m)
    assert.match(listed.out, /^payments +user +- +delete +2 +1 +2 +\d+ B$/m)
    assert.doesNotMatch(listed.out, /__consumer_offsets/)
    assert.match(listed.error, /topics of the brokers' own are left out/)
    const denied = await kafka.run(['streams', 'list', '--json', ...flags], {
      environment: { TIDEMARK_KAFKA_PASSWORD: 'wrong' },
    })
    assert.equal(errorOf(denied).code, 'ERR_KAFKA_AUTHENTICATION')
  })

  test('list tells offsets, sizes and what it may not know', async () => {
    interface Listed {
      readonly name: string
      readonly offsets: number | null
      readonly sizeBytes: number | null
      readonly retentionMs: number | null
    }
    const all = rowsOf<Listed>(await kafka.run(['streams', 'list', '--json', '--all']))
    const small = all.find(({ name }) => name === 'small')
    assert.deepEqual([small?.offsets, small?.retentionMs], [103, 86_400_000])
    assert.ok((small?.sizeBytes ?? 0) > 20_000)
    assert.ok(all.some(({ name }) => name.startsWith('__')))
    const { flags, environment } = kafka.login('guest')
    await kafka.peer.allow('User:guest', 'TOPIC', 'visits', 'DESCRIBE')
    const seen = rowsOf<Listed>(await kafka.run(['streams', 'list', '--json', ...flags], { environment }))
    const own = seen.find(({ name }) => name === 'visits')
    assert.deepEqual([own?.offsets, own?.sizeBytes], [4, null])
    assert.ok(!seen.some(({ name }) => name === 'small'))
  })
})
