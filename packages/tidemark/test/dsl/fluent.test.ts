import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import { defineJob, isJob, json, kv, stream, string, tumbling, uint, windows } from '../../src/index.ts'
import type { AggregateNode, RekeyNode, TopologyNode } from '../../src/dsl/topology.ts'
import { hourly, perUser, perUserHour, type Visit, visits } from './fixtures.ts'

function nodesOf(job: ReturnType<typeof defineJob>): readonly TopologyNode[] {
  return job.topology.nodes
}

function outline(job: ReturnType<typeof defineJob>): string[] {
  return nodesOf(job).map((node) => `${node.name}${'input' in node ? ` < ${nodesOf(job)[node.input]?.name}` : ''}`)
}

test('a pipeline becomes nodes in order, each after its input', () => {
  const job = defineJob('visits', (j) =>
    j
      .from(visits)
      .filter((v) => v.page !== '/health')
      .groupBy((v) => v.user)
      .window(tumbling('1h').grace('5m'))
      .count(perUserHour)
      .map(({ key, window, value }) => ({ user: key, from: window.start, visits: value }))
      .to(hourly),
  )
  assert.deepEqual(outline(job), [
    'from-1',
    'filter-1 < from-1',
    'groupBy-1 < filter-1',
    'count-1 < groupBy-1',
    'map-1 < count-1',
    'to-1 < map-1',
  ])
  const count = nodesOf(job)[3] as AggregateNode
  assert.deepEqual(count.window, { kind: 'tumbling', sizeMs: 3_600_000, graceMs: 300_000 })
  assert.equal(count.store, perUserHour)
  assert.ok(isJob(job))
  assert.ok(Object.isFrozen(job) && Object.isFrozen(job.topology) && Object.isFrozen(nodesOf(job)))
  assert.ok(nodesOf(job).every((node) => Object.isFrozen(node)))
})

test('groupByKey from a source: the aggregate stands directly behind it', () => {
  const job = defineJob('visits', (j) => j.from(visits).groupByKey().count(perUser))
  assert.deepEqual(outline(job), ['from-1', 'count-1 < from-1'])
})

test('a block: several ends, and one source for one stream', () => {
  const job = defineJob('visits', (j) => {
    j.from(visits).to(stream('copy', { key: string(), value: json<Visit>() }))
    const flow = j.from(visits).flatMap((v) => [v.user, v.page])
    flow.forEach(() => undefined)
    flow.toTable(kv('last', { key: string(), value: string() }))
  })
  assert.deepEqual(outline(job), [
    'from-1',
    'to-1 < from-1',
    'flatMap-1 < from-1',
    'forEach-1 < flatMap-1',
    'toTable-1 < flatMap-1',
  ])
})

test('stores by name get serdes from where they stand', () => {
  const job = defineJob('visits', (j) => {
    const flow = j.from(visits)
    flow.groupByKey().count('counts')
    flow
      .filter((v) => v.at > 0)
      .groupByKey()
      .reduce('longest', (a, b) => (a.at > b.at ? a : b))
    flow
      .map((v) => v.page)
      .groupByKey()
      .reduce('pages', (a, b) => a + b)
    flow.groupByKey().aggregate('sum', { init: () => 0, add: (n, v) => n + v.at, value: uint() })
    flow.groupByKey().aggregate('list', { init: (): string[] => [], add: (list, v) => [...list, v.page] })
    flow.groupByKey().window(tumbling('1m')).count('minutes')
  })
  const stores = nodesOf(job).flatMap((node) => (node.op === 'aggregate' ? [node.store] : []))
  assert.deepEqual(
    stores.map((store) => [store.name, store.kind, store.key.name, store.value.name]),
    [
      ['counts', 'kv', 'string', 'uint'],
      ['longest', 'kv', 'string', 'json'],
      ['pages', 'kv', 'string', 'json'],
      ['sum', 'kv', 'string', 'uint'],
      ['list', 'kv', 'string', 'json'],
      ['minutes', 'windows', 'string', 'uint'],
    ],
  )
  assert.equal(stores[1]?.value, visits.value)
})

function keyOf(job: ReturnType<typeof defineJob>): RekeyNode['key'] {
  return (nodesOf(job).find((node) => node.op === 'rekey') as RekeyNode).key
}

test("groupBy: the key's serde is the option, else the store's that follows, else strings", () => {
  const numbers = kv('numbers', { key: uint(), value: uint() })
  const byOption = defineJob('a', (j) =>
    j
      .from(visits)
      .groupBy((v) => v.at, { key: uint() })
      .count('n'),
  )
  const byStore = defineJob('b', (j) => {
    const group = j.from(visits).groupBy((v) => v.at)
    group.count('m')
    group.count(numbers)
  })
  const byDefault = defineJob('c', (j) =>
    j
      .from(visits)
      .groupBy((v) => v.user)
      .count('n'),
  )
  assert.deepEqual([keyOf(byOption).name, keyOf(byStore).name, keyOf(byDefault).name], ['uint', 'uint', 'string'])
  const named = nodesOf(byStore).find((node) => node.op === 'aggregate' && node.store.name === 'm') as AggregateNode
  assert.equal(named.store.key.name, 'uint')
})

test('groupBy: a key that is no string and has no serde throws ERR_KEY_SERDE, which says what to do', () => {
  const job = defineJob('visits', (j) =>
    j
      .from(visits)
      .groupBy((v) => v.at)
      .count('n'),
  )
  const error = {
    code: 'ERR_KEY_SERDE',
    message: /job visits, groupBy-1: the key is 5, .* groupBy\(fn, \{ key: uint\(\) \}\)/,
  }
  assert.throws(() => keyOf(job).write(5, new ByteWriter()), error)
  assert.throws(() => keyOf(job).check?.(5), error)
  const out = new ByteWriter()
  keyOf(job).write('ada', out)
  assert.equal(keyOf(job).read(out.bytes, 0, out.position), 'ada')
})

