import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, json, kv, stream, string, tumbling, uint, windows } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'
import { type Order, order, orders, totals } from './streams.ts'

interface Minute {
  readonly item: string
  readonly from: number
  readonly count: number
}

const byItem = kv('by-item', { key: string(), value: uint() })
const byKey = kv('by-key', { key: string(), value: uint() })
const perMinute = windows('per-minute', { key: string(), value: uint() })
const minutes = stream('minutes', { key: string(), value: json<Minute>() })

const windowed = defineJob('windowed', (job) =>
  job
    .from(orders)
    .groupBy((o) => o.item)
    .window(tumbling('1m').grace('10s'))
    .count(perMinute)
    .map(({ key, window, value }) => ({ item: key, from: window.start, count: value }))
    .to(minutes),
)

describe('aggregates', () => {
  it('reduce keeps one value for each key', () => {
    const largest = kv('largest', { key: string(), value: json<Order>() })
    const job = defineJob('reducing', (j) =>
      j
        .from(orders)
        .groupByKey()
        .reduce(largest, (a, b) => (b.count > a.count ? b : a)),
    )
    const t = testJob(job)
    for (const count of [2, 9, 4]) t.send(orders, 'ada', order('tea', count))
    t.crash()
    t.send(orders, 'ada', order('tea', 8))
    assert.equal(t.store(largest).get('ada')?.count, 9)
    t.close()
  })

  it('aggregate starts with init of the key and sends each update on', () => {
    const job = defineJob('adding', (j) =>
      j
        .from(orders)
        .groupByKey()
        .aggregate(byKey, { init: (key) => key.length, add: (sum, o) => sum + o.count })
        .to(totals),
    )
    const t = testJob(job)
    for (const count of [10, 20]) t.send(orders, 'ada', order('tea', count))
    assert.deepEqual(t.values(totals), [13, 33])
    t.close()
  })

  it('toTable: the latest value of each key', () => {
    const latest = kv('latest', { key: string(), value: json<Order>() })
    const t = testJob(defineJob('latest', (j) => j.from(orders).toTable(latest)))
    for (const count of [1, 2]) t.send(orders, 'ada', order('tea', count))
    t.send(orders, 'bob', order('tea', 3))
    assert.deepEqual(
      t
        .store(latest)
        .entries()
        .map((e) => [e.key, e.value.count]),
      [
        ['ada', 2],
        ['bob', 3],
      ],
    )
    t.close()
  })

  it('toTable: rows of closed windows in a windows store', () => {
    const closed = windows('closed', { key: string(), value: uint() })
    const job = defineJob('closed', (j) =>
      j.from(orders).groupByKey().window(tumbling('1m')).count(perMinute).toTable(closed),
    )
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1, 1000))
    t.send(orders, 'ada', order('tea', 1, 2000))
    assert.deepEqual(t.store(closed).entries(), [])
    t.send(orders, 'ada', order('tea', 1, 60_000))
    assert.deepEqual(t.store(closed).entries(), [{ key: 'ada', window: { start: 0, end: 60_000 }, value: 2 }])
    t.close()
  })
})

describe('windows', () => {
  it('rows that come after the grace are late: counted, and change nothing', () => {
    const t = testJob(windowed)
    t.send(orders, 'ada', order('tea', 1, 1000))
    t.send(orders, 'ada', order('tea', 1, 69_999))
    t.send(orders, 'ada', order('tea', 1, 59_000))
    assert.deepEqual([t.values(minutes), t.late], [[], 0])
    t.send(orders, 'ada', order('tea', 1, 70_000))
    assert.deepEqual(t.values(minutes), [{ item: 'tea', from: 0, count: 2 }])
    t.send(orders, 'ada', order('tea', 1, 59_000))
    assert.equal(t.late, 1)
    assert.deepEqual(t.values(minutes), [{ item: 'tea', from: 0, count: 2 }])
    t.close()
  })

  it('the end of input flushes open windows; more input sends the row again with the new value', () => {
    const t = testJob(windowed)
    t.send(orders, 'ada', order('tea', 1, 1000))
    t.end()
    assert.deepEqual(t.values(minutes), [{ item: 'tea', from: 0, count: 1 }])
    t.send(orders, 'ada', order('tea', 1, 2000))
    t.end()
    assert.deepEqual(t.values(minutes), [
      { item: 'tea', from: 0, count: 1 },
      { item: 'tea', from: 0, count: 2 },
    ])
    assert.equal(t.late, 0)
    t.close()
  })
})

describe('repartition', () => {
  it('two groupBys at once over several partitions, with crashes in between', () => {
    const job = defineJob('two-ways', (j) => {
      const flow = j.from(orders)
      flow.groupBy((o) => o.item).count(byItem)
      flow.groupBy((o) => String(o.count)).count(byKey)
    })
    const t = testJob(job, { partitions: 3 })
    for (let i = 0; i < 60; i++) {
      t.send(orders, `k${i}`, order(`item-${i % 5}`, i % 4))
      if (i % 17 === 16) t.crash()
    }
    const items = new Map(
      t
        .store(byItem)
        .entries()
        .map((e) => [e.key, e.value]),
    )
    const counts = new Map(
      t
        .store(byKey)
        .entries()
        .map((e) => [e.key, e.value]),
    )
    assert.deepEqual(items, new Map(Array.from({ length: 5 }, (_, i) => [`item-${i}`, 12])))
    assert.deepEqual(counts, new Map(Array.from({ length: 4 }, (_, i) => [String(i), 15])))
    t.close()
  })

  it('windows of several partitions close by the least watermark; the end flushes the rest', () => {
    const t = testJob(windowed, { partitions: 3 })
    const expected = new Map<string, number>()
    for (let i = 0; i < 90; i++) {
      const row = order(`item-${i % 4}`, 1, i * 3000)
      t.send(orders, `k${i % 9}`, row)
      const key = `${row.item}@${Math.floor(row.at / 60_000) * 60_000}`
      expected.set(key, (expected.get(key) ?? 0) + 1)
    }
    assert.ok(t.values(minutes).length > 0, 'some windows have closed')
    t.end()
    const rows = t.values(minutes)
    assert.deepEqual(new Map(rows.map((r) => [`${r.item}@${r.from}`, r.count])), expected)
    assert.equal(rows.length, expected.size, 'each window is sent once')
    assert.equal(t.late, 0)
    t.close()
  })
})
