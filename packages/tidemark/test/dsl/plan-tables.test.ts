import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planJson } from '../../src/dsl/plan-json.ts'
import { plan } from '../../src/dsl/plan.ts'
import { renderPlan } from '../../src/dsl/render-plan.ts'
import { defineJob, json, remoteTable, string, uint } from '../../src/index.ts'
import { redisTable } from '../../src/remote/redis/redis-table.ts'
import { visits } from './fixtures.ts'

const read = async (): Promise<[]> => []
const users = remoteTable('users', {
  key: string(),
  value: json<{ name: string }>(),
  read,
  write: async () => {},
  rate: { perSecond: 50 },
  cache: { ttl: '5m' },
})
const limits = redisTable('limits', { url: 'redis://u:secret@redis.example:6379', key: string(), value: uint() })

const pipeline = defineJob('pipeline', (job) =>
  job
    .from(visits)
    .lookup(
      users,
      (visit) => visit.user,
      (visit) => visit,
    )
    .lookup(
      users,
      (visit) => visit.page,
      (visit) => visit.at,
    )
    .forEach(() => {}),
)
const task = defineJob('task', { inputs: { visits }, tables: { users, limits }, task: { visits: () => {} } })

test('a plan shows the look-ups of a pipeline, and that they only read', () => {
  const text = renderPlan(plan(pipeline.topology))
  assert.match(text, /└ lookup-1: users\n +└ lookup-2: users\n/)
  assert.match(
    text,
    /\nremote tables\n {2}users {2}functions {2}string -> json {2}by lookup-1, lookup-2 {2}read only, /,
  )
  assert.match(text, /batches of 100, 50 keys\/s, 5 attempts, cached 5m\n/)
})

test('a plan names the tables that a task may write as at-least-once and unfenced (C4)', () => {
  const planned = plan(task.topology)
  const text = renderPlan(planned)
  assert.match(
    text,
    /limits {2}redis:\/\/redis.example:6379 .* writes at-least-once, unfenced, .*12 attempts, no cache/,
  )
  assert.ok(!text.includes('secret'))
  const tables = planJson(planned).tables
  assert.deepEqual(
    tables.map(({ name, access, guarantee, fenced, by }) => [name, access, guarantee, fenced, by]),
    [
      ['users', 'read-write', 'at-least-once', false, ['task-1']],
      ['limits', 'read-write', 'at-least-once', false, ['task-1']],
    ],
  )
  const [only] = planJson(plan(pipeline.topology)).tables
  assert.deepEqual([only?.access, only?.guarantee, only?.fenced], ['read', null, null])
})
