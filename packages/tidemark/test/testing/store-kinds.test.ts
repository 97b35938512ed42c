import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counter, defineJob, int64, json, kv, list, session, set, stream, string, versioned } from '../../src/index.ts'
import { testJob } from '../../src/testing/index.ts'

interface Event {
  page: string
  at: number
}

const events = stream('events', { key: string(), value: json<Event>(), time: (event) => event.at })
const visits = session('visits', { key: string(), value: json<{ pages: number }>(), gap: '10m', retention: '1h' })
const lastPage = versioned('last-page', { key: string(), value: string(), history: '1h' })
const clicks = counter('clicks', { key: string(), value: int64() })
const trail = list('trail', { key: string(), value: string() })
const seen = set('seen', { key: string(), value: string() })
const recent = kv('recent', { key: string(), value: string(), ttl: '10m' })

const job = defineJob('kinds', {
  inputs: { events },
  stores: { visits, lastPage, clicks, trail, seen, recent },
  task: {
    events(message, { stores }) {
      const { page, at } = message.value
      const key = message.key
      stores.visits.merge(key, at, (parts) => ({ pages: parts.reduce((sum, { value }) => sum + value.pages, 1) }))
      stores.lastPage.put(key, page, at)
      stores.clicks.add(key)
      stores.trail.append(key, page)
      stores.trail.trim(key, 2)
      stores.seen.add(key, page)
      stores.recent.put(key, page)
    },
  },
})

const MINUTE = 60_000

test('every kind of store works in a task, over several tasks, and survives a crash', () => {
  const t = testJob(job, { partitions: 3 })
  const send = (user: string, page: string, minute: number): void => t.send(events, user, { page, at: minute * MINUTE })
  send('ada', '/a', 0)
  send('bob', '/a', 1)
  send('ada', '/b', 5)
  t.crash()
  send('ada', '/c', 40)
  send('ada', '/a', 41)
  assert.deepEqual(
    t
      .store(visits)
      .fetch('ada')
      .map(({ window, value }) => [window.start / MINUTE, window.end / MINUTE, value.pages]),
    [
      [0, 15, 2],
      [40, 51, 2],
    ],
  )
  assert.deepEqual(t.store(visits).get('bob', { start: MINUTE, end: 11 * MINUTE }), { pages: 1 })
  assert.equal(t.store(lastPage).get('ada'), '/a')
  assert.equal(t.store(lastPage).getAsOf('ada', 39 * MINUTE), '/b')
  assert.equal(t.store(lastPage).entries().length, 5)
  assert.equal(t.store(clicks).get('ada'), 4n)
  assert.equal(t.store(clicks).get('nobody'), 0n)
  assert.deepEqual(t.store(trail).get('ada'), ['/c', '/a'])
  assert.equal(t.store(trail).length('bob'), 1)
  assert.deepEqual(
    t
      .store(trail)
      .entries()
      .filter(({ key }) => key === 'ada')
      .map(({ index, value }) => [index, value]),
    [
      [0, '/c'],
      [1, '/a'],
    ],
  )
  assert.deepEqual(t.store(seen).get('ada'), ['/a', '/b', '/c'])
  assert.equal(t.store(seen).has('bob', '/b'), false)
  assert.equal(t.store(seen).size('nobody'), 0)
  assert.equal(t.store(recent).get('ada'), '/a')
  t.close()
})

test('sessions go when the watermark is past their end and retention', () => {
  const t = testJob(job)
  t.send(events, 'ada', { page: '/a', at: 0 })
  t.advance('2h')
  assert.deepEqual(t.store(visits).entries(), [])
  t.close()
})
