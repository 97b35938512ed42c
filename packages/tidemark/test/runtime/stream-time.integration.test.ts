import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import { defineJob, json, kv, run, stream, string, uint } from '../../src/index.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead } from '../../src/ops/read-stream.ts'

interface Click {
  readonly user: string
  readonly at: number
}

const TTL_MS = 10_000
const clicks = stream('clicks', { key: string(), value: json<Click>(), time: (click) => click.at })
const counts = kv('counts', { key: string(), value: uint(), ttl: '10s' })
const seen = stream('seen', { key: string(), value: uint() })
const job = defineJob('bursts', (flow) =>
  flow
    .from(clicks)
    .groupBy((click) => click.user)
    .count(counts)
    .to(seen),
)

/** Times that go forwards on the whole, with late ones among them. */
function makeClicks(seed: number, count: number): Click[] {
  const random = seededRandom(seed)
  const below = (bound: number): number => Math.floor(random() * bound)
  let at = 1_000_000
  return Array.from({ length: count }, () => {
    at += below(40)
    return { user: `user-${below(400)}`, at: at - (below(5) === 0 ? below(15_000) : 0) }
  })
}

/** The same by a plain map: an entry ends so long after its last put, by the greatest time so far. */
function model(input: readonly Click[]): { readonly counts: [string, number][]; readonly seen: number[] } {
  const entries = new Map<string, { count: number; ends: number }>()
  const rows: number[] = []
  let now = Number.NEGATIVE_INFINITY
  for (const { user, at } of input) {
    now = Math.max(now, at)
    const entry = entries.get(user)
    const count = entry === undefined || entry.ends <= now ? 1 : entry.count + 1
    entries.set(user, { count, ends: now + TTL_MS })
    rows.push(count)
  }
  const live = [...entries]
    .filter(([, { ends }]) => ends > now)
    .map(([user, { count }]): [string, number] => [user, count])
  return { counts: live.toSorted(([a], [b]) => (a < b ? -1 : 1)), seen: rows }
}

const root = mkdtempSync(join(tmpdir(), 'tidemark-stream-time-'))
after(() => rmSync(root, { recursive: true, force: true }))

describe('a time to live by event time behind a repartition', () => {
  const input = makeClicks(7, 20_000)
  const expected = model(input)
  const file = join(root, 'clicks.jsonl')
  writeFileSync(file, input.map((click) => `${JSON.stringify(click)}\n`).join(''))

  for (const intervalMs of [5, 50, 1000]) {
    it(`S2: ends entries by the records alone, with commits each ${intervalMs} ms`, async () => {
      const dataDir = join(root, `every-${intervalMs}`)
      const app = await run(job, {
        dataDir,
        partitions: 1,
        inputs: { clicks: [{ path: file }] },
        untilEnd: true,
        commit: { intervalMs },
      })
      await app.done
      const data = openDataDir(dataDir, nodeDisk)
      const view = await data.store('counts')
      const rows = Array.from(new StreamRead(data, 'seen').read(), ({ value }) => value)
      assert.deepEqual(rows, expected.seen)
      const entries = Array.from(view.scan(), ({ key, value }) => [key, value])
      view.close()
      assert.deepEqual(entries, expected.counts)
    })
  }
})
