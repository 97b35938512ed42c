import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from 'tidemark/system'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { CoordinatorRequests, NO_IDENTITY } from '../../src/txn/coordinator-requests.ts'
import type { Identity } from '../../src/produce/stamp.ts'
import { TransactionalProducer } from '../../src/txn/transactional-producer.ts'
import { FaultyCluster, isKafka, part, TestBroker } from './broker.ts'

const missing = kafkaMissing()
const TIMEOUT_MS = 20_000
const PLACE = { own: { topic: 'out', partition: 0 }, outputs: [] }

describe('transactions on a broker', { skip: missing ?? false }, () => {
  let broker: TestBroker
  let ids = 0

  before(async () => {
    broker = await TestBroker.start({ 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' })
    await broker.createTopic('out', 4)
  })
  after(() => broker.stop())

  async function producerOf(id: string, timeoutMs = TIMEOUT_MS): Promise<[TransactionalProducer, FaultyCluster]> {
    const cluster = new FaultyCluster(broker.cluster)
    const producer = new TransactionalProducer({ cluster, transactionalId: id, timeoutMs, clock: systemClock })
    await producer.init()
    return [producer, cluster]
  }
  const freshId = (): string => `job.1.${ids++}`

  test('several batches for several partitions and offsets are visible together, in order', async () => {
    const [producer] = await producerOf(freshId())
    const first = producer.identity
    const positions = [{ topic: 'out', partition: 0, offset: 7 }]
    const parts = [part('out', 0, ['a1', 'a2'], ['a3'], ['a4']), part('out', 1, ['b1'])]
    assert.deepEqual(await producer.commit(parts, { group: 'job', positions }), { kind: 'committed', ends: [4, 1] })
    assert.deepEqual(producer.identity, { ...first, epoch: first.epoch + 1 })
    assert.equal((await producer.commit([part('out', 0, ['a5'])], null)).kind, 'committed')
    assert.deepEqual((await broker.values('out', 0)).slice(-5), ['a1', 'a2', 'a3', 'a4', 'a5'])
    assert.deepEqual(await broker.values('out', 1), ['b1'])
  })

  test('the same EndTxn again is answered by its epoch, the opposite one by INVALID_TXN_STATE', async () => {
    const id = freshId()
    const [producer] = await producerOf(id)
    const { identity } = producer
    await producer.commit([part('out', 2, ['once'])], null)
    const requests = new CoordinatorRequests(broker.cluster, id, TIMEOUT_MS)
    const settled = async (commit: boolean) => {
      for (;;) {
        const result = await requests.end(identity, commit, 5000)
        if (result.fact !== 'again') return result
        await systemClock.sleep(20)
      }
    }
    assert.deepEqual(await settled(true), { fact: 'ok', identity: producer.identity, error: null })
    const opposite = await settled(false)
    assert.equal(opposite.fact, 'state')
    assert.ok(isKafka(opposite.error, 'INVALID_TXN_STATE'))
    // Its own values, though old: the epoch of now, without raising it.
    assert.deepEqual((await requests.init(identity, 5000)).identity, producer.identity)
    assert.equal((await requests.init(NO_IDENTITY, 5000)).fact, 'ok')
    assert.equal((await requests.init(identity, 5000)).fact, 'fenced')
  })

  for (const open of [false, true]) {
    test(`a second init fences the first owner ${open ? 'in the middle of its transaction' : 'between two'}`, async () => {
      const id = freshId()
      const [first, cluster] = await producerOf(id)
      assert.equal((await first.commit([part('out', 3, [`${id} first`])], null)).kind, 'committed')
      let second: TransactionalProducer | null = null
      const takeOver = async (): Promise<undefined> => {
        if (second === null) [second] = await producerOf(id)
      }
      if (open) cluster.fault = { before: (name) => (name === 'EndTxn' ? takeOver() : undefined) }
      else await takeOver()
      assert.deepEqual(await first.commit([part('out', 3, [`${id} stale`])], null), { kind: 'fenced' })
      assert.deepEqual(await first.commit([part('out', 3, [`${id} stale`])], null), { kind: 'fenced' })
      assert.equal(await first.resolve(), 'fenced')
      const now = second as TransactionalProducer | null
      assert.equal((await now?.commit([part('out', 3, [`${id} second`])], null))?.kind, 'committed')
      const mine = (await broker.values('out', 3)).filter((value) => value.startsWith(`${id} `))
      assert.deepEqual(mine, [`${id} first`, `${id} second`])
    })
  }

  test('the answer to EndTxn is lost: it is asked again, and nothing is there twice', async () => {
    const id = freshId()
    const [producer, cluster] = await producerOf(id)
    for (const where of ['before', 'after'] as const) {
      let left = 3
      cluster.fault = { [where]: (name: string) => (name === 'EndTxn' && left-- > 0 ? 'lose' : undefined) }
      assert.equal((await producer.commit([part('out', 0, [`${id} ${where}`])], null)).kind, 'committed')
    }
    cluster.fault = {}
    const mine = (await broker.values('out', 0)).filter((value) => value.startsWith(id))
    assert.deepEqual(mine, [`${id} before`, `${id} after`])
  })

  for (const where of ['before', 'after'] as const) {
    test(`no EndTxn is answered in time (lost ${where} it arrives): unknown, then resolved`, async () => {
      const id = freshId()
      const [producer, cluster] = await producerOf(id, 3000)
      cluster.fault = { [where]: (name: string) => (name === 'EndTxn' ? 'lose' : undefined) }
      const outcome = await producer.commit([part('out', 1, [`${id} maybe`])], null)
      assert.equal(outcome.kind, 'unknown')
      await assert.rejects(producer.resolve())
      cluster.fault = {}
      assert.equal(await producer.resolve(), 'owner')
      const there = (await broker.values('out', 1)).includes(`${id} maybe`)
      assert.equal(there, where === 'after')
      assert.equal(producer.settled, where === 'after' ? 'committed' : 'aborted')
      assert.equal((await producer.commit([part('out', 1, [`${id} next`])], null)).kind, 'committed')
    })
  }

  test('the coordinator times a transaction out: aborted, and the same producer goes on', async () => {
    const id = freshId()
    const [producer, cluster] = await producerOf(id, 1000)
    let slow = true
    const wait = async (): Promise<undefined> => {
      if (slow) await systemClock.sleep(2000)
      slow = false
    }
    cluster.fault = { before: (name) => (name === 'EndTxn' ? wait() : undefined) }
    assert.equal((await producer.commit([part('out', 1, [`${id} late`])], null)).kind, 'aborted')
    assert.equal((await producer.commit([part('out', 1, [`${id} next`])], null)).kind, 'committed')
    const mine = (await broker.values('out', 1)).filter((value) => value.startsWith(id))
    assert.deepEqual(mine, [`${id} next`])
  })

  test('an abort while it is written is an abort: ERR_KAFKA_ABORTED', async () => {
    const id = freshId()
    const [producer, cluster] = await producerOf(id)
    cluster.fault = {
      after: (name) => {
        if (name === 'Produce') producer.abort()
        return undefined
      },
    }
    const outcome = await producer.commit([part('out', 1, [`${id} no`])], null)
    assert.equal(outcome.kind === 'aborted' && outcome.error.code, 'ERR_KAFKA_ABORTED')
    cluster.fault = {}
    assert.equal((await producer.commit([part('out', 1, [`${id} yes`])], null)).kind, 'committed')
    assert.deepEqual(
      (await broker.values('out', 1)).filter((value) => value.startsWith(id)),
      [`${id} yes`],
    )
  })

  test('a process whose thread has died goes on with what it was: whatever became of the transaction, and never past a newer owner', async () => {
    const heir = async (id: string, inherit: Identity): Promise<[TransactionalProducer, string]> => {
      const options = { cluster: broker.cluster, transactionalId: id, timeoutMs: TIMEOUT_MS, clock: systemClock }
      const producer = new TransactionalProducer({ ...options, inherit })
      return [producer, await producer.goOn(PLACE)]
    }
    const goesOn = async (id: string, inherit: Identity): Promise<void> => {
      const [producer, owner] = await heir(id, inherit)
      assert.equal(owner, 'owner')
      assert.equal((await producer.commit([part('out', 0, [`${id} heir`])], null)).kind, 'committed')
    }
    // Nothing was ever begun; something was, and its thread told who it is since; or died before it did.
    const own = [freshId(), freshId(), freshId(), freshId(), freshId()] as const
    const [unused] = await producerOf(own[0])
    await goesOn(own[0], unused.identity)
    for (const [id, isOld] of [
      [own[1], false],
      [own[2], true],
    ] as const) {
      const [producer] = await producerOf(id)
      const earlier = producer.identity
      assert.equal((await producer.commit([part('out', 0, [`${id} first`])], null)).kind, 'committed')
      await goesOn(id, isOld ? earlier : producer.identity)
    }
    // It dies with an open transaction.
    const [dying, cluster] = await producerOf(own[3])
    const known = dying.identity
    const written = Promise.withResolvers<void>()
    cluster.fault = {
      before: (name) => {
        if (name !== 'EndTxn') return undefined
        written.resolve()
        return new Promise(() => {})
      },
    }
    void dying.commit([part('out', 0, [`${own[3]} first`])], null)
    await written.promise
    await goesOn(own[3], known)
    dying.close()
    // Another has taken over.
    const [old] = await producerOf(own[4])
    await producerOf(own[4])
    assert.equal((await heir(own[4], old.identity))[1], 'fenced')
    const values = (await broker.values('out', 0)).filter((value) => own.some((id) => value.startsWith(`${id} `)))
    const [none, told, untold, open] = own
    const expected = [
      `${none} heir`,
      `${told} first`,
      `${told} heir`,
      `${untold} first`,
      `${untold} heir`,
      `${open} heir`,
    ]
    assert.deepEqual(values, expected)
  })

  test('what the topic does not take aborts the transaction and is named: ERR_KAFKA_RECORD_REFUSED', async () => {
    await broker.createTopic('narrow', 2, { 'max.message.bytes': '2000', 'compression.type': 'producer' })
    const [producer] = await producerOf(freshId())
    const large = part('narrow', 1, ['x'.repeat(5000)])
    for (const parts of [
      [part('out', 0, ['with it']), large],
      [{ ...part('narrow', 1, ['x'.repeat(5000)]), maxBytes: 2000 }],
    ]) {
      const outcome = await producer.commit(parts, null)
      assert.equal(outcome.kind, 'aborted')
      if (outcome.kind !== 'aborted') continue
      assert.equal(outcome.error.code, 'ERR_KAFKA_RECORD_REFUSED')
      assert.match(outcome.error.message, /stream "narrow", partition 1/)
    }
    const packed = { ...part('narrow', 1, ['x'.repeat(5000)]), codec: 'zstd' as const, maxBytes: 2000 }
    assert.equal((await producer.commit([packed], null)).kind, 'committed')
    assert.deepEqual(await broker.values('narrow', 1), ['x'.repeat(5000)])
    assert.ok(!(await broker.values('out', 0)).includes('with it'))
  })
})
