import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownerOf } from '../../src/checkpoint/rescale-owner.ts'
import type { Savepoint, SavepointStream } from '../../src/checkpoint/savepoint-format.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { defineJob, json, kv, stream, string, timer, tuple, uint } from '../../src/index.ts'
import type { Job } from '../../src/api/job.ts'
import { rescaleLayout } from '../../src/ops/rescale-layout.ts'
import { ByteWriter } from '../../src/serde/byte-writer.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { describe } from '../../src/store/descriptor.ts'
import type { StoreDescriptor, StoreSpec } from '../../src/store/types.ts'

const visits = stream('visits', { key: string(), value: json<{ page: string }>() })
const logins = stream('logins', { key: string(), value: uint() })
const perVisit = kv('per-visit', { key: tuple(string(), uint()), value: uint(), partitionBy: ([user]) => user })
const perUser = kv('per-user', { key: string(), value: uint() })
const perPage = kv('per-page', { key: json<string>(), value: uint() })

/** Timers of a key that is encoded otherwise than that of the messages. */
const byTask = defineJob('by-task', {
  inputs: { visits },
  stores: { perVisit, perUser },
  timers: { idle: timer('event', { key: json<string>() }), late: timer('event') },
  task: { visits: () => {}, timers: { idle: () => {}, late: () => {} } },
})
const byPipeline = defineJob('by-pipeline', (job) => {
  const all = job.from(visits)
  // The store encodes its keys otherwise than what flows there.
  all.groupByKey().count(perPage)
  all.groupBy(({ page }) => page, { name: 'pages' }).count('by-page')
})
const uneven = defineJob('uneven', (job) => {
  job.from(visits).groupByKey().count(perUser)
  job.from(logins).groupByKey().count('per-login')
})
const unevenTask = defineJob('uneven-task', {
  inputs: { visits, logins },
  stores: { perUser },
  task: { visits: () => {}, logins: () => {} },
})

function streamOf(
  name: string,
  partitions: number,
  kind: SavepointStream['kind'] = 'user',
  key = 'string',
): SavepointStream {
  const meta = JSON.stringify({ key, keyVersion: 1, value: 'json', valueVersion: 1 })
  return { name, kind, partitions, meta, retentionMs: null, retentionBytes: null }
}

function savepointOf(job: string, tasks: number, streams: readonly SavepointStream[]): Savepoint {
  const position = { position: 0, watermarkMs: null, endedAt: null, marks: {} }
  const inputs = Object.fromEntries(streams.map(({ name }) => [name, position]))
  return {
    id: 'sp',
    job,
    atMs: 1,
    planHash: '',
    lineage: { id: 'l', number: 1, dataId: 'd' },
    stores: [],
    tasks: Array.from({ length: tasks }, (_, task) => ({
      task,
      checkpointId: 1,
      record: { version: 1, atMs: 1, lastDeltaId: 1, inputs, sent: {} },
      files: [],
    })),
    streams,
    sources: [],
  }
}

function encoded<T>(serde: Serde<T>, value: T): Uint8Array {
  const writer = new ByteWriter(16)
  serde.write(value, writer)
  return writer.copy()
}

const home = (user: string, tasks: number): number => partitionOf(murmur2(encoded(string(), user)), tasks)

function ownerIn(job: Job, store: StoreDescriptor, before: number, key: Uint8Array, tasks: number): number {
  const streams = [streamOf('visits', before), streamOf('by-pipeline.pages.repartition', before, 'intermediate')]
  const { ruleOf } = rescaleLayout(savepointOf(job.name, before, streams), tasks, job)
  const rule = ruleOf(store)
  assert.deepEqual([rule.before, rule.after], [before, tasks])
  return ownerOf(store, rule.messageKey)(key, tasks)
}

const USERS = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn', 'gil']

test('R1: the job says where keys belong: by a function, by timers of another serde, by what flows into a step', () => {
  const timers: StoreDescriptor = { ...describe(perUser), name: '$timers.task', key: 'bytes' }
  const [node] = byTask.topology.nodes
  const named = { ...timers, name: `$timers.${node?.name}` }
  for (const user of USERS) {
    const visit = encoded(tuple(string(), uint()), [user, 7])
    assert.equal(ownerIn(byTask, describe(perVisit as unknown as StoreSpec), 2, visit, 5), home(user, 5), 'a function')
    const idle = Uint8Array.from([...Buffer.from('kidle\0'), ...encoded(json<string>(), user)])
    assert.equal(ownerIn(byTask, named, 2, idle, 5), home(user, 5), 'a timer')
    const late = Uint8Array.from([...Buffer.from('tlate\0'), ...Buffer.alloc(8), ...Buffer.from(user)])
    assert.equal(ownerIn(byTask, named, 2, late, 5), home(user, 5), 'a timer by time')
    const page = encoded(json<string>(), user)
    assert.equal(ownerIn(byPipeline, describe(perPage), 1, page, 5), home(user, 5), 'a step')
  }
})

