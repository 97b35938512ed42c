import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, json, kv, stream, string, tumbling, uint, windows } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'

interface Visit {
  user: string
  page: string
  at: number
}
interface Hourly {
  user: string
  from: number
  visits: number
}

const visits = stream('visits', { key: string(), value: json<Visit>(), time: (v) => v.at })
const hourly = stream('visits-per-hour', { key: string(), value: json<Hourly>() })
const perUserHour = windows('visits-by-user-hour', { key: string(), value: uint() })
const perUser = kv('per-user', { key: string(), value: uint() })
const counts = stream('counts', { key: string(), value: uint() })

const pipeline = defineJob('visits', (job) =>
  job
    .from(visits)
    .filter((v) => v.page !== '/health')
    .groupBy((v) => v.user)
    .window(tumbling('1h').grace('5m'))
    .count(perUserHour)
    .map(({ key, window, value }) => ({ user: key, from: window.start, visits: value }))
    .to(hourly),
)

const counting = defineJob('counting', (job) => job.from(visits).groupByKey().count(perUser).to(counts))

describe('testJob with a pipeline', () => {
  it('closes a window when event time has passed its end and grace', () => {
    const t = testJob(pipeline)
    t.send(visits, 'ada', { user: 'ada', page: '/', at: 0 })
    t.send(visits, 'ada', { user: 'ada', page: '/health', at: 1 })
    assert.deepEqual(t.values(hourly), [])
    t.advance('1h6m')
    assert.deepEqual(t.values(hourly), [{ user: 'ada', from: 0, visits: 1 }])
    assert.equal(t.store(perUserHour).get('ada', { start: 0 }), 1)
    t.close()
  })

  it('goes on from the last checkpoint after a crash', () => {
    const t = testJob(counting)
    for (let i = 0; i < 5; i++) t.send(visits, i % 2 === 0 ? 'ada' : 'bob', { user: '', page: '/', at: i })
    t.crash()
    t.send(visits, 'ada', { user: '', page: '/', at: 9 })
    assert.deepEqual(t.values(counts), [1, 1, 2, 2, 3, 4])
    assert.deepEqual(t.store(perUser).entries(), [
      { key: 'ada', value: 4 },
      { key: 'bob', value: 2 },
    ])
    t.close()
  })
})
