import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from 'tidemark/system'
import { kafkaMissing } from '../../../../scripts/lib/services/kafka.ts'
import { THOROUGH } from '../../../tidemark/test/thorough.ts'
import { retrying } from '../../src/net/retry.ts'
import { TransactionalProducer } from '../../src/txn/transactional-producer.ts'
import { type Fault, FaultyCluster, part, TestBroker } from './broker.ts'

const missing = kafkaMissing()
const STEPS = ['Produce', 'TxnOffsetCommit', 'EndTxn'] as const

/** A broker that has just started may let it wait for longer than it takes for an answer: then it is asked again. */
function resolved(producer: TransactionalProducer): Promise<'owner' | 'fenced'> {
  return retrying({ clock: systemClock, random: Math.random, withinMs: 60_000 }, () => producer.resolve())
}

describe('a broker that is killed under a transaction', { skip: missing ?? false }, () => {
  let broker: TestBroker
  let cluster: FaultyCluster
  let producer: TransactionalProducer
  const expected: string[] = []

  before(async () => {
    broker = await TestBroker.start()
    await broker.createTopic('out', 1)
    cluster = new FaultyCluster(broker.cluster)
    const options = { cluster, transactionalId: 'job.1.0', timeoutMs: 120_000, clock: systemClock }
    producer = new TransactionalProducer(options)
    await producer.init()
  })
  after(() => broker.stop())

  for (const [i, step] of STEPS.entries()) {
    // Each step once, before it or after it; the last one, which decides, both ways.
    const both = THOROUGH || step === 'EndTxn'
    for (const where of both ? (['before', 'after'] as const) : ([i % 2 === 0 ? 'before' : 'after'] as const)) {
      test(`kill -9 ${where} ${step}: the outcome is what is there, and nothing is there twice`, async () => {
        let killed = false
        let restarted: Promise<void> | null = null
        const kill = async (name: string): Promise<'lose' | undefined> => {
          // Two batches are on their way at once.
          if (name !== step || killed) return undefined
          killed = true
          await broker.server.kill()
          restarted = broker.server.restart()
          // It was carried out, and its answer is lost.
          return where === 'after' ? 'lose' : undefined
        }
        const fault: Fault = where === 'before' ? { before: kill } : { after: kill }
        cluster.fault = fault
        const value = `${where} ${step}`
        const positions = [{ topic: 'out', partition: 0, offset: 1 }]
        const outcome = await producer.commit([part('out', 0, [`${value} 1`], [`${value} 2`])], {
          group: 'job',
          positions,
        })
        await (restarted as Promise<void> | null)
        cluster.fault = {}
        assert.ok(killed)
        assert.notEqual(outcome.kind, 'fenced')
        if (outcome.kind === 'unknown') assert.equal(await producer.resolve(), 'owner')
        const settled = outcome.kind === 'unknown' ? producer.settled : outcome.kind
        // A broker of 4.3.1 that is killed between the end of a transaction and its marker may never write that. Then the next
        // marker would end it, as an abort what was committed (docs/internals/kafka-transactions.md).
        cluster.fault = {
          after: (name) => {
            if (name === 'Produce') producer.abort()
            return undefined
          },
        }
        assert.equal((await producer.commit([part('out', 0, [`${value} aborted`])], null)).kind, 'aborted')
        cluster.fault = {}
        const early = await broker.values('out', 0)
        assert.equal(early.includes(`${value} 1`), settled === 'committed')
        assert.equal((await producer.commit([part('out', 0, [`${value} next`])], null)).kind, 'committed')
        const seen = await broker.values('out', 0)
        if (settled === 'committed') expected.push(`${value} 1`, `${value} 2`)
        expected.push(`${value} next`)
        assert.deepEqual(seen, expected)
      })
    }
  }

  test('a commit of which nobody knew, and a broker that starts again before it is asked: still the owner', async () => {
    const options = { cluster, transactionalId: 'job.1.1', timeoutMs: 5000, clock: systemClock }
    const own = new TransactionalProducer(options)
    await own.init()
    await broker.createTopic('unknown', 1)
    cluster.fault = { after: (name) => (name === 'EndTxn' ? 'lose' : undefined) }
    const outcome = await own.commit([part('unknown', 0, ['a'])], null)
    cluster.fault = {}
    assert.equal(outcome.kind, 'unknown')
    await broker.server.restart()
    assert.equal(await resolved(own), 'owner')
    assert.equal(own.settled, 'committed')
    assert.equal((await own.commit([part('unknown', 0, ['b'])], null)).kind, 'committed')
    assert.deepEqual(await broker.values('unknown', 0), ['a', 'b'])
    own.close()
  })

  test('five hundred transactions with lost requests and lost answers: exactly what was committed is there', async () => {
    await broker.createTopic('many', 1)
    let requests = 0
    const lose = (): 'lose' | undefined => (++requests % 17 === 0 ? 'lose' : undefined)
    cluster.fault = { before: lose, after: lose }
    const committed: string[] = []
    for (let n = 0; n < 500; n++) {
      const outcome = await producer.commit([part('many', 0, [`${n}`])], null)
      assert.equal(outcome.kind, 'committed', outcome.kind === 'aborted' ? outcome.error?.message : '')
      committed.push(`${n}`)
    }
    cluster.fault = {}
    assert.deepEqual(await broker.values('many', 0), committed)
    assert.ok(requests > 2000)
  })
})
