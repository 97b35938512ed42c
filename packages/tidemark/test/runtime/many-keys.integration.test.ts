import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { defineJob, json, kv, run, stream, string, uint } from '../../src/index.ts'
import { until } from '../until.ts'

const RECORDS = 60_000
const KEYS = 25_000

const root = mkdtempSync(join(tmpdir(), 'tidemark-many-keys-'))
after(() => rmSync(root, { recursive: true, force: true }))

const hits = stream('hits', { key: string(), value: json<{ user: string }>(), partitions: 2 })
const perUser = kv('per-user', { key: string(), value: uint() })
const sums = kv('sums', { key: string(), value: uint() })

/** So many that keys are read ahead of their records. */
it('counts of more keys than are near are those of a Map', async () => {
  // Each key two or three times, far from each other.
  const users = Array.from({ length: RECORDS }, (_, i) => `user-${(i * 7919) % KEYS}`)
  const path = join(root, 'hits.jsonl')
  writeFileSync(path, users.map((user) => `${JSON.stringify({ user })}\n`).join(''))
  const job = defineJob('many-keys', (builder) => {
    const byUser = builder.from(hits).groupBy((hit) => hit.user)
    byUser.count(perUser)
    byUser.reduce('longest', (a, b) => (b.user > a.user ? b : a))
    byUser.aggregate(sums, { init: (user) => user.length, add: (sum) => sum + 2 })
  })
  const app = await run(job, {
    containers: 0,
    dataDir: join(root, 'data'),
    commit: { intervalMs: 50 },
    inputs: { hits: [{ path, follow: true }] },
  })
  const expected = new Map<string, number>()
  for (const user of users) expected.set(user, (expected.get(user) ?? 0) + 1)
  await until('all records', () => app.progress().records >= RECORDS && app.progress().lag === 0)
  await app.checkpoint()
  const counts = new Map<string, number>()
  for await (const { key, value } of app.store(perUser).scan({ limit: 2 * KEYS })) counts.set(key, value)
  assert.deepEqual(counts, expected)
  for await (const { key, value } of app.store(sums).scan({ limit: 2 * KEYS })) {
    assert.equal(value, key.length + 2 * (expected.get(key) ?? 0))
  }
  await app.drain()
})