test('R2: without the job, what only it says is refused: ERR_SAVEPOINT_MISMATCH, ERR_STORE_RESCALE', () => {
  const none = { ...savepointOf('by-task', 2, []), streams: [streamOf('visits', 2)] }
  assert.throws(() => rescaleLayout(none, 3, null), { code: 'ERR_SAVEPOINT_MISMATCH', message: /--job/ })
  const wide = savepointOf('uneven', 3, [streamOf('visits', 3), streamOf('logins', 2)])
  assert.throws(() => rescaleLayout(wide, 4, null), { code: 'ERR_SAVEPOINT_MISMATCH', message: /logins has 2.*--job/ })
  // From one task every key is at home, wherever it would be among several.
  const one = rescaleLayout(savepointOf('by-pipeline', 1, [streamOf('visits', 1)]), 3, null)
  const store = describe(perPage)
  assert.throws(() => one.ruleOf(store), { code: 'ERR_STORE_RESCALE', message: /serde json.*--job/ })
  assert.deepEqual(one.ruleOf({ ...store, key: 'string' }), { before: 1, after: 3, messageKey: null })
})

test('R2: with the job, an opaque store, one that is gone, and timers that are gone are refused', () => {
  const secret = kv('secret', { key: string(), value: uint(), partitionBy: 'opaque' })
  const job = defineJob('opaque', { inputs: { visits }, stores: { secret }, task: { visits: () => {} } })
  const { ruleOf } = rescaleLayout(savepointOf('opaque', 1, [streamOf('visits', 1)]), 2, job)
  const own = describe(secret)
  assert.throws(() => ruleOf(own), { code: 'ERR_STORE_RESCALE', message: /opaque/ })
  assert.throws(() => ruleOf({ ...own, name: 'gone', partitionBy: 'identity' }), {
    code: 'ERR_STORE_RESCALE',
    message: /does not declare it.*state drop/,
  })
  const [node] = byTask.topology.nodes
  const timers: StoreDescriptor = { ...own, name: `$timers.${node?.name}`, partitionBy: 'identity' }
  const gone = Uint8Array.from(Buffer.from('kgone\0ada'))
  assert.throws(() => ownerIn(byTask, timers, 2, gone, 3), { code: 'ERR_STORE_RESCALE', message: /timers gone/ })
})

test('streams as wide as the job get the new number of partitions, narrower ones at most that', () => {
  const savepoint = savepointOf('uneven', 4, [streamOf('visits', 4), streamOf('logins', 3)])
  const widths = (tasks: number): unknown =>
    rescaleLayout(savepoint, tasks, uneven).inputs.map(({ name, partitions }) => [
      name,
      partitions.before,
      partitions.after,
    ])
  assert.deepEqual(widths(8), [
    ['visits', 4, 8],
    ['logins', 3, 3],
  ])
  assert.deepEqual(widths(2), [
    ['visits', 4, 2],
    ['logins', 3, 2],
  ])
  const { ruleOf } = rescaleLayout(savepoint, 8, uneven)
  const { name, ...store } = describe(perUser)
  assert.deepEqual(ruleOf({ ...store, name: 'per-login' }), { before: 3, after: 3, messageKey: null })
  assert.deepEqual(ruleOf({ ...store, name }), { before: 4, after: 8, messageKey: null })
  const task = rescaleLayout({ ...savepoint, job: 'uneven-task' }, 8, unevenTask)
  assert.throws(() => task.ruleOf({ ...store, name }), { code: 'ERR_STORE_RESCALE', message: /different numbers/ })
})

test('what cannot be: another job, another plan, a number that is none, more partitions than a log has', () => {
  const savepoint = savepointOf('by-task', 2, [streamOf('visits', 2)])
  assert.throws(() => rescaleLayout(savepoint, 3, uneven), { code: 'ERR_SAVEPOINT_MISMATCH', message: /job uneven/ })
  assert.throws(() => rescaleLayout(savepoint, 0, byTask), { code: 'ERR_OPTION' })
  assert.throws(() => rescaleLayout(savepoint, 100_000, byTask), { code: 'ERR_OPTION', message: /8192/ })
  const wide = stream('visits-2', { key: string(), value: uint(), partitions: 6 })
  const grown = defineJob('by-task', { inputs: { visits, wide }, task: { visits: () => {}, wide: () => {} } })
  assert.throws(() => rescaleLayout(savepoint, 3, grown), {
    code: 'ERR_SAVEPOINT_MISMATCH',
    message: /would have 6 now/,
  })
})
