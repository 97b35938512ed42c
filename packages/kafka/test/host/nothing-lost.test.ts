import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProducerState } from 'tidemark/system'
import { encodeCheckpoint } from '../../../tidemark/src/checkpoint/record.ts'
import { assertNothingLost } from '../../src/host/nothing-lost.ts'

function standsAt(position: number): ProducerState {
  const between = { position, watermarkMs: null, endedAt: null, marks: {} }
  const checkpoint = encodeCheckpoint({ version: 1, atMs: 0, lastDeltaId: 0, inputs: { between }, sent: {} })
  return { producer: 'task:sums/1', epoch: 1, id: 7, checkpoint, meta: '', flushedId: 0 }
}

test('ERR_OFFSET_OUT_OF_RANGE: a task that stands behind the end of a stream between steps has lost what was there', () => {
  const ends = new Map([['between', [99, 10]]])
  assertNothingLost(standsAt(10), ends)
  assertNothingLost(standsAt(11), new Map())
  assertNothingLost({ ...standsAt(11), producer: 'app:sums' }, ends)
  assertNothingLost({ ...standsAt(11), id: 0, checkpoint: new Uint8Array(0) }, ends)
  assert.throws(() => assertNothingLost(standsAt(11), ends), {
    code: 'ERR_OFFSET_OUT_OF_RANGE',
    message: /task 1 has read stream "between", partition 1, up to offset 11, and the stream ends at 10/,
    details: { stream: 'between', partition: 1, offset: 11, end: 10 },
  })
})
