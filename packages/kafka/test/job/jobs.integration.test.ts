import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32, gunzipSync } from 'node:zlib'
import { defineJob, json, kv, type Partitioner, type StoreEntry, stream, string, uint } from 'tidemark'
import { delaysByAirportHour, flightsByAircraft } from '../../../../examples/01-flights/flights.job.ts'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { FLIGHTS, JOB as FLIGHTS_JOB } from '../../../tidemark/test/runtime/fixtures/flights-crash.ts'
import { until } from '../../../tidemark/test/until.ts'
import { groupLag, kafkaTool } from '../java/kafka-tools.ts'
import { recordsOf, runOn, runToEnd, stateOf, type SystemName } from './both-systems.ts'
import sumsJob from './fixtures/sums.job.ts'
import { sendPayments, SumsBroker } from './support.ts'

const BOTH: readonly SystemName[] = ['embedded', 'kafka']
const ROWS = 8000

describe('jobs on Kafka, and on the embedded system', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SumsBroker()

  it('the lag that Kafka’s own tool sees in the group of the job is what remains to be read', async () => {
    await sendPayments(broker.peer, 600, 20)
    const options = { dataDir: 'lag', untilEnd: true, commit: { intervalMs: 20 } }
    assert.equal((await runToEnd('kafka', broker, sumsJob, options)).records, 600)
    await sendPayments(broker.peer, 150, 20, 600)
    const lag = async (): Promise<[number, number]> => {
      const lines = (await groupLag(broker.server.brokers, 'sums')).filter(({ topic }) => topic === 'payments')
      assert.equal(lines.length, 4, 'a line for each partition of the input')
      const sum = (of: 'current' | 'lag'): number => lines.reduce((all, line) => all + (line[of] ?? Number.NaN), 0)
      return [sum('current'), sum('lag')]
    }
    assert.deepEqual(await lag(), [600, 150])
    assert.equal((await runToEnd('kafka', broker, sumsJob, options)).records, 150)
    assert.deepEqual(await lag(), [750, 0])
  })

  it('records between steps are purged behind the commit that has processed them', async () => {
    const between = 'sums.1.groupBy-1.repartition'
    const { brokers } = broker.server
    await sendPayments(broker.peer, 150, 20, 750)
    const app = await runOn('kafka', broker, sumsJob, { dataDir: 'lag', commit: { intervalMs: 20 } })
    // Marks have no key, and may come at any time.
    await until('no payment is left there', async () => {
      const written = (await broker.peer.dump('totals')).length
      return written === 900 && (await broker.peer.dump(between)).every(({ key }) => key === null)
    })
    await app.drain()
    const tool = ['--bootstrap-server', brokers, '--topic', between, '--time', 'earliest']
    const { stdout } = await kafkaTool('kafka-get-offsets', tool)
    const starts = stdout
      .trim()
      .split('\n')
      .map((line) => Number(line.split(':')[2]))
    assert.equal(starts.length, 4)
    const gone = starts.reduce((sum, start) => sum + start, 0)
    assert.ok(gone >= 900, `${gone} records were there, and are gone`)
  })

  it('--until-end on a topic that goes on growing ends where the topic ended at the start', async () => {
    const ticks = stream('ticks', { key: string(), value: json<number>(), partitions: 2 })
    const seen: number[] = []
    const gate = Promise.withResolvers<void>()
    const job = (handler: () => Promise<void>) =>
      defineJob('ticking', {
        inputs: { ticks },
        task: {
          async ticks({ value }) {
            await handler()
            seen.push(value)
          },
        },
      })
    // A run that waits fills the stream; the topic is there then.
    const filling = await runOn(
      'kafka',
      broker,
      job(() => Promise.resolve()),
      { dataDir: 'until' },
    )
    const send = async (from: number): Promise<void> => {
      for (let i = from; i < from + 6; i++) await filling.send(ticks, { key: `key-${i}`, value: i, timestamp: i })
    }
    await send(0)
    await until('the six are seen', () => seen.length >= 6)
    await filling.drain()
    seen.length = 0
    const producer = await broker.peer.producer()
    const write = (from: number) =>
      producer.send(
        'ticks',
        Array.from({ length: 6 }, (_, i) => ({
          key: `key-${from + i}`,
          value: String(from + i),
          timestamp: from + i,
        })),
      )
    await write(6)
    const app = await runOn(
      'kafka',
      broker,
      job(() => gate.promise),
      { dataDir: 'until', untilEnd: true },
    )
    // The run has its end by now, and stands at its first record.
    await write(12)
    gate.resolve()
    const over = new AbortController()
    const writing = (async () => {
      for (let from = 18; !over.signal.aborted; from += 6) await write(from)
    })()
    const { records, ended } = await app.done.finally(() => over.abort())
    await writing
    assert.deepEqual([records, ended], [6, 'input'])
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      [6, 7, 8, 9, 10, 11],
    )
    // What came later is the next run's.
    seen.length = 0
    await runToEnd(
      'kafka',
      broker,
      job(() => Promise.resolve()),
      { dataDir: 'until', untilEnd: true },
    )
    assert.equal(Math.min(...seen), 12)
  })

  it('C1 ERR_STATE_GAP: files that have come to a commit without changes, and have no changes of it, are gone on from', async () => {
    const notes = stream('notes', { key: string(), value: json<number>(), partitions: 1 })
    const noted = kv('noted', { key: string(), value: uint() })
    const job = defineJob('notes', {
      inputs: { notes },
      stores: { noted },
      task: {
        notes({ key, value }, { stores }) {
          if (value > 0) stores.noted.put(key, value)
        },
      },
    })
    // No checkpoint is kept, and nothing flushed, but by request.
    const checkpoint = { retain: [] }
    const app = await runOn('kafka', broker, job, { dataDir: 'gap', commit: { intervalMs: 20 }, checkpoint })
    const take = async (key: string, value: number): Promise<void> => {
      const { checkpoints } = app.progress()
      await app.send(notes, { key, value })
      await until('it is committed', () => app.progress().checkpoints > checkpoints)
    }
    await take('ada', 1)
    await app.checkpoint()
    // Nothing is to be written for it, and the files have it all the same.
    await take('bob', 0)
    await app.checkpoint()
    await take('cyd', 3)
    // As a kill would leave them: the end of a run brings the files up.
    const killed = join(broker.root, 'kafka-gap-killed')
    cpSync(join(broker.root, 'kafka-gap'), killed, {
      recursive: true,
      filter: (path) => !basename(path).startsWith('lock'),
    })
    await app.drain()
    const covered = JSON.parse(readFileSync(join(killed, 'covered', '1-0.json'), 'utf8')) as { readonly id: number }
    assert.ok(covered.id >= 2, `the files have come to commit ${covered.id}`)
    const warnings: string[] = []
    const again = await runOn('kafka', broker, job, {
      dataDir: 'gap-killed',
      onWarning: (line) => void warnings.push(line),
    })
    const entries: StoreEntry<string, number>[] = []
    for await (const entry of again.store(noted).scan()) entries.push(entry)
    await again.drain()
    assert.deepEqual(warnings, [], 'the files were not made anew')
    assert.deepEqual(
      entries.map(({ key, value }) => [key, value]),
      [
        ['ada', 1],
        ['cyd', 3],
      ],
    )
  })

  it('ERR_PARTITIONER: what a Java producer wrote is where murmur2 puts it; what librdkafka’s crc32 placed is found, named, and read', async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i % 60}`)
    await broker.peer.createTopic('by-java', 4)
    await broker.peer.createTopic('by-crc', 4)
    const producer = await broker.peer.producer()
    await producer.send(
      'by-java',
      keys.map((key) => ({ key, value: '1' })),
    )
    // As librdkafka does: the CRC-32 of the key, modulo the number of partitions.
    await producer.send(
      'by-crc',
      keys.map((key) => ({ key, value: '1', partition: crc32(key) % 4 })),
    )
    await producer.close()
    const counted = async (job: string, topic: string, partitioner: Partitioner): Promise<Map<unknown, unknown>> => {
      const input = stream(topic, { key: string(), value: json<number>(), partitioner })
      const counts = kv('counts', { key: string(), value: uint() })
      const out = stream(`${job}-out`, { key: string(), value: uint(), partitioner })
      const counting = defineJob(job, (flow) => flow.from(input).groupByKey().count(counts).to(out))
      // A policy for records that fail is none for a topic that is not what the job says.
      const options = { dataDir: job, untilEnd: true, onError: 'drop' as const }
      const { dropped, records } = await runToEnd('kafka', broker, counting, options)
      assert.deepEqual([dropped, records], [0, keys.length])
      const places = await broker.peer.dump(`${job}-out`)
      assert.equal(places.length, keys.length)
      if (partitioner === 'crc32') {
        for (const { key, partition } of places)
          assert.equal(partition, crc32(key ?? '') % 4, 'outputs go the same way')
      }
      const state = await stateOf('kafka', broker, counting, job, [counts])
      return new Map(
        state.map((line) => JSON.parse(line.slice(line.indexOf('{'))) as StoreEntry).map((e) => [e.key, e.value]),
      )
    }
    const wanted = new Map(Array.from({ length: 60 }, (_, i) => [`key-${i}`, 5]))
    assert.deepEqual(sorted(await counted('java-murmur2', 'by-java', 'murmur2')), sorted(wanted))
    await assert.rejects(counted('crc-murmur2', 'by-crc', 'murmur2'), {
      code: 'ERR_PARTITIONER',
      message:
        /stream by-crc, partition \d, offset \d+: key "key-\d+" belongs to partition .* crc32 \(the default of librdkafka/,
    })
    assert.deepEqual(sorted(await counted('crc-crc32', 'by-crc', 'crc32')), sorted(wanted))
    // Nobody knows, or nobody says: it is repartitioned.
    assert.deepEqual(sorted(await counted('crc-unknown', 'by-crc', 'unknown')), sorted(wanted))
  })

  it('the same job on the same input gives the same bytes on both systems, and the same state', async () => {
    const csv = join(broker.root, 'flights.csv')
    const rows = gunzipSync(readFileSync(FLIGHTS))
      .toString('utf8')
      .split('\n')
      .slice(0, ROWS + 1)
    writeFileSync(csv, `${rows.join('\n')}\n`)
    const found: string[][] = []
    for (const system of BOTH) {
      const inputs = { flights: [{ path: csv }] }
      const options = { dataDir: 'flights', containers: 1, commit: { intervalMs: 50 }, inputs }
      const { records } = await runToEnd(system, broker, FLIGHTS_JOB, options)
      assert.equal(records, ROWS)
      const streams = ['flights', 'flights-by-aircraft', 'delays-by-airport-hour']
      const lines: string[] = []
      for (const name of streams) lines.push(name, ...(await recordsOf(system, broker, 'flights', name)))
      const stores = [flightsByAircraft, delaysByAirportHour]
      found.push([...lines, ...(await stateOf(system, broker, FLIGHTS_JOB, 'flights', stores))])
    }
    same(found, 2 * ROWS)
  })

  it('tombstones, headers, keys of null and times are the same bytes too', async () => {
    interface Pair {
      readonly key: string
      readonly n: number
    }
    const time = (pair: Pair): number => 1_700_000_000_000 + pair.n
    const pairs = stream('pairs', { key: string(), value: json<Pair>(), partitions: 3, time })
    const copies = stream('copies', { key: string(), value: json<Pair>(), partitions: 3 })
    const last = kv('last', { key: string(), value: uint() })
    const job = defineJob('copying', {
      inputs: { pairs },
      outputs: { copies },
      stores: { last },
      task: {
        pairs({ value, timestamp }, { stores, send, task }) {
          // Rows have no key and go round; each task writes its own partition, so that the order is the same.
          const { key } = value
          const before = stores.last.get(key) ?? 0
          if (value.n % 5 === 0) stores.last.delete(key)
          else stores.last.put(key, before + value.n)
          const headers: [string, Uint8Array | null][] = [
            ['before', Buffer.from(String(before))],
            ['none', null],
          ]
          const given = value.n % 2 === 0 ? { headers, timestamp: timestamp + 1 } : {}
          const sentKey = (value.n % 7 === 0 ? null : key) as string
          send.copies(sentKey, (value.n % 3 === 0 ? null : value) as Pair, { partition: task, ...given })
        },
      },
    })
    const path = join(broker.root, 'pairs.jsonl')
    const lines = Array.from({ length: 600 }, (_, n) => JSON.stringify({ key: `key-${(n * 31) % 70}`, n }))
    writeFileSync(path, `${lines.join('\n')}\n`)
    const found: string[][] = []
    for (const system of BOTH) {
      await runToEnd(system, broker, job, {
        dataDir: 'copies',
        inputs: { pairs: [{ path }] },
        commit: { intervalMs: 5 },
      })
      const records = await recordsOf(system, broker, 'copies', 'copies')
      assert.equal(records.filter((line) => /^\d \d+ \S+ null /.test(line)).length, 200, 'every third is a tombstone')
      found.push([...records, ...(await stateOf(system, broker, job, 'copies', [last]))])
    }
    same(found, 600)
  })
})

function sorted(map: ReadonlyMap<unknown, unknown>): string[] {
  return [...map].map(([key, value]) => `${String(key)} ${String(value)}`).toSorted()
}

function same([embedded = [], onKafka = []]: readonly string[][], least: number): void {
  assert.ok(embedded.length > least, `${embedded.length} lines`)
  const at = embedded.findIndex((line, i) => line !== onKafka[i])
  assert.equal(at, -1, `line ${at}: ${onKafka[at]} on Kafka instead of ${embedded[at]}`)
  assert.equal(onKafka.length, embedded.length)
}
