import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchEncoder, TidemarkError } from 'tidemark/system'
import type { ClusterPort } from '../../src/cluster-port.ts'
import { TransactionalProducer } from '../../src/txn/transactional-producer.ts'
import type { Api } from '../../src/wire/api.ts'
import { CoordinatorModel, type Fate } from './coordinator-model.ts'
import { InstantClock } from './instant-clock.ts'

function batchOf(text: string): Uint8Array {
  const encoder = new BatchEncoder(128)
  const bytes = Buffer.from(text)
  encoder.append(1, null, 0, 0, bytes, 0, bytes.length, null)
  return encoder.finish()
}

const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>('arrives') },
  { weight: 1, arbitrary: fc.constant<Fate>('lost-before') },
  { weight: 2, arbitrary: fc.constant<Fate>('lost-after') },
  { weight: 1, arbitrary: fc.constant<Fate>('busy') },
)
/** Long runs of the same make the time run out. */
const fates = fc
  .array(fc.tuple(fate, fc.oneof(fc.constant(1), fc.constant(1), fc.constant(60))), { maxLength: 30, size: 'max' })
  .map((runs) => runs.flatMap(([each, times]) => (each === 'arrives' ? [each] : Array<Fate>(times).fill(each))))
const event = fc.constantFrom('none', 'none', 'none', 'none', 'time-out', 'take-over', 'lose-markers')

/** How often each value of transaction `n` is visible. */
function seen(list: readonly string[], n: number): number {
  return list.filter((value) => value.includes(`#${n}.`)).length
}

/** One run: commits one after the other, whatever happens; every outcome is compared with what readers see. */
async function run(broker: CoordinatorModel, events: readonly string[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  const clock = new InstantClock()
  const producer = new TransactionalProducer({ cluster: broker, transactionalId: 'job.1.0', timeoutMs: 10_000, clock })
  let isOwner = true
  const outcomes: ('committed' | 'aborted')[] = []
  try {
    await producer.init()
  } catch {
    return counts
  }
  for (const [n, what] of events.entries()) {
    const parts = [0, 1].map((partition) => ({
      topic: 'out',
      partition,
      batches: ['a', 'b', 'c'].map((part) => batchOf(`#${n}.${part}`)),
    }))
    if (what === 'lose-markers' && broker.unmarked.length === 0) broker.losesMarkers = true
    const positions = [{ topic: 'in', partition: 0, offset: n }]
    const isTorn = broker.unmarked.length > 0
    const outcome = producer.commit(parts, { group: 'job', positions })
    // Somewhere in the middle of it.
    for (let i = 0; i < (n * 7) % 23; i++) await Promise.resolve()
    if (what === 'time-out') broker.timeOut()
    // The owner that comes knows nothing of lost markers: it is not one of ours.
    if (what === 'take-over' && !isTorn) {
      broker.takeOver()
      isOwner = false
    }
    let { kind } = await outcome
    count(kind)
    if (kind === 'unknown') {
      let answer: string | null = null
      for (let i = 0; answer === null && i < 50; i++) answer = await producer.resolve().catch(() => null)
      if (answer === null) return counts
      count(`resolved ${answer}`)
      if (answer === 'fenced') kind = 'fenced'
      else {
        // With all markers there, what is visible has the last word.
        assert.equal(seen(broker.unmarked, n), 0)
        kind = seen(broker.committed, n) > 0 ? 'committed' : 'aborted'
        assert.equal(producer.settled, kind)
      }
    }
    const isSettled = broker.unmarked.length === 0
    if (!isSettled) count('without markers')
    // A second loss, of what mends the first, is more than there is a guard against.
    broker.losesMarkers = false
    if (kind === 'committed' || kind === 'aborted') {
      outcomes.push(kind)
      if (isSettled) check(broker, outcomes)
      if (kind === 'committed') assert.equal(broker.positions, n)
    } else {
      assert.equal(kind, 'fenced')
      assert.equal(isOwner, false, 'fenced, but nobody took over')
      return counts
    }
  }
  // One more, when nothing goes wrong any more, ends whatever was left.
  broker.fates.length = 0
  broker.losesMarkers = false
  const last = await producer.commit([{ topic: 'out', partition: 0, batches: [batchOf('#last.')] }], null)
  if (last.kind === 'committed') check(broker, outcomes)
  return counts
}

/** What was reported of each transaction is what readers see of it, whatever came later. */
function check(broker: CoordinatorModel, outcomes: readonly ('committed' | 'aborted')[]): void {
  for (const [n, kind] of outcomes.entries()) {
    assert.equal(seen(broker.committed, n), kind === 'committed' ? 6 : 0, `transaction ${n} was ${kind}`)
    if (kind === 'committed') assert.equal(seen(broker.aborted, n), 0)
  }
}

test('each outcome is what readers see, whatever is lost, refused, timed out or taken over', async () => {
  const total = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fates, fc.array(event, { minLength: 1, maxLength: 8 }), async (list, events) => {
      for (const [name, count] of await run(new CoordinatorModel(list), events)) {
        total.set(name, (total.get(name) ?? 0) + count)
      }
    }),
    { numRuns: 800 },
  )
  // The law says nothing where a case never occurs.
  const cases = ['committed', 'aborted', 'fenced', 'unknown', 'resolved owner', 'resolved fenced', 'without markers']
  for (const name of cases) assert.ok((total.get(name) ?? 0) > 0, `no case of ${name}: ${JSON.stringify([...total])}`)
})

