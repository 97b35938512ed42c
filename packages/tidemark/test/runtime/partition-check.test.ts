import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counter, defineJob, kv, stream, string, uint, windows } from '../../src/index.ts'
import { testJob } from '../../src/testing/test-job.ts'

const visits = stream('visits', { key: string(), value: uint(), partitions: 4 })
const users = Array.from({ length: 20 }, (_, i) => `user-${i}`)

test('ERR_STORE_PARTITION: a key of another task is refused, and the message says whose it is and what to do', () => {
  const totals = kv('totals', { key: string(), value: uint() })
  const job = defineJob('foreign', {
    inputs: { visits },
    stores: { totals },
    task: { visits: (message, { stores }) => stores.totals.put('everybody', message.value) },
  })
  const t = testJob(job)
  const refused = users.filter((user) => {
    try {
      t.send(visits, user, 1)
      return false
    } catch (error) {
      const cause = (error as Error).cause as Error & { code?: string }
      assert.equal(cause.code, 'ERR_STORE_PARTITION')
      assert.match(cause.message, /store totals: key "everybody" belongs to partition \d of 4/)
      return true
    }
  })
  assert.ok(refused.length > 0)
  t.close()
})

test('keys of the messages, and what partitionBy makes of others, are taken in every kind of store', () => {
  const seen = counter('seen', { key: string() })
  const hourly = windows('hourly', { key: string(), value: uint(), retention: '1d' })
  const byPage = kv('by-page', { key: string(), value: uint(), partitionBy: (key) => key.slice(0, key.indexOf('/')) })
  const any = kv('any', { key: string(), value: uint(), partitionBy: 'opaque' })
  const job = defineJob('own', {
    inputs: { visits },
    stores: { seen, hourly, byPage, any },
    task: {
      visits({ key, value }, { stores }) {
        stores.seen.add(key)
        stores.hourly.put(key, { start: 0, end: 3_600_000 }, value)
        stores.byPage.put(`${key}/home`, value)
        stores.any.put('everybody', value)
      },
    },
  })
  const t = testJob(job)
  for (const user of users) t.send(visits, user, 1)
  assert.deepEqual(
    users.map((user) => t.store(seen).get(user)),
    users.map(() => 1),
  )
  t.close()
})
