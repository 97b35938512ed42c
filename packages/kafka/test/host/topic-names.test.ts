import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineageStream } from 'tidemark/system'
import { isBetween, streamBetween, topicOf } from '../../src/host/topic-names.ts'

test('a stream between steps has a topic of its lineage, which names that stream and no other lineage’s', () => {
  const job = 'a.b'
  for (const name of ['a.b.by-user.repartition', 'a.b.visits.keyed', 'other.repartition']) {
    for (const lineage of [1, 2, 13]) {
      const stream = lineageStream(name, lineage)
      const topic = topicOf(job, { name: stream, kind: 'intermediate' })
      assert.ok(topic.startsWith(`a.b.${lineage}.`))
      assert.equal(isBetween({ job, lineage }, topic), true)
      assert.equal(isBetween({ job, lineage: lineage + 1 }, topic), false)
      assert.equal(isBetween({ job: 'a', lineage }, topic), false)
      if (name.startsWith(`${job}.`)) assert.equal(streamBetween({ job, lineage }, topic), stream)
    }
  }
  for (const topic of ['a.b.1.state', 'a.b.1.report', 'a.b.control', 'a.b.12.x.repartition']) {
    assert.equal(isBetween({ job, lineage: 1 }, topic), false, topic)
  }
})
