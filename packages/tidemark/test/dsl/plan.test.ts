import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planJson } from '../../src/dsl/plan-json.ts'
import { plan } from '../../src/dsl/plan.ts'
import { renderPlan } from '../../src/dsl/render-plan.ts'
import type { RepartitionNode, Topology } from '../../src/dsl/topology.ts'
import { defineJob, json, kv, stream, string, timer, tumbling, uint, windows } from '../../src/index.ts'
import { hourly, perUser, perUserHour, type Visit, visits } from './fixtures.ts'

const fluent = defineJob('visits', (job) =>
  job
    .from(visits)
    .filter((v) => v.page !== '/health')
    .groupBy((v) => v.user)
    .window(tumbling('1h').grace('5m'))
    .count(perUserHour)
    .map(({ key, window, value }) => ({ user: key, from: window.start, visits: value }))
    .to(hourly),
)

const FLUENT = `\
job visits: 4 tasks, plan ${plan(fluent.topology).hash}

inputs
  visits  4 partitions  string -> json

intermediate streams
  visits.groupBy-1.repartition  4 partitions  string -> json

steps
  from-1: visits
  └ filter-1
    └ groupBy-1
      └ groupBy-1.repartition: by key through visits.groupBy-1.repartition, values as they are
        └ count-1: visits-by-user-hour, tumbling 1h, grace 5m
          └ map-1
            └ to-1: visits-per-hour

stores
  visits-by-user-hour  windows  string -> uint  by count-1  kept 1d after a window's end

outputs
  visits-per-hour  stream           exactly-once   4 partitions
  visits-per-hour  standard output  at-least-once
  visits-per-hour  file out.jsonl   exactly-once`

test('a plan as text', () => {
  const outputs = { 'visits-per-hour': [{ path: '-' }, { path: 'out.jsonl' }] }
  assert.equal(renderPlan(plan(fluent.topology, { outputs })), FLUENT)
})

test('a plan as data', () => {
  assert.deepEqual(planJson(plan(fluent.topology, { defaultPartitions: 2 })), {
    job: 'visits',
    hash: plan(fluent.topology).hash,
    tasks: 2,
    inputs: [{ name: 'visits', partitions: 2, key: 'string', value: 'json', outOfOrderMs: 0, partitioner: 'murmur2' }],
    tables: [],
    intermediates: [
      {
        name: 'visits.groupBy-1.repartition',
        partitions: 2,
        key: 'string',
        value: 'json',
        outOfOrderMs: 0,
        partitioner: 'murmur2',
      },
    ],
    steps: [
      step('from-1', 'source', null, { stream: 'visits' }),
      step('filter-1', 'filter', 'from-1'),
      step('groupBy-1', 'rekey', 'filter-1'),
      step('groupBy-1.repartition', 'repartition', 'groupBy-1', { stream: 'visits.groupBy-1.repartition', raw: true }),
      step('count-1', 'aggregate', 'groupBy-1.repartition', {
        store: 'visits-by-user-hour',
        window: { kind: 'tumbling', sizeMs: 3_600_000, graceMs: 300_000 },
      }),
      step('map-1', 'map', 'count-1'),
      step('to-1', 'sink', 'map-1', { stream: 'visits-per-hour' }),
    ],
    stores: [
      {
        name: 'visits-by-user-hour',
        kind: 'windows',
        key: 'string',
        value: 'uint',
        by: 'count-1',
        windowSizeMs: 3_600_000,
        retentionMs: 86_400_000,
        gapMs: null,
        ttl: null,
        partitionBy: 'identity',
      },
    ],
    outputs: [{ name: 'visits-per-hour', to: 'stream', path: null, partitions: 2, guarantee: 'exactly-once' }],
    warnings: [],
  })
})

function step(name: string, op: string, input: string | null, more: object = {}): object {
  return { name, op, input, stream: null, store: null, raw: null, window: null, emit: null, ...more }
}

function repartitions(topology: Topology): RepartitionNode[] {
  return plan(topology).topology.nodes.filter((node): node is RepartitionNode => node.op === 'repartition')
}

test('groupByKey moves nothing: the aggregate stays directly behind its source', () => {
  const job = defineJob('x', (j) => j.from(visits).groupByKey().count(perUser))
  assert.deepEqual(
    plan(job.topology).topology.nodes.map((node) => node.op),
    ['source', 'aggregate'],
  )
  assert.deepEqual(plan(job.topology).intermediates, [])
})