test('a pipeline without an end throws ERR_JOB_NO_END, which names the steps', () => {
  const loose =
    (build: (j: never) => unknown): (() => unknown) =>
    () =>
      defineJob('x', build as never)
  const end = (message: RegExp): object => ({ code: 'ERR_JOB_NO_END', message })
  assert.throws(
    () => defineJob('x', (j) => void j.from(visits).map((v) => v.at)),
    end(/nothing follows from\(visits\) > map-1/),
  )
  assert.throws(() => defineJob('x', (j) => void j.from(visits)), end(/nothing follows from\(visits\)/))
  assert.throws(() => defineJob('x', (j) => void j.from(visits).groupBy((v) => v.user)), end(/> groupBy-1/))
  assert.throws(
    () => defineJob('x', (j) => void j.from(visits).groupByKey().window(tumbling(1))),
    end(/from\(visits\)/),
  )
  assert.throws(
    loose(() => undefined),
    { code: 'ERR_JOB_EMPTY' },
  )
})

test('one name for two things throws ERR_JOB_DUPLICATE', () => {
  const twice = (message: RegExp): object => ({ code: 'ERR_JOB_DUPLICATE', message })
  assert.throws(
    () =>
      defineJob('x', (j) => {
        j.from(visits).groupByKey().count(perUser)
        j.from(visits)
          .groupBy((v) => v.page)
          .count(perUser)
      }),
    twice(/store per-user is written by count-1 and by count-2/),
  )
  assert.throws(
    () => defineJob('x', (j) => j.from(visits).to(stream('visits', { key: string(), value: visits.value }))),
    twice(/two different streams are named visits/),
  )
  assert.throws(
    () =>
      defineJob('x', (j) => {
        j.from(visits)
          .groupBy((v) => v.page, { name: 'by' })
          .count('a')
        j.from(visits)
          .groupBy((v) => v.user, { name: 'by' })
          .count('b')
      }),
    twice(/two steps are named by/),
  )
})

test('a store may be named as a stream', () => {
  assert.ok(defineJob('x', (j) => j.from(visits).groupByKey().count('visits')))
})

test('what is no pipeline throws ERR_JOB_DEFINITION', () => {
  const wrong = (message: RegExp): object => ({ code: 'ERR_JOB_DEFINITION', message })
  assert.throws(() => defineJob('x', 5 as never), wrong(/the definition is 5/))
  assert.throws(() => defineJob('x', null as never), wrong(/the definition is null/))
  assert.throws(() => defineJob('x', (async () => Promise.reject(new Error('never'))) as never), wrong(/is async/))
  assert.throws(() => defineJob('x', (j) => j.from('visits' as never).forEach(() => 1)), wrong(/job.from got "visits"/))
})

test('steps that get something wrong throw ERR_JOB_DEFINITION', () => {
  const wrong = (message: RegExp): object => ({ code: 'ERR_JOB_DEFINITION', message })
  assert.throws(() => defineJob('x', (j) => j.from(visits).to(perUser as never)), wrong(/to got an object/))
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .map<number>(5 as never)
          .forEach(() => 1),
      ),
    wrong(/map got 5/),
  )
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupBy(5 as never)
          .count('n'),
      ),
    wrong(/groupBy got 5/),
  )
  assert.throws(() => defineJob('x', (j) => j.from(visits).toTable(5 as never)), wrong(/toTable got 5/))
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupByKey()
          .count(perUserHour as never),
      ),
    wrong(/the windows store/),
  )
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupByKey()
          .window(5 as never)
          .count('n'),
      ),
    wrong(/tumbling/),
  )
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupByKey()
          .reduce('n', 5 as never),
      ),
    wrong(/reduce needs/),
  )
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupByKey()
          .aggregate('n', {} as never),
      ),
    wrong(/aggregate needs/),
  )
})

test('a store of the other kind throws ERR_JOB_DEFINITION', () => {
  const wrong = (message: RegExp): object => ({ code: 'ERR_JOB_DEFINITION', message })
  const window = windows('w', { key: string(), value: uint() })
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupByKey()
          .window(tumbling(1))
          .count(perUser as never),
      ),
    wrong(/kv store per-user/),
  )
  assert.ok(defineJob('x', (j) => j.from(visits).groupByKey().window(tumbling(1)).count(window)))
})

test('steps after the function has returned throw ERR_JOB_DEFINITION', () => {
  const kept: { later: () => unknown } = { later: () => undefined }
  defineJob('x', (j) => {
    const flow = j.from(visits)
    kept.later = () => flow.to(visits)
    return flow.to(visits)
  })
  assert.throws(() => kept.later(), { code: 'ERR_JOB_DEFINITION', message: /after the pipeline function had returned/ })
})

test('names of jobs, stores and steps are checked', () => {
  assert.throws(() => defineJob('a b', (j) => j.from(visits).groupByKey().count('n')), { code: 'ERR_NAME' })
  assert.throws(() => defineJob('x', (j) => j.from(visits).groupByKey().count('a/b')), { code: 'ERR_NAME' })
  assert.throws(
    () =>
      defineJob('x', (j) =>
        j
          .from(visits)
          .groupBy((v) => v.page, { name: '-' })
          .count('n'),
      ),
    { code: 'ERR_NAME' },
  )
})
