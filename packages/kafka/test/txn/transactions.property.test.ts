import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchEncoder } from 'tidemark/system'
import { TransactionalProducer } from '../../src/txn/transactional-producer.ts'
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
    if (what === 'lose-markers') broker.losesMarkers = true
    const positions = [{ topic: 'in', partition: 0, offset: n }]
    const outcome = producer.commit(parts, { group: 'job', positions })
    // Somewhere in the middle of it.
    for (let i = 0; i < (n * 7) % 23; i++) await Promise.resolve()
    if (what === 'time-out') broker.timeOut()
    if (what === 'take-over') {
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
  for (const name of [
    'committed',
    'aborted',
    'fenced',
    'unknown',
    'resolved owner',
    'resolved fenced',
    'without markers',
  ])
    assert.ok((total.get(name) ?? 0) > 0, `no case of ${name}: ${JSON.stringify([...total])}`)
})

test('a run without faults commits everything, and goes on when the epochs of a producer id are used up', async () => {
  const broker = new CoordinatorModel()
  broker.epoch = 32_764
  const counts = await run(broker, Array<string>(8).fill('none'))
  assert.deepEqual([...counts], [['committed', 8]])
  assert.equal(broker.producerId, 2)
})
