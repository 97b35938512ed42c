import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchEncoder, batchHeader as header, TidemarkError } from 'tidemark/system'
import type { ClusterPort } from '../../src/cluster-port.ts'
import { IdempotentProducer } from '../../src/produce/idempotent-producer.ts'
import type { Api } from '../../src/wire/api.ts'
import type { ProduceRequest } from '../../src/wire/produce.ts'
import { InstantClock } from '../txn/instant-clock.ts'

type Fate = 'arrives' | 'lost-before' | 'lost-after' | 'not-leader' | 'late'
const KEPT = 5

/** Leaders of two brokers that check sequences as brokers do, and remember the last five batches of each partition. */
class Leaders implements ClusterPort {
  readonly log = new Map<number, number[]>()
  readonly #last = new Map<number, number[]>()
  readonly #next = new Map<number, number>()
  readonly #fates: Fate[]

  constructor(fates: readonly Fate[]) {
    this.#fates = [...fates]
  }

  async request<Q, R>(_node: number | 'any', api: Api<Q, R>, q: Q): Promise<R> {
    if (api.name === 'InitProducerId') return { error: 0, producerId: 9, producerEpoch: 0 } as R
    const fate = this.#fates.shift() ?? 'arrives'
    // Requests of one connection are carried out in order of call: before anything else happens.
    const lost = new TidemarkError('ERR_KAFKA_CONNECTION', 'the connection broke. Try again.')
    if (fate === 'lost-before') throw lost
    const answer = (q as ProduceRequest).topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, batch }) => ({
        partition,
        error: fate === 'not-leader' ? 6 : this.#append(partition, batch[0] as Uint8Array),
        baseOffset: 0,
        appendTimeMs: -1,
        logStart: 0,
        recordErrors: [],
        message: null,
      })),
    }))
    for (let i = 0; i < (fate === 'late' ? 20 : 1); i++) await Promise.resolve()
    if (fate === 'lost-after') throw lost
    return answer as R
  }

  async leader(_topic: string, partition: number): Promise<{ node: number }> {
    return { node: partition % 2 }
  }

  forgetTopic(): void {}

  async coordinator(): Promise<number> {
    return 0
  }

  forgetCoordinator(): void {}

  #append(partition: number, batch: Uint8Array): number {
    const sequence = header.baseSequence(batch, 0)
    const last = this.#last.get(partition) ?? []
    if (last.includes(sequence)) return 0
    if (sequence !== (this.#next.get(partition) ?? 0)) return 45
    this.#next.set(partition, sequence + header.recordCount(batch, 0))
    this.#last.set(partition, [...last, sequence].slice(-KEPT))
    const log = this.log.get(partition) ?? []
    log.push(batch[batch.length - 2] as number)
    this.log.set(partition, log)
    return 0
  }
}

function batchOf(value: number): Uint8Array {
  const encoder = new BatchEncoder(128)
  encoder.append(1, null, 0, 0, Uint8Array.of(value), 0, 1, null)
  return encoder.finish()
}

const fate = fc.constantFrom<Fate>('arrives', 'arrives', 'late', 'lost-before', 'lost-after', 'not-leader')

test('each batch is there once and in order of its partition, whatever is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 80, size: 'max' }),
      fc.integer({ min: 1, max: 3 }),
      async (fates, count) => {
        const leaders = new Leaders(fates)
        const clock = new InstantClock()
        const producer = new IdempotentProducer({ cluster: leaders, clock, random: () => 0.5, timeoutMs: 1e6 })
        await producer.init()
        const sent: Promise<number>[] = []
        for (let n = 0; n < 30; n++) {
          for (let partition = 0; partition < count; partition++) sent.push(producer.send('t', partition, batchOf(n)))
          if (n % 7 === 0) await Promise.resolve()
        }
        await Promise.all(sent)
        for (let partition = 0; partition < count; partition++)
          assert.deepEqual(
            leaders.log.get(partition),
            Array.from({ length: 30 }, (_, n) => n),
          )
      },
    ),
    { numRuns: 300 },
  )
})

test('a broker that is gone for good ends every send, and no later one is tried', async () => {
  const leaders = new Leaders(Array<Fate>(1000).fill('lost-before'))
  const producer = new IdempotentProducer({
    cluster: leaders,
    clock: new InstantClock(),
    random: () => 0.5,
    timeoutMs: 3000,
  })
  await producer.init()
  const sent = await Promise.allSettled([1, 2, 3].map((n) => producer.send('t', 0, batchOf(n))))
  for (const one of sent) {
    assert.equal(one.status, 'rejected')
    assert.equal(one.status === 'rejected' && (one.reason as TidemarkError).code, 'ERR_KAFKA_CONNECTION')
  }
  await assert.rejects(producer.send('t', 1, batchOf(4)), { code: 'ERR_KAFKA_CONNECTION' })
  assert.equal(leaders.log.size, 0)
})
