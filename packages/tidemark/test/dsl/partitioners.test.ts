import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plan } from '../../src/dsl/plan.ts'
import { planJson } from '../../src/dsl/plan-json.ts'
import { renderPlan } from '../../src/dsl/render-plan.ts'
import { defineJob, kv, type Partitioner, stream, string, uint } from '../../src/index.ts'

const counts = kv('counts', { key: string(), value: uint() })
const totals = stream('totals', { key: string(), value: uint() })
const others = stream('others', { key: string(), value: uint() })
const streamBy = (partitioner: Partitioner) => stream('visits', { key: string(), value: uint(), partitioner })

const counting = (partitioner: Partitioner) =>
  defineJob('counting', (job) => job.from(streamBy(partitioner)).groupByKey().count(counts).to(totals))
const tasking = (partitioner: Partitioner, stateful: boolean | 'opaque') =>
  defineJob('tasking', {
    inputs: { visits: streamBy(partitioner), others },
    stores: stateful === false ? {} : { counts: stateful === 'opaque' ? { ...counts, partitionBy: 'opaque' } : counts },
    task: { visits: () => {}, others: () => {} },
  })
const between = (job: { readonly topology: Parameters<typeof plan>[0] }, keyed?: { before: number; after: number }) => {
  const planned = plan(job.topology, keyed === undefined ? {} : { keyed })
  return [planned.intermediates.map(({ name, partitions }) => `${name} ${partitions}`), [...planned.placed]]
}

test('a declared partitioner is relied on: nothing is moved, and where state goes by it the run checks it', () => {
  for (const partitioner of ['murmur2', 'crc32', 'fnv1a', () => 0] as const) {
    assert.deepEqual(between(counting(partitioner)), [[], ['visits']])
  }
  const rekeyed = defineJob('rekeyed', (job) =>
    job
      .from(streamBy('crc32'))
      .groupBy((value) => String(value))
      .count(counts)
      .to(totals),
  )
  assert.deepEqual(between(rekeyed), [['rekeyed.groupBy-1.repartition 4'], []], 'nothing goes by its own keys')
})

test('an unknown one is repartitioned where state goes by the keys, and only there', () => {
  assert.deepEqual(between(counting('unknown')), [['counting.visits.keyed 4'], []])
  assert.deepEqual(between(tasking('unknown', true)), [['tasking.visits.keyed 4'], ['others']])
  assert.deepEqual(between(tasking('unknown', false)), [[], []])
  assert.deepEqual(between(tasking('unknown', 'opaque')), [[], []])
})

test('of several inputs of one state those are moved whose keys go another way than ours', () => {
  assert.deepEqual(between(tasking('crc32', true)), [['tasking.visits.keyed 4'], ['others']])
  assert.deepEqual(between(tasking('murmur2', true)), [[], ['visits', 'others']])
})

test('state that was rescaled is where murmur2 puts keys: streams of another partitioner are moved', () => {
  assert.deepEqual(between(counting('crc32'), { before: 8, after: 6 }), [['counting.visits.keyed 4'], []])
  assert.deepEqual(between(counting('murmur2'), { before: 8, after: 6 }), [[], ['visits']])
})

test('the plan’s hash changes with the partitioner, and the plan shows it; other plans are as they were', () => {
  const hashes = (['murmur2', 'crc32', 'unknown', () => 0] as const).map((each) => plan(counting(each).topology).hash)
  assert.equal(new Set(hashes).size, 4)
  const plain = defineJob('counting', (job) =>
    job
      .from(stream('visits', { key: string(), value: uint() }))
      .groupByKey()
      .count(counts)
      .to(totals),
  )
  assert.equal(plan(plain.topology).hash, hashes[0])
  const planned = plan(counting('crc32').topology)
  assert.match(renderPlan(planned), /visits .* partitioner crc32/)
  assert.equal(planJson(planned).inputs[0]?.partitioner, 'crc32')
  assert.equal(planJson(plan(counting(() => 0).topology)).inputs[0]?.partitioner, 'function')
})

test('ERR_OPTION: a partitioner that nobody knows', () => {
  assert.throws(() => streamBy('md5' as Partitioner), {
    code: 'ERR_OPTION',
    message: /stream visits: partitioner is "md5", but must be one of murmur2, crc32, fnv1a, unknown, or a function/,
  })
})
