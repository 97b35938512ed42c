import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { kafka } from '@tidemark/kafka'
import { type ByteWriter, defineJob, type Job, kv, type Message, run, type Serde, stream, string, uint } from 'tidemark'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { SuiteBroker } from '../suite-broker.ts'

const RECORDS = 20_000
const KEYS = 500
const valueOf = (i: number): string => `value ${i} `.padEnd(120, '.')

/** A serde of a user that gives views of what it is given. */
const views: Serde<Uint8Array> = {
  name: 'views',
  version: 1,
  discipline: 'copied',
  ordered: false,
  write: (value: Uint8Array, out: ByteWriter) => out.raw(value),
  read: (bytes, start, end) => bytes.subarray(start, end),
}

/*
 * The memory of answers is used again when nothing refers to it. In tests it is overwritten as soon as it is free
 * (POISON_FREE_MEMORY), so that whoever does refer to it sees what was never sent.
 */
describe('records whose bytes are referred to when they were processed', { skip: kafkaMissing() ?? false }, () => {
  const broker = new SuiteBroker('kept', null, async (peer) => {
    await peer.createTopic('kept', 2)
    const producer = await peer.producer({ 'batch.size': '65536' })
    for (let from = 0; from < RECORDS; from += 2000) {
      await producer.send(
        'kept',
        Array.from({ length: 2000 }, (_, i) => ({ key: `key-${(from + i) % KEYS}`, value: valueOf(from + i) })),
      )
    }
    await producer.close()
  })
  const system = () => kafka({ brokers: broker.server.brokers.split(',') })

  async function toEnd(name: string, job: Job): Promise<void> {
    assert.equal(process.env['POISON_FREE_MEMORY'], '1', 'run it by npm test')
    const options = { system: system(), dataDir: join(broker.root, name), untilEnd: true, containers: 0 }
    assert.equal((await (await run(job, options)).done).records, RECORDS)
  }

  const numberOf = (text: string): number => Number(/^value (\d+) /.exec(text)?.[1])

  it('messages that a task keeps are what was sent, whenever they are looked at', async () => {
    const kept = stream('kept', { key: string(), value: string() })
    const messages: Message<string, string>[] = []
    const job = defineJob('keeping', { inputs: { kept }, task: { kept: (message) => void messages.push(message) } })
    await toEnd('keeping', job)
    const numbers = messages.map(({ value }) => numberOf(value)).toSorted((a, b) => a - b)
    assert.deepEqual(
      numbers,
      Array.from({ length: RECORDS }, (_, i) => i),
    )
  })

  it('so are values that a serde has made views of', async () => {
    const seen: Uint8Array[] = []
    const time = (value: unknown): number => {
      seen.push(value as Uint8Array)
      return 0
    }
    const kept = stream('kept', { key: string(), value: views, time })
    const counts = kv('counts', { key: string(), value: uint() })
    const job = defineJob('views', (flow) => void flow.from(kept).groupByKey().count(counts))
    await toEnd('views', job)
    const numbers = seen.map((value) => numberOf(Buffer.from(value).toString())).toSorted((a, b) => a - b)
    assert.deepEqual(
      numbers,
      Array.from({ length: RECORDS }, (_, i) => i),
    )
  })

  it('records that go on as they came, and counts of keys, are right', async () => {
    const kept = stream('kept', { key: string(), value: string() })
    const copies = stream('kept-copies', { key: string(), value: string(), partitions: 2 })
    const counts = kv('counts', { key: string(), value: uint() })
    const totals = stream('kept-totals', { key: string(), value: uint(), partitions: 2 })
    const job = defineJob('copying-kept', (flow) => {
      flow.from(kept).to(copies)
      flow.from(kept).groupByKey().count(counts, { emit: 'commit' }).to(totals)
    })
    await toEnd('copying', job)
    const copied = (await broker.peer.dump('kept-copies')).map(({ value }) => String(value))
    assert.deepEqual(
      copied.toSorted((a, b) => numberOf(a) - numberOf(b)),
      Array.from({ length: RECORDS }, (_, i) => valueOf(i)),
    )
    const last = new Map<string, number>()
    for (const { key, value } of await broker.peer.dump('kept-totals')) {
      last.set(String(key), uint().read(value as Buffer, 0, (value as Buffer).length))
    }
    assert.deepEqual(
      [...last].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      Array.from({ length: KEYS }, (_, i) => [`key-${i}`, RECORDS / KEYS] as const).toSorted(([a], [b]) =>
        a < b ? -1 : 1,
      ),
    )
  })
})