test("values pass undecoded while they are the source's own; else they get a serde", () => {
  const raw = defineJob('a', (j) =>
    j
      .from(visits)
      .filter((v) => v.at > 0)
      .groupBy((v) => v.user)
      .count('n'),
  )
  const mapped = defineJob('b', (j) =>
    j
      .from(visits)
      .map((v) => v.page)
      .groupBy((p) => p)
      .count('n'),
  )
  const given = defineJob('c', (j) =>
    j
      .from(visits)
      .map((v) => v.page)
      .groupBy((p) => p, { value: string() })
      .count('n'),
  )
  const same = defineJob('d', (j) =>
    j
      .from(visits)
      .groupBy((v) => v.user, { value: visits.value })
      .count('n'),
  )
  const other = defineJob('e', (j) =>
    j
      .from(visits)
      .groupBy((v) => v.user, { value: json<Visit>() })
      .count('n'),
  )
  const again = defineJob('f', (j) =>
    j
      .from(visits)
      .groupByKey()
      .count('m')
      .groupBy((n) => String(n))
      .count('n'),
  )
  const found = [raw, mapped, given, same, other, again].flatMap((job) => repartitions(job.topology))
  assert.deepEqual(
    found.map((node) => [node.stream.value.name, node.raw]),
    [
      ['json', true],
      ['json', false],
      ['string', false],
      ['json', true],
      // json() is one serde, so it is the source's own.
      ['json', true],
      ['uint', false],
    ],
  )
})

test('aggregates of one group share a repartition, as do groups by the same function of the same flow', () => {
  const user = (v: Visit): string => v.user
  const job = defineJob('x', (j) => {
    const flow = j.from(visits)
    const group = flow.groupBy(user)
    group.count('a')
    group.window(tumbling('1m')).count('b')
    flow.groupBy(user).count('c')
    flow.groupBy((v) => v.page).count('d')
    flow
      .filter((v) => v.at > 0)
      .groupBy(user)
      .count('e')
    flow.groupBy(user, { key: uint() as never }).count('f')
  })
  const { topology } = plan(job.topology)
  const followers = topology.nodes
    .filter((node) => node.op === 'repartition')
    .map((node) => [
      node.name,
      topology.nodes.flatMap((n) => (n.op === 'aggregate' && n.input === node.id ? [n.store.name] : [])),
    ])
  assert.deepEqual(followers, [
    ['groupBy-1.repartition', ['a', 'b', 'c']],
    ['groupBy-3.repartition', ['d']],
    ['groupBy-4.repartition', ['e']],
    ['groupBy-5.repartition', ['f']],
  ])
  topology.nodes.forEach((node, i) => {
    assert.equal(node.id, i)
    if ('input' in node) assert.ok(node.input < i)
  })
})

test('tasks: the widest input counts, existing partitions before declared ones before the default', () => {
  const six = stream('six', { key: string(), value: string(), partitions: 6 })
  const job = defineJob('x', (j) => {
    j.from(visits).forEach(() => undefined)
    j.from(six)
      .groupBy((text) => text)
      .count('n')
  })
  const shape = (options: object): unknown => {
    const { tasks, inputs, intermediates } = plan(job.topology, options)
    return [tasks, ...[...inputs, ...intermediates].map((each) => each.partitions)]
  }
  assert.deepEqual(shape({}), [6, 4, 6, 6])
  assert.deepEqual(shape({ defaultPartitions: 8 }), [8, 8, 6, 8])
  assert.deepEqual(shape({ partitions: { six: 2, visits: 3 } }), [3, 3, 2, 3])
  assert.deepEqual(shape({ partitions: { six: 2, visits: 3, 'x.groupBy-1.repartition': 5 } }), [5, 3, 2, 5])
  assert.throws(() => plan(job.topology, { partitions: { six: 0 } }), { code: 'ERR_OPTION' })
})

test('windows stores: a retention of a day, or size and grace, or what was given', () => {
  const kept = (size: string, grace: string, retention?: string): unknown => {
    const store = windows('w', {
      key: string(),
      value: uint(),
      ...(retention === undefined ? {} : { retention: retention as '1d' }),
    })
    const window = tumbling(size as '1h').grace(grace as '1h')
    const job = defineJob('x', (j) => j.from(visits).groupByKey().window(window).count(store))
    const found = plan(job.topology).stores[0]?.store
    return [found?.windowSizeMs, found?.retentionMs]
  }
  const hour = 3_600_000
  assert.deepEqual(kept('1h', '5m'), [hour, 24 * hour])
  assert.deepEqual(kept('1d', '1h'), [24 * hour, 25 * hour])
  assert.deepEqual(kept('1h', '5m', '10m'), [hour, 600_000])
  assert.deepEqual(kept('1h', '5m', 'forever'), [hour, null])
  assert.throws(() => kept('1h', '5m', '4m'), {
    code: 'ERR_JOB_RETENTION',
    message: /4m after .* 5m. Give it a retention of 5m/,
  })
})

