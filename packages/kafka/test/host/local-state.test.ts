import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge } from '../../src/host/local-state.ts'

const FACTS = { topicId: 'a', startOffset: 10, deleteRetentionMs: 1000, nowMs: 5000 }
const COVERED = { topicId: 'a', id: 7, offset: 20, atMs: 4600 }

test('local files are gone on from only while nothing that they lack can be gone from the state topic', () => {
  assert.deepEqual(judge(COVERED, true, FACTS), { from: COVERED, wiped: null })
  assert.deepEqual(judge(COVERED, false, FACTS), { from: null, wiped: null }, 'no files: nothing to wipe')
  const wiped = (covered: typeof COVERED | null): string | null => {
    const { from, wiped: why } = judge(covered, true, FACTS)
    assert.equal(from, null)
    return why
  }
  assert.match(wiped(null) ?? '', /nothing tells/)
  assert.match(wiped({ ...COVERED, topicId: 'b' }) ?? '', /another one/)
  assert.match(wiped({ ...COVERED, offset: 9 }) ?? '', /begins behind/)
  assert.match(wiped({ ...COVERED, atMs: 4400 }) ?? '', /older than half/)
})
