import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeMark, encodeMark, MarkBoard } from '../../src/checkpoint/marks.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/checkpoint/record.ts'
import { isTidemarkError } from '../../src/errors/error.ts'

const mark = (producer: number, watermarkMs: number | null, kind: 'watermark' | 'idle' | 'end' = 'watermark') =>
  ({ producer, producers: 2, kind, watermarkMs }) as const

describe('marks of an intermediate partition', () => {
  it('has no watermark until every producer was heard', () => {
    const board = new MarkBoard()
    board.take(mark(0, 100))
    assert.equal(board.watermarkMs, Number.NEGATIVE_INFINITY)
    board.take(mark(1, 50))
    assert.equal(board.watermarkMs, 50)
  })

  it('takes the least of those that are not idle or ended', () => {
    const board = new MarkBoard()
    board.take(mark(0, 100))
    board.take(mark(1, 50))
    board.take(mark(1, 50, 'idle'))
    assert.equal(board.watermarkMs, 100)
    assert.equal(board.ended, false)
  })

  it('never goes back when an idle producer returns behind the others', () => {
    const board = new MarkBoard()
    board.take(mark(0, 100))
    board.take(mark(1, 50, 'idle'))
    board.take(mark(1, 60))
    assert.equal(board.watermarkMs, 100)
  })

  it('ends when all have ended, at the furthest watermark', () => {
    const board = new MarkBoard()
    board.take(mark(0, 100, 'end'))
    assert.equal(board.ended, false)
    board.take(mark(1, null, 'end'))
    assert.equal(board.ended, true)
    assert.equal(board.watermarkMs, 100)
    board.take(mark(1, 120))
    assert.equal(board.ended, false)
  })

  it('C2: comes back from a checkpoint as it was', () => {
    const board = new MarkBoard()
    board.take(mark(0, 100))
    board.take(mark(1, 50, 'end'))
    const again = new MarkBoard()
    again.restore(board.toJSON(), 2)
    assert.equal(again.watermarkMs, 100)
    assert.deepEqual(again.toJSON(), board.toJSON())
  })

  it('travels as bytes; damage is ERR_LOG_CORRUPT', () => {
    const bytes = encodeMark(mark(1, -5, 'idle'))
    assert.deepEqual(decodeMark(bytes, 0, bytes.length), mark(1, -5, 'idle'))
    assert.throws(
      () => decodeMark(bytes, 1, bytes.length),
      (e) => isTidemarkError(e, 'ERR_LOG_CORRUPT'),
    )
  })
})

describe('checkpoint record', () => {
  const record = {
    version: 1,
    atMs: 5,
    lastDeltaId: 3,
    inputs: { visits: { position: 12, watermarkMs: null, endedAt: 12, marks: {} } },
    sent: { 'a.b': { kind: 'end', watermarkMs: 7 } },
  } as const

  it('comes back as it was written', () => {
    assert.deepEqual(decodeCheckpoint(encodeCheckpoint(record), 'task:a/0'), record)
  })

  it('ERR_LOG_CORRUPT and ERR_FORMAT_NEWER name the producer', () => {
    const damaged = encodeCheckpoint(record).subarray(1)
    assert.throws(() => decodeCheckpoint(damaged, 'task:a/0'), /task:a\/0/)
    const newer = new TextEncoder().encode(JSON.stringify({ ...record, version: 2 }))
    assert.throws(
      () => decodeCheckpoint(newer, 'task:a/0'),
      (e) => isTidemarkError(e, 'ERR_FORMAT_NEWER'),
    )
  })
})

describe('marks of a run that goes on with more input (C2)', () => {
  const ended = (producer: number, watermarkMs: number | null, ends: string) =>
    ({ ...mark(producer, watermarkMs, 'end'), ends }) as const

  it('an end of before holds the others back at its watermark until its producer is heard again', () => {
    const board = new MarkBoard()
    board.restore({ 0: ended(0, 100, 's:10'), 1: ended(1, 80, 's:10') }, 2, 100)
    assert.equal(board.ended, false)
    board.take(mark(0, 500))
    assert.equal(board.watermarkMs, 100, 'what was promised stays, and no more is')
    board.expect('s:20')
    board.take(mark(1, 300))
    assert.equal(board.watermarkMs, 300)
    board.take(ended(1, 300, 's:20'))
    assert.equal(board.watermarkMs, 500)
    board.take(ended(0, 600, 's:20'))
    assert.deepEqual([board.ended, board.watermarkMs], [true, 600])
  })

  it('where the streams end as before, all have ended as before', () => {
    const board = new MarkBoard()
    board.restore({ 0: ended(0, 100, 's:10'), 1: ended(1, null, 's:10') }, 2, 100)
    board.expect('s:10')
    assert.deepEqual([board.ended, board.idle, board.watermarkMs], [true, true, 100])
    board.expect('s:11')
    assert.deepEqual([board.ended, board.idle], [false, false])
  })
})
