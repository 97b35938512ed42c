import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom, systemClock } from 'tidemark/system'
import type { OutOfRangePolicy } from '../../src/fetch/fetch-options.ts'
import { Cluster } from '../../src/net/cluster.ts'
import type { WireReader } from '../../src/wire/wire-reader.ts'
import type { WireWriter } from '../../src/wire/wire-writer.ts'
import { FakeBroker, type Handler } from '../net/fake-broker.ts'
import { TestLog } from './batches.ts'
import { fetcher, readValues, upTo } from './support.ts'

const FETCH = 1
const METADATA = 3
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
/** TestLog writes it into its batches. */
const OLD_EPOCH = 7
const READ = 20
const CUT_AT = 12

interface FetchAsked {
  readonly offset: number
  readonly lastFetchedEpoch: number
}

/** Of the first partition that a Fetch of version 16 names; null if it names none. */
function readFetch(body: WireReader): FetchAsked | null {
  body.int32()
  body.int32()
  body.int32()
  body.int8()
  body.int32()
  body.int32()
  const [first] = body.array((topic) => {
    topic.uuid()
    const [partition] = topic.array((p) => {
      p.int32()
      p.int32()
      const offset = p.int64()
      const lastFetchedEpoch = p.int32()
      p.int64()
      p.int32()
      p.tags()
      return { offset, lastFetchedEpoch }
    })
    topic.tags()
    return partition
  })
  return first ?? null
}

function writeMetadata(answer: WireWriter, port: number): void {
  answer.int32(0).array([1], (w, id) => w.int32(id).string('127.0.0.1').int32(port).string(null).tags())
  answer.string('fake').int32(1)
  answer.array(['cut'], (w, name) => {
    w.int16(0).string(name).uuid(TOPIC_ID).bool(false)
    w.array([0], (p, at) => p.int16(0).int32(at).int32(1).int32(OLD_EPOCH).int32s([1]).int32s([1]).int32s([]).tags())
    w.int32(0).tags()
  })
  answer.tags()
}

/** One partition, without a session; with `diverging` in its tagged field 0 (a struct, which ends by its own tags). */
function writeFetch(answer: WireWriter, records: Uint8Array, end: number, diverging: boolean): void {
  answer.int32(0).int16(0).int32(0)
  answer.array([TOPIC_ID], (w, id) => {
    w.uuid(id).array([0], (p, at) => {
      p.int32(at).int16(0).int64(end).int64(end).int64(0)
      p.array([], () => {})
      p.int32(-1).bytes(records)
      if (!diverging) return void p.tags()
      p.varint(1).varint(0).varint(13).int32(OLD_EPOCH).int64(CUT_AT).tags()
    })
    w.tags()
  })
  answer.tags()
}

interface Run {
  readonly reader: Parameters<typeof readValues>[0]
  readonly asked: readonly FetchAsked[]
  readonly moves: readonly (readonly number[])[]
  readonly failures: readonly Error[]
  /** Another broker becomes leader, in whose log epoch 7 ends at `CUT_AT`. */
  readonly cut: () => void
}

/**
 * A reader of a broker whose log has `READ` records of epoch 7 until it is cut. Then what the reader says to have had last
 * is answered by where the logs part.
 */
async function truncating(policy: OutOfRangePolicy, then: (run: Run) => Promise<void>): Promise<void> {
  const before = new TestLog().data(READ, null)
  const after = new TestLog().data(CUT_AT, null).data(READ, null)
  const asked: FetchAsked[] = []
  let log = before
  const handler: Handler = (request, answer) => {
    if (request.key === METADATA) {
      writeMetadata(answer, broker.port)
      return 'answer'
    }
    if (request.key !== FETCH) return broker.usual(request, answer)
    const fetch = readFetch(request.body)
    if (fetch === null) return 'silent'
    asked.push(fetch)
    const diverging = log === after && fetch.lastFetchedEpoch === OLD_EPOCH && fetch.offset === READ
    writeFetch(answer, diverging ? new Uint8Array() : log.bytes(fetch.offset), log.end, diverging)
    return 'answer'
  }
  await using broker: FakeBroker = new FakeBroker(handler)
  broker.versions.set(FETCH, 16)
  const options = { clientId: 'test', clock: systemClock, random: seededRandom(3), requestTimeoutMs: 2000 }
  const cluster = await Cluster.connect({ brokers: [await broker.listen()], ...options })
  const moves: number[][] = []
  const failures: Error[] = []
  const source = fetcher(cluster, {
    outOfRange: policy,
    onMoved: (_, __, from, to) => moves.push([from, to]),
    onFailed: (error) => failures.push(error),
  })
  try {
    const reader = source.reader('cut', 0)
    reader.seek(0)
    await then({ reader, asked, moves, failures, cut: () => (log = after) })
  } finally {
    source.close()
    cluster.close()
  }
}

const isAfterAll = ({ offset }: FetchAsked): boolean => offset === READ

test('ERR_KAFKA_TRUNCATED when what was read is gone, with the policy fail', async () => {
  await truncating('fail', async ({ reader, asked, moves, failures, cut }) => {
    assert.deepEqual(await readValues(reader, READ, 2000), upTo(READ))
    cut()
    const gone = { stream: 'cut', partition: 0, offset: CUT_AT, end: READ }
    await assert.rejects(readValues(reader, 1, 2000), { code: 'ERR_KAFKA_TRUNCATED', details: gone })
    assert.deepEqual(asked.at(-1), { offset: READ, lastFetchedEpoch: OLD_EPOCH }, 'it says what it has read')
    assert.equal(failures.length, 1)
    assert.deepEqual(moves, [])
  })
})

for (const policy of ['earliest', 'latest'] as const) {
  test(`a reader with the policy ${policy} goes back to where the logs part, and onMoved tells`, async () => {
    await truncating(policy, async ({ reader, moves, failures, asked, cut }) => {
      assert.deepEqual(await readValues(reader, READ, 2000), upTo(READ))
      cut()
      assert.deepEqual(await readValues(reader, READ, 2000), upTo(READ, CUT_AT))
      assert.deepEqual(moves, [[READ, CUT_AT]])
      assert.deepEqual(failures, [])
      const back = asked.find(({ offset }) => offset === CUT_AT)
      assert.deepEqual(back, { offset: CUT_AT, lastFetchedEpoch: -1 }, 'nothing was read of this log yet')
    })
  })
}

for (const policy of ['fail', 'earliest', 'latest'] as const) {
  test(`what had come and was not read is fetched again, with the policy ${policy}: nothing is passed over`, async () => {
    await truncating(policy, async ({ reader, moves, failures, asked, cut }) => {
      while (!asked.some(isAfterAll)) await sleep(1)
      cut()
      const again = ({ offset }: FetchAsked, i: number): boolean => offset === 0 && i > 0
      while (!asked.some(again)) await sleep(1)
      assert.deepEqual(await readValues(reader, CUT_AT + READ, 2000), upTo(CUT_AT + READ))
      assert.deepEqual([moves, failures], [[], []])
    })
  })
}
