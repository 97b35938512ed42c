import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plan } from '../../src/dsl/plan.ts'
import { defineJob, json, kv, stream, string, timer, uint } from '../../src/index.ts'

const visits = stream('visits', { key: string(), value: json<{ page: string }>() })
const logins = stream('logins', { key: string(), value: uint() })
const counts = kv('counts', { key: string(), value: uint() })

const both = defineJob('both', (job) => {
  job
    .from(visits)
    .groupBy(({ page }) => page, { name: 'pages' })
    .count('per-page')
  job.from(logins).groupByKey().count(counts)
})
const low = defineJob('low', {
  inputs: { visits, logins },
  stores: { counts },
  timers: { idle: timer('event') },
  task: { visits: () => {}, logins: () => {}, timers: { idle: () => {} } },
})

const partitions = { visits: 4, logins: 4 }
const widths = (streams: readonly { readonly name: string; readonly partitions: number }[]): string[] =>
  streams.map((each) => `${each.name} ${each.partitions}`)

test('R5: a repartition stands before steps that keep state by the stream’s own keys, and only there', () => {
  const planned = plan(both.topology, { partitions, keyed: { before: 4, after: 6 } })
  assert.deepEqual(widths(planned.inputs), ['visits 4', 'logins 4'])
  assert.deepEqual(widths(planned.intermediates), ['both.pages.repartition 6', 'both.logins.keyed 6'])
  assert.equal(planned.tasks, 6)
  const { nodes } = planned.topology
  assert.ok(nodes.every((node, id) => node.id === id && (!('input' in node) || node.input < id)))
  const aggregate = nodes.find((node) => node.op === 'aggregate' && node.store.name === 'counts')
  const above = aggregate !== undefined && 'input' in aggregate ? nodes[aggregate.input] : undefined
  assert.equal(above?.op === 'repartition' && above.stream.name, 'both.logins.keyed')
  const fewer = plan(both.topology, { partitions, keyed: { before: 4, after: 2 } })
  assert.deepEqual(widths(fewer.intermediates), ['both.pages.repartition 2', 'both.logins.keyed 2'])
  assert.equal(fewer.tasks, 4, 'the streams that are there need as many')
})

test('R5: a task reads through repartitions; the plan is still the job’s: its hash says so', () => {
  const planned = plan(low.topology, { partitions, keyed: { before: 4, after: 3 } })
  assert.deepEqual(widths(planned.inputs), ['visits 4', 'logins 4'])
  assert.deepEqual(widths(planned.intermediates), ['low.visits.keyed 3', 'low.logins.keyed 3'])
  const node = planned.topology.nodes.find((each) => each.op === 'task')
  assert.deepEqual(node?.op === 'task' && Object.values(node.task.inputs).map(({ name }) => name), [
    'low.visits.keyed',
    'low.logins.keyed',
  ])
  assert.equal(planned.hash, plan(low.topology, { partitions }).hash)
  const stateless = defineJob('stateless', { inputs: { visits }, task: { visits: () => {} } })
  assert.deepEqual(plan(stateless.topology, { partitions, keyed: { before: 4, after: 3 } }).intermediates, [])
})

test('R5: a narrower stream keeps its partitions as long as the state has as many', () => {
  const keyed = { before: 4, after: 6 }
  const narrow = plan(both.topology, { partitions: { visits: 4, logins: 3 }, keyed })
  assert.deepEqual(widths(narrow.intermediates), ['both.pages.repartition 6'])
  const fewer = plan(both.topology, { partitions: { visits: 4, logins: 3 }, keyed: { before: 4, after: 2 } })
  assert.deepEqual(widths(fewer.intermediates), ['both.pages.repartition 2', 'both.logins.keyed 2'])
})
