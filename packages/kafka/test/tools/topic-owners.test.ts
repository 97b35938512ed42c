import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicOwners } from '../../src/tools/topic-owners.ts'

test('a job has the topics that bear its name beside a state topic; all others are shared', () => {
  const topics = [
    'visits',
    'counts.1.state',
    'counts.1.by-user.repartition',
    'counts.1.visits.keyed',
    'counts.2.state',
    'counts.control',
    'counts.daily',
    'counts.2024.report',
    'counts.1.report',
    'other.control',
    'a.b.1.state',
    'a.b.1.x.repartition',
  ]
  const owners = Object.fromEntries(
    [...topicOwners(topics)].map(([topic, { kind, job }]) => [topic, job === null ? kind : `${kind} of ${job}`]),
  )
  assert.deepEqual(owners, {
    visits: 'user',
    'counts.1.state': 'state of counts',
    'counts.1.by-user.repartition': 'intermediate of counts',
    'counts.1.visits.keyed': 'intermediate of counts',
    'counts.2.state': 'state of counts',
    'counts.control': 'control of counts',
    'counts.daily': 'user',
    'counts.2024.report': 'user',
    'counts.1.report': 'user',
    'other.control': 'user',
    'a.b.1.state': 'state of a.b',
    'a.b.1.x.repartition': 'intermediate of a.b',
  })
})
