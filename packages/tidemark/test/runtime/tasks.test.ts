import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, kv, string, timer, uint } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'
import { lines, order, orders, totals } from './streams.ts'

const sums = kv('sums', { key: string(), value: uint() })

const summing = defineJob('summing', {
  inputs: { orders },
  outputs: { totals },
  stores: { sums },
  task: {
    orders: ({ key, value }, { stores, send }) => {
      const sum = stores.sums.update(key, (n) => (n ?? 0) + value.count)
      send.totals(key, sum, { headers: [['item', new TextEncoder().encode(value.item)]] })
    },
  },
})

describe('low-level tasks', () => {
  it('keeps state, sends with the time of the message and headers; a crash loses and doubles nothing', () => {
    const t = testJob(summing)
    t.send(orders, 'ada', order('tea', 1, 100))
    t.send(orders, 'ada', order('tea', 2, 200))
    t.crash()
    t.send(orders, 'ada', order('milk', 4, 300))
    t.crash()
    assert.deepEqual(t.values(totals), [1, 3, 7])
    const last = t.messages(totals).at(-1)
    assert.deepEqual([last?.key, last?.timestamp, last?.offset], ['ada', 300, 2n])
    assert.deepEqual(last?.headers, [['item', new TextEncoder().encode('milk')]])
    assert.deepEqual(t.store(sums).entries(), [{ key: 'ada', value: 7 }])
    t.close()
  })

  it('an update may ask other stores with keys of the same serde: each entry comes under its own key', () => {
    const prices = kv('prices', { key: string(), value: uint() })
    const job = defineJob('priced', {
      inputs: { orders },
      stores: { sums, prices },
      task: {
        orders: ({ key, value }, { stores }) => {
          stores.prices.update(`price of ${value.item}`, (n) => (n ?? 0) + (stores.sums.get('nobody at all') ?? 1))
          stores.sums.update(`sum of ${key}`, (n) => (n ?? 0) + (stores.prices.get(`price of ${value.item}`) ?? 0))
        },
      },
    })
    const t = testJob(job)
    for (const item of ['tea', 'milk', 'tea']) t.send(orders, 'ada', order(item, 1))
    assert.deepEqual(t.store(sums).entries(), [{ key: 'sum of ada', value: 4 }])
    assert.deepEqual(t.store(prices).entries(), [
      { key: 'price of milk', value: 1 },
      { key: 'price of tea', value: 2 },
    ])
    t.close()
  })

  it('one task for each partition: every key has one owner', () => {
    const t = testJob(summing, { partitions: 4 })
    for (let i = 0; i < 40; i++) t.send(orders, `k${i % 10}`, order('tea', 1))
    const partitions = new Set(t.messages(totals).map((m) => m.partition))
    assert.ok(partitions.size > 1)
    for (let i = 0; i < 10; i++) assert.equal(t.store(sums).get(`k${i}`), 4)
    assert.equal(t.store(sums).entries().length, 10)
    t.close()
  })

  it('event timers fire with the watermark, in order of time, and survive a crash', () => {
    const due = timer('event')
    const job = defineJob('reminders', {
      inputs: { orders },
      outputs: { lines },
      timers: { due },
      task: {
        orders: ({ key, value }, { timers }) => {
          if (value.count === 0) timers.due.delete(key)
          else timers.due.set(key, value.at + value.count)
        },
        timers: { due: (key, timeMs, { send }) => send.lines(key, `due ${timeMs}`) },
      },
    })
    const t = testJob(job)
    t.send(orders, 'late', order('tea', 500, 0))
    t.send(orders, 'early', order('tea', 100, 1))
    t.send(orders, 'never', order('tea', 50, 2))
    t.send(orders, 'never', order('tea', 0, 3))
    assert.deepEqual(t.values(lines), [])
    t.crash()
    t.send(orders, 'other', order('tea', 99_999, 700))
    assert.deepEqual(t.values(lines), ['due 101', 'due 500'])
    assert.deepEqual(
      t.messages(lines).map((m) => [m.key, m.timestamp]),
      [
        ['early', 101],
        ['late', 500],
      ],
    )
    t.close()
  })

  it('processing timers and periods go by the clock', () => {
    const idle = timer('processing')
    const job = defineJob('idling', {
      inputs: { orders },
      outputs: { lines },
      timers: { idle },
      task: {
        orders: ({ key }, { timers, now }) => timers.idle.set(key, now() + 1500),
        timers: { idle: (key, timeMs, { send }) => send.lines(key, `idle at ${timeMs}`) },
        every: { '1s': ({ send, now }) => send.lines('every', `at ${now()}`) },
      },
    })
    const t = testJob(job, { startMs: 10_000 })
    t.send(orders, 'ada', order('tea', 1))
    t.advance('999ms')
    assert.deepEqual(t.values(lines), [])
    t.advance('1ms')
    assert.deepEqual(t.values(lines), ['at 11000'])
    t.send(orders, 'ada', order('tea', 1))
    t.advance('600ms')
    assert.deepEqual(t.values(lines), ['at 11000'], 'setting a timer again moves it')
    t.advance('900ms')
    assert.deepEqual(t.values(lines).toSorted(), ['at 11000', 'at 12500', 'idle at 12500'])
    t.close()
  })

  it('init, endOfStream and close are called in their place', () => {
    const seen: string[] = []
    const job = defineJob('hooks', {
      inputs: { orders },
      task: {
        init: () => void seen.push('init'),
        orders: ({ key }) => void seen.push(key),
        endOfStream: (input) => void seen.push(`end of ${input}`),
        close: () => void seen.push('close'),
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1))
    t.end()
    t.end()
    t.close()
    assert.deepEqual(seen, ['init', 'ada', 'end of orders', 'close'])
  })

  it('an asynchronous handler holds later messages back until it settles', async () => {
    const gates: (() => void)[] = []
    const job = defineJob('asynchronous', {
      inputs: { orders },
      outputs: { lines },
      stores: { sums },
      task: {
        orders: async ({ key, value }, { stores, send }) => {
          send.lines(key, `start ${value.item}`)
          await new Promise<void>((resolve) => gates.push(resolve))
          stores.sums.update(key, (n) => (n ?? 0) + value.count)
          send.lines(key, `end ${value.item}`)
        },
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1))
    t.send(orders, 'ada', order('milk', 2))
    assert.equal(gates.length, 1, 'the second message waits')
    assert.equal(t.store(sums).get('ada'), undefined)
    gates[0]?.()
    const settled = t.settled()
    while (gates.length < 2) await new Promise((resolve) => setImmediate(resolve))
    gates[1]?.()
    await settled
    assert.deepEqual(t.values(lines), ['start tea', 'end tea', 'start milk', 'end milk'])
    assert.equal(t.store(sums).get('ada'), 3)
    t.close()
  })

  it('an asynchronous handler that rejects fails as one that throws', async () => {
    const job = defineJob('rejecting', {
      inputs: { orders },
      task: {
        orders: async () => {
          await Promise.resolve()
          throw new Error('later')
        },
      },
    })
    const t = testJob(job)
    t.send(orders, 'ada', order('tea', 1))
    await assert.rejects(t.settled(), { code: 'ERR_HANDLER_FAILED', message: /orders.*later/ })
    t.close()
  })
})