test('a run without faults commits everything, and goes on when the epochs of a producer id are used up', async () => {
  const broker = new CoordinatorModel()
  broker.epoch = 32_764
  const counts = await run(broker, Array<string>(8).fill('none'))
  assert.deepEqual([...counts], [['committed', 8]])
  assert.equal(broker.producerId, 2)
})

/** The model as an owner reaches it that dies after so many requests: the last one may be carried out. */
class Mortal implements ClusterPort {
  readonly #broker: CoordinatorModel
  #left: number

  constructor(broker: CoordinatorModel, requests: number) {
    this.#broker = broker
    this.#left = requests
  }

  async request<Q, R>(node: number | 'any', api: Api<Q, R>, q: Q): Promise<R> {
    if (this.#left-- <= 0) throw new TidemarkError('ERR_KAFKA_REFUSED', 'the owner is dead')
    const answer = await this.#broker.request(node, api, q)
    if (this.#left <= 0) throw new TidemarkError('ERR_KAFKA_REFUSED', 'the owner is dead')
    return answer
  }

  leader = async (): Promise<{ node: number }> => ({ node: 1 })
  forgetTopic(): void {}
  coordinator = async (): Promise<number> => 1
  forgetCoordinator(): void {}
}

test('C6: whenever an owner dies, whatever its broker has lost, the next one finds what was decided', async () => {
  const found = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 30 }),
      // After so many turns it is aborted; never beyond.
      fc.integer({ min: 0, max: 20 }),
      fc.array(fate, { maxLength: 12 }),
      async (requests, turns, list) => {
        const broker = new CoordinatorModel()
        const clock = new InstantClock()
        const options = { transactionalId: 'job.1.0', timeoutMs: 10_000, clock }
        const written = { own: { topic: 'out', partition: 1 }, outputs: [{ topic: 'out', partition: 0 }] }
        const parts = (n: number) =>
          [0, 1].map((partition) => ({ topic: 'out', partition, batches: [batchOf(`#${n}.`)] }))
        const first = new TransactionalProducer({ ...options, cluster: broker })
        await first.init(written)
        await first.commit(parts(0), null)
        broker.losesMarkers = true
        const resume = { identity: first.identity, partitions: [] }
        const owner = new TransactionalProducer({ ...options, cluster: new Mortal(broker, requests), resume })
        const outcome = owner.commit(parts(1), null)
        for (let i = 0; i < turns; i++) await Promise.resolve()
        if (turns < 12) owner.abort()
        await outcome
        broker.losesMarkers = false
        const isOpen = broker.unmarked.length > 0
        const decided = broker.decided[1] ?? 'undecided'
        broker.fates.push(...list)
        const next = new TransactionalProducer({ ...options, cluster: broker })
        await next.init(written)
        assert.deepEqual(broker.unmarked, [])
        assert.equal(seen(broker.committed, 0), 2)
        assert.equal(seen(broker.committed, 1), decided === 'commit' ? 2 : 0)
        broker.fates.length = 0
        assert.equal((await next.commit(parts(2), null)).kind, 'committed')
        assert.equal(seen(broker.committed, 1), decided === 'commit' ? 2 : 0)
        const name = `${isOpen ? 'open' : 'settled'}, ${decided}`
        found.set(name, (found.get(name) ?? 0) + 1)
      },
    ),
    { numRuns: 600 },
  )
  for (const name of ['open, commit', 'open, abort', 'open, undecided', 'settled, commit', 'settled, abort'])
    assert.ok((found.get(name) ?? 0) > 0, `no case of ${name}: ${JSON.stringify([...found])}`)
})