test('a windows store that no window decides needs a retention', () => {
  const bare = windows('w', { key: string(), value: uint() })
  const given = windows('w', { key: string(), value: uint(), retention: '2d' })
  const job = (store: typeof bare): Topology =>
    defineJob('x', { inputs: { visits }, stores: { store }, task: { visits: () => undefined } }).topology
  assert.throws(() => plan(job(bare)), { code: 'ERR_JOB_RETENTION', message: /retention: '2d'/ })
  assert.equal(plan(job(given)).stores[0]?.store.retentionMs, 172_800_000)
  const table = defineJob('x', (j) =>
    j
      .from(visits)
      .groupByKey()
      .window(tumbling('1h'))
      .count('n')
      .filter(() => true)
      .toTable(bare),
  )
  assert.deepEqual(
    plan(table.topology).stores.map(({ store }) => store.windowSizeMs),
    [3_600_000, 3_600_000],
  )
})

test('guarantees: streams and files exactly-once, standard output and functions at-least-once', () => {
  const job = defineJob('x', (j) => {
    j.from(visits).to(visits)
    j.from(visits).forEach(() => undefined)
  })
  const found = plan(job.topology, { outputs: { visits: [{ path: 'a.csv' }, { path: '-' }] } })
  assert.deepEqual(
    found.outputs.map(({ name, to, path, guarantee }) => [name, to, path, guarantee]),
    [
      ['visits', 'stream', null, 'exactly-once'],
      ['visits', 'file', 'a.csv', 'exactly-once'],
      ['visits', 'stdout', null, 'at-least-once'],
      ['forEach-1', 'forEach', null, 'at-least-once'],
    ],
  )
  assert.deepEqual(found.warnings, ['The job reads visits and writes to it: it may feed itself for ever.'])
})

test('a low-level task: its streams and stores, and a warning when a key may be in two tasks', () => {
  const six = stream('six', { key: string(), value: string(), partitions: 6, outOfOrder: '5s' })
  const job = defineJob('x', {
    inputs: { visits, six },
    outputs: { hourly },
    stores: { perUser },
    timers: { idle: timer('event') },
    task: { visits: () => undefined, six: () => undefined, timers: { idle: () => undefined } },
  })
  assert.equal(
    renderPlan(plan(job.topology)),
    `\
job x: 6 tasks, plan ${plan(job.topology).hash}

inputs
  visits  4 partitions  string -> json
  six     6 partitions  string -> string  out of order by 5s

steps
  task-1: visits, six -> visits-per-hour

stores
  per-user  kv  string -> uint  by task-1

outputs
  visits-per-hour  stream  exactly-once  4 partitions

warning: The inputs have different numbers of partitions (visits has 4, six has 6), so messages of one key may go to \
different tasks, each with a state of its own. Give the streams the same number of partitions.`,
  )
  assert.deepEqual(plan(job.topology, { partitions: { six: 4 } }).warnings, [])
})

test('the hash is stable, and changes with steps, streams, stores, windows and serdes only', () => {
  const hashOf = (page: string, size: string, value: 'uint' | 'json', extra: boolean): string => {
    const store =
      value === 'uint'
        ? windows('w', { key: string(), value: uint() })
        : windows('w', { key: string(), value: json<number>() })
    const job = defineJob('x', (j) => {
      const flow = j.from(visits).filter((v) => v.page !== page)
      ;(extra ? flow.filter(() => true) : flow)
        .groupByKey()
        .window(tumbling(size as '1h'))
        .count(store)
    })
    return plan(job.topology, { defaultPartitions: page.length }).hash
  }
  const base = hashOf('/a', '1h', 'uint', false)
  assert.match(base, /^[0-9a-f]{16}$/)
  assert.equal(hashOf('/other', '1h', 'uint', false), base)
  const others = [
    hashOf('/a', '2h', 'uint', false),
    hashOf('/a', '1h', 'json', false),
    hashOf('/a', '1h', 'uint', true),
  ]
  assert.equal(new Set([base, ...others]).size, 4)
  // A change of this value means that state of earlier versions is no longer known as the same job's.
  assert.equal(
    plan(defineJob('x', (j) => j.from(visits).groupByKey().count(perUser)).topology).hash,
    '44fcfcfa0cd66d82',
  )
})

test('a stream of the user cannot have the name of an intermediate one', () => {
  const clash = stream('x.groupBy-1.repartition', { key: string(), value: json<Visit>() })
  const job = defineJob('x', (j) => {
    j.from(visits).to(clash)
    j.from(visits)
      .groupBy((v) => v.user)
      .count('n')
  })
  assert.throws(() => plan(job.topology), { code: 'ERR_JOB_DUPLICATE' })
})

test('planning changes nothing in the topology it gets', () => {
  const store = kv('s', { key: string(), value: uint() })
  const { topology } = defineJob('x', (j) =>
    j
      .from(visits)
      .groupBy((v) => v.user)
      .count(store),
  )
  const before = topology.nodes.map((node) => ({ ...node }))
  plan(topology)
  assert.deepEqual(
    topology.nodes.map((node) => ({ ...node })),
    before,
  )
})
