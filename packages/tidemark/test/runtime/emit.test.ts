import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, kv, stream, string, tumbling, uint, windows } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'
import { lines, order, orders, totals } from './streams.ts'

const counts = kv('counts', { key: string(), value: uint() })
const sums = kv('sums', { key: string(), value: uint() })

/** A message counts as many times as it says: so one commit has several updates of a key. */
const counting = defineJob('counting', (job) =>
  job
    .from(orders)
    .flatMap((o) => Array.from({ length: o.count }, () => o))
    .groupByKey()
    .count(counts, { emit: 'commit' })
    .to(totals),
)

describe('an aggregate that emits with commits', () => {
  it('lets the last update of each key pass, once a commit', () => {
    const t = testJob(counting)
    t.send(orders, 'ada', order('tea', 3, 1000))
    t.send(orders, 'bob', order('tea', 1, 500))
    t.send(orders, 'ada', order('tea', 2, 2000))
    t.send(orders, 'cy', order('tea', 0, 3000))
    const seen = t.messages(totals).map(({ key, value, timestamp }) => `${key} ${value} at ${timestamp}`)
    // At the time of the newest message of its task.
    const bob = seen.find((text) => /^bob 1 at (500|1000)$/.test(text))
    assert.deepEqual(seen.toSorted(), ['ada 3 at 1000', 'ada 5 at 2000', bob])
    assert.equal(t.store(counts).get('ada'), 5)
    t.close()
  })

  it('K1: what a crash cut off comes after it, and what was committed does not come again', () => {
    const t = testJob(counting)
    t.send(orders, 'ada', order('tea', 3))
    t.crash()
    t.send(orders, 'bob', order('tea', 2))
    t.crash()
    t.send(orders, 'ada', order('tea', 1))
    assert.deepEqual(
      t
        .messages(totals)
        .map(({ key, value }) => `${key} ${value}`)
        .toSorted(),
      ['ada 3', 'ada 4', 'bob 2'],
    )
    t.close()
  })

  it('reduce and aggregate too, with steps behind them that see the key and the value', () => {
    const job = defineJob('adding', (j) =>
      j
        .from(orders)
        .map((o) => o.count)
        .groupByKey()
        .reduce('largest', (a, b) => Math.max(a, b), { emit: 'commit' })
        .flatMap((value) => [value, value + 1])
        .groupByKey()
        .aggregate(sums, { init: () => 0, add: (sum, value) => sum + value, emit: 'commit' })
        .map((value, message) => `${message.key} ${message.stream.replace(/-\d+ /, ' ')} ${value}`)
        .to(lines),
    )
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 4))
    t.send(orders, 'ada', order('tea', 2))
    assert.deepEqual(t.values(lines), ['ada aggregate (updates) 9', 'ada aggregate (updates) 18'])
    t.close()
  })

  it('windows behind it close behind its rows', () => {
    const perMinute = windows('per-minute', { key: string(), value: uint() })
    const job = defineJob('windowed', (j) =>
      j
        .from(orders)
        .groupByKey()
        .count(counts, { emit: 'commit' })
        .groupBy((n) => (n > 1 ? 'many' : 'one'))
        .window(tumbling('1m'))
        .count(perMinute)
        .map(({ key, window, value }) => `${key} ${window.start} ${value}`)
        .to(lines),
    )
    const t = testJob(job)
    for (const [user, at] of [
      ['ada', 1000],
      ['ada', 2000],
      ['ada', 61_000],
    ] as const) {
      t.send(orders, user, order('tea', 1, at))
    }
    t.end()
    assert.deepEqual(t.values(lines).toSorted(), ['many 0 1', 'many 60000 1', 'one 0 1'])
    assert.equal(t.late, 0)
    t.close()
  })

  it('what its steps throw is of one row: by the policy drop the others pass', () => {
    const job = defineJob('picky', (j) =>
      j
        .from(orders)
        .groupBy((o) => o.item)
        .count(counts, { emit: 'commit' })
        .map((value) => {
          if (value === 2) throw new Error('I do not like two')
          return value
        })
        .to(totals),
    )
    const t = testJob(job, { onError: 'drop' })
    for (const item of ['tea', 'tea', 'milk', 'tea']) t.send(orders, 'ada', order(item, 1))
    assert.deepEqual(
      t.values(totals).toSorted((a, b) => a - b),
      [1, 1, 3],
    )
    assert.equal(t.dropped, 1)
    t.close()
  })

  it('ERR_JOB_DEFINITION: another word, and a window', () => {
    const built = (options: object, windowed = false): unknown =>
      defineJob('x', (j) => {
        const group = j.from(stream('in', { key: string(), value: string() })).groupByKey()
        return windowed
          ? group.window(tumbling('1m')).count('n', ...([options] as unknown as []))
          : group.count('n', options)
      })
    assert.throws(() => built({ emit: 'sometimes' }), { code: 'ERR_JOB_DEFINITION', message: /'update' or 'commit'/ })
    assert.throws(() => built({ emit: 'commit' }, true), { code: 'ERR_JOB_DEFINITION', message: /window/ })
  })
})
