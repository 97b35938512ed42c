import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MarkBoard, type ProducerMark } from '../../src/checkpoint/marks.ts'
import type { CheckpointRecord, InputPosition } from '../../src/checkpoint/record.ts'
import { type RescaledInput, rescaledRecords } from '../../src/checkpoint/rescale-record.ts'

const aTime = fc.option(fc.integer({ min: 0, max: 1000 }), { freq: 6 })
const aKind = fc.constantFrom<ProducerMark['kind']>('watermark', 'watermark', 'idle', 'end')

interface OldTask {
  readonly watermarkMs: number | null
  readonly newestMs: number | null
  readonly processingMs: number | null
  readonly eventMs: number | null
  readonly ended: boolean
}

const anOldTask: fc.Arbitrary<OldTask> = fc.record({
  watermarkMs: aTime,
  newestMs: aTime,
  processingMs: aTime,
  eventMs: aTime,
  ended: fc.boolean(),
})

interface Cut {
  readonly tasks: readonly OldTask[]
  /** Of each producer, what all consumers have of it at the cut; null: it was never heard. */
  readonly marks: readonly (ProducerMark | null)[]
}

const aCut: fc.Arbitrary<Cut> = fc.integer({ min: 1, max: 6 }).chain((count) =>
  fc.record({
    tasks: fc.array(anOldTask, { minLength: count, maxLength: count }),
    marks: fc.array(fc.option(fc.record({ kind: aKind, watermarkMs: aTime }), { freq: 10 }), {
      minLength: count,
      maxLength: count,
    }),
  }),
)

function recordsOf({ tasks, marks }: Cut): CheckpointRecord[] {
  const heard = Object.fromEntries(marks.flatMap((mark, producer) => (mark === null ? [] : [[producer, mark]])))
  const board = new MarkBoard()
  board.restore(heard, marks.length)
  const passedMs = Number.isFinite(board.watermarkMs) ? board.watermarkMs : null
  return tasks.map(({ watermarkMs, newestMs, processingMs, eventMs, ended }, task) => ({
    version: 1,
    atMs: 5 + task,
    lastDeltaId: 3,
    inputs: {
      source: { position: 7, watermarkMs, newestMs, endedAt: ended ? 7 : null, marks: {} },
      between: { position: 9, watermarkMs: passedMs, newestMs, endedAt: null, marks: heard },
    },
    sent: marks[task] === null ? {} : { between: marks[task] as ProducerMark },
    clock: { processingMs, eventMs, events: eventMs === null ? {} : { store: eventMs } },
  }))
}

function inputsFor(before: number, after: number): RescaledInput[] {
  const partitions = { before, after }
  return [
    { name: 'source', partitions, producers: null },
    { name: 'between', partitions, producers: partitions },
  ]
}

/** Unknown, or no later than all of these; and known only if all of them are. */
function assertNoLater(
  time: number | null | undefined,
  old: readonly (number | null | undefined)[],
  what: string,
): void {
  const known = old.filter((each) => each !== null && each !== undefined)
  if (known.length < old.length) assert.equal(time ?? null, null, `${what}: one of the old tasks does not know it`)
  else assert.equal(time, Math.min(...known), what)
}

test('R3: no new task is further in time than any old one, none is idle or at an end, and producers and consumers agree', () => {
  const property = fc.property(aCut, fc.integer({ min: 1, max: 6 }), (cut, after) => {
    const old = recordsOf(cut)
    const now = rescaledRecords(old, inputsFor(old.length, after), after)
    assert.equal(now.length, after)
    for (const { inputs, sent, clock } of now) {
      for (const [name, input] of Object.entries(inputs)) {
        const before = old.map((record) => record.inputs[name] as InputPosition)
        assertNoLater(
          input.watermarkMs,
          before.map(({ watermarkMs }) => watermarkMs),
          `${name}: watermark`,
        )
        assertNoLater(
          input.newestMs,
          before.map(({ newestMs }) => newestMs),
          `${name}: newest`,
        )
        assert.equal(input.position, 0)
        assert.equal(input.endedAt, null)
      }
      assertNoLater(
        clock?.processingMs,
        old.map((record) => record.clock?.processingMs),
        'processing time',
      )
      assertNoLater(
        clock?.eventMs,
        old.map((record) => record.clock?.eventMs),
        'event time',
      )
      assertNoLater(
        clock?.events?.['store'],
        old.map((record) => record.clock?.events?.['store']),
        'time of a store',
      )
      const { marks } = inputs['between'] as InputPosition
      for (const mark of Object.values(marks)) assert.deepEqual(mark, sent['between'], 'what was sent was heard')
      const board = new MarkBoard()
      board.restore(marks, after)
      const passedMs = old[0]?.inputs['between']?.watermarkMs ?? null
      assert.equal(Number.isFinite(board.watermarkMs) ? board.watermarkMs : null, passedMs, 'what was promised stays')
      assert.ok(!board.idle && !board.ended)
    }
  })
  fc.assert(property, { numRuns: 300 })
})

test('R3: rescaled twice is rescaled at once', () => {
  const property = fc.property(
    aCut,
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 6 }),
    (cut, on, after) => {
      const old = recordsOf(cut)
      const twice = rescaledRecords(rescaledRecords(old, inputsFor(old.length, on), on), inputsFor(on, after), after)
      assert.deepEqual(twice, rescaledRecords(old, inputsFor(old.length, after), after))
    },
  )
  fc.assert(property, { numRuns: 200 })
})
