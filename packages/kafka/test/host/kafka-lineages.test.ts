import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LineageFile } from 'tidemark/system'
import { lineagesIn, lineagesRecord } from '../../src/host/kafka-lineages.ts'

const RECORD = { id: 3, ownerEpoch: 2, stores: [], meta: '' }

test('lineages are read as they were written; an empty record says that there are none', () => {
  const current = { id: 'a', number: 2, from: { savepoint: 's', lineage: 'b' }, atMs: 5 }
  const first = { id: 'b', number: 1, from: null, atMs: 0 }
  const file: LineageFile = { dataId: 'kafka/c/job', current, pending: null, older: [first] }
  assert.deepEqual(lineagesIn('job', { ...RECORD, checkpoint: lineagesRecord(file) }), file)
  assert.equal(lineagesIn('job', { ...RECORD, checkpoint: lineagesRecord(null) }), null)
  assert.equal(lineagesIn('job', undefined), null)
})

test('ERR_STATE_CORRUPT: what is no list of lineages names the topic', () => {
  for (const text of ['{"dataId":', 'x']) {
    const record = { ...RECORD, checkpoint: new TextEncoder().encode(text) }
    assert.throws(() => lineagesIn('job', record), { code: 'ERR_STATE_CORRUPT', message: /job\.control/ })
  }
})
