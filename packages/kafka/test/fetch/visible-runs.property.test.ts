import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  batchHeader,
  ReadCommittedFilter,
  RecordCursor,
  TransactionScan,
  type AbortedTransaction,
} from 'tidemark/system'
import { visibleRuns, type VisibleRuns } from '../../src/fetch/visible-runs.ts'
import { TestLog } from './batches.ts'

type Step = { readonly kind: 'data' | 'plain' | 'commit' | 'abort'; readonly producer: number; readonly count: number }

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('data', 'data', 'plain', 'commit', 'abort'),
  producer: fc.integer({ min: 1, max: 3 }),
  count: fc.integer({ min: 1, max: 4 }),
})

function logOf(steps: readonly Step[]): TestLog {
  const log = new TestLog()
  for (const { kind, producer, count } of steps) {
    if (kind === 'data') log.data(count, producer)
    else if (kind === 'plain') log.data(count, null)
    else log.marker(kind, producer)
  }
  return log
}

function abortedOf(log: TestLog): readonly AbortedTransaction[] {
  const scan = new TransactionScan()
  const cursor = new RecordCursor()
  cursor.reset(log.bytes())
  while (cursor.nextBatch()) scan.visit(cursor)
  return scan.summary().aborted
}

/** First offsets of the batches that core's filter accepts. */
function accepted(bytes: Uint8Array, aborted: readonly AbortedTransaction[]): number[] {
  const filter = new ReadCommittedFilter()
  filter.reset(aborted)
  const cursor = new RecordCursor()
  cursor.reset(bytes)
  const bases: number[] = []
  while (cursor.nextBatch()) if (filter.accepts(cursor)) bases.push(cursor.baseOffset)
  return bases
}

function shown(bytes: Uint8Array, { runs }: VisibleRuns): number[] {
  const bases: number[] = []
  const cursor = new RecordCursor()
  for (let i = 0; i < runs.length; i += 3) {
    cursor.reset(bytes, runs[i], runs[i + 1])
    while (cursor.nextBatch()) bases.push(cursor.baseOffset)
  }
  return bases
}

const steps = fc.array(step, { maxLength: 30 })

test('shows the batches that core shows, and hides the same', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const log = logOf(all)
      const aborted = abortedOf(log)
      const found = visibleRuns(log.bytes(), 0, aborted.toReversed())
      assert.deepEqual(shown(log.bytes(), found), accepted(log.bytes(), aborted))
      assert.equal(found.next, log.end)
      assert.equal(found.leaderEpoch, all.length === 0 ? -1 : 7)
    }),
  )
})

test('runs stand in order, none but a lone one is empty, and their offsets lead to the end', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const log = logOf(all)
      const { runs, next } = visibleRuns(log.bytes(), 0, abortedOf(log))
      let byte = 0
      let offset = 0
      for (let i = 0; i < runs.length; i += 3) {
        const [start = -1, end = -1, after = -1] = runs.slice(i, i + 3)
        assert.ok(start >= byte && (end > start || (runs.length === 3 && end === start)))
        assert.ok(after > offset)
        byte = end
        offset = after
      }
      assert.equal(offset, next)
    }),
  )
})

test('reading uncommitted shows all but control batches', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const log = logOf(all)
      const expected = log.batches.filter(({ bytes }) => (batchHeader.attributes(bytes, 0) & batchHeader.CONTROL) === 0)
      assert.deepEqual(
        shown(log.bytes(), visibleRuns(log.bytes(), 0, null)),
        expected.map(({ start }) => start),
      )
    }),
  )
})

test('a batch that is cut off is left for the next answer', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 60 }), (all, cutBytes) => {
      const log = logOf(all)
      const found = visibleRuns(log.bytes(0, cutBytes), 0, null)
      assert.equal(found.next, log.batches.at(-1)?.start ?? 0)
    }),
  )
})

test('ERR_BATCH_CORRUPT for old formats, impossible lengths, and damage in what is hidden', () => {
  const old = new TestLog().data(1, null).bytes().slice()
  old[batchHeader.AT.magic] = 1
  assert.throws(() => visibleRuns(old, 0, null), { code: 'ERR_BATCH_CORRUPT', message: /format 1/ })
  const short = new TestLog().data(1, null).bytes().slice()
  batchHeader.writeInt32(short, batchHeader.AT.batchLength, 3)
  assert.throws(() => visibleRuns(short, 0, null), { code: 'ERR_BATCH_CORRUPT' })
  const hidden = new TestLog().data(2, 5).bytes().slice()
  hidden[hidden.length - 1] = 77
  assert.throws(() => visibleRuns(hidden, 0, [{ producerId: 5, firstOffset: 0 }]), { code: 'ERR_BATCH_CORRUPT' })
})
