import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { defineJob, json, kv, openCheckpoints, run, stream, string, uint } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { NO_S3, s3Url, startS3 } from '../checkpoint/s3-support.ts'
import { THOROUGH } from '../thorough.ts'
import { until } from '../until.ts'
import { assertBatch, root } from './fixtures-savepoint/sales.ts'
import { grow, KINDS, MAIN_KINDS, SALES, settingsOf, shadowOf, withHalf } from './fixtures-savepoint/shadowed.ts'
import job from './fixtures-savepoint/stages.job.ts'

after(() => rmSync(root, { recursive: true, force: true }))

function suite(kind: string, placeOf: (name: string) => string, kinds: typeof KINDS): void {
  for (const [name, engines] of kinds) {
    it(`${name}: state that is gone is restored from there; of one engine that is gone from the shadow (C8)`, async () => {
      const own = `${name}-${kind}`
      const checkpoint = { to: placeOf(own), uploadIntervalMs: 50 }
      const { app, file } = await withHalf(own, engines, { checkpoint })
      await app.drain()
      rmSync(join(root, own, 'state'), { recursive: true })
      grow(file)
      const warnings: string[] = []
      const settings = settingsOf(own, file, engines, { checkpoint, onWarning: (line) => warnings.push(line) })
      await (await run(job, settings)).done
      assert.equal(warnings.filter((line) => /is restored: checkpoint \d+/.test(line)).length, 4, warnings.join('\n'))
      await assertBatch(own, SALES, 'after the restore')

      for (const place of ['rocksdb', 'leveldb', 'lmdb'])
        rmSync(join(root, own, 'state/1', place), { recursive: true, force: true })
      warnings.length = 0
      await (await run(job, settings)).done
      assert.deepEqual(warnings, [], 'nothing had to be loaded')
      await assertBatch(own, SALES, 'after an engine was lost')

      // The shadow alone: it is made again.
      rmSync(shadowOf(own, 2), { recursive: true })
      await (await run(job, settings)).done
      assert.deepEqual(warnings, [])
      assert.ok(existsSync(join(shadowOf(own, 2), 'MANIFEST')))
      await assertBatch(own, SALES, 'after the shadow was lost')
    })
  }
}

describe('their checkpoints in a directory', () => {
  suite('files', (name) => pathToFileURL(join(root, `place-${name}`)).href, MAIN_KINDS)

  for (const place of ['rocksdb', 'shadow']) {
    it(`damage in ${place}: an error; the next start restores it, if it may`, async () => {
      const own = `damaged-${place}`
      const to = pathToFileURL(join(root, `place-${own}`)).href
      const { app, file } = await withHalf(own, { engine: 'rocksdb' }, { checkpoint: { to } })
      await app.drain()
      const directory = join(root, own, 'state/2', place)
      const damaged = readdirSync(directory).find((name) => /^MANIFEST|\.sorted$/.test(name)) as string
      const bytes = readFileSync(join(directory, damaged))
      writeFileSync(join(directory, damaged), bytes.subarray(0, 20))
      grow(file)
      const checkpoint = { to, repair: true }
      const plain = settingsOf(own, file, { engine: 'rocksdb' }, { checkpoint: { to } })
      await assert.rejects(
        run(job, plain).then((failing) => failing.done),
        { code: 'ERR_STATE_CORRUPT' },
      )
      await (await run(job, { ...plain, checkpoint })).done
      await assertBatch(own, SALES, 'after the repair')
    })
  }
})

describe('their checkpoints in S3', { skip: NO_S3 }, async () => {
  const server = NO_S3 === false ? await startS3() : null
  suite('s3', (name) => s3Url(server?.endpoint ?? '', name), THOROUGH ? KINDS.slice(2) : KINDS.slice(2, 3))
})

interface Setting {
  readonly key: string
  readonly value: string
}

const settings = stream('settings', { key: string(), value: json<Setting>() })
const current = kv('current', { key: string(), value: string() })
const times = kv('times', { key: string(), value: uint() })
const many = defineJob('many', {
  inputs: { settings },
  stores: { current, times },
  task: {
    settings: ({ value }, { stores }) => {
      stores.current.put(value.key, value.value)
      if (value.key.endsWith('0')) stores.times.update(value.key, (n) => (n ?? 0) + 1)
    },
  },
})

/**
 * What an upload may cost beside the entries: heads, filters and indexes of a file, the record with the manifest, and now
 * and then a merge of the small files. The large ones are not merged for so little.
 */
const OVERHEAD_BYTES = 64 * 1024
const KEYS = 8000
const VALUE = 'v'.repeat(600)

function filesOf(directory: string): Map<string, number> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((each) => each.isFile())
  return new Map(files.map((each) => join(each.parentPath, each.name)).map((path) => [path, statSync(path).size]))
}

/** The place has the newest commit of the one task, which has processed so many records. */
async function isUploaded(place: string, data: string, records: number): Promise<boolean> {
  const [lineage] = existsSync(join(place, 'many')) ? readdirSync(join(place, 'many')) : []
  if (lineage === undefined) return false
  const manager = openCheckpoints(pathToFileURL(join(place, 'many', lineage)).href)
  try {
    const [newest] = await manager.list('0')
    const [task] = openDataDir(data, nodeDisk).tasks()
    if (task?.checkpoint?.inputs['settings']?.position !== records) return false
    return newest !== undefined && newest.id === task.producer.id
  } finally {
    manager.close()
  }
}

describe('what is uploaded follows what has changed, not what there is', () => {
  for (const [name, engines] of [
    ...KINDS.slice(THOROUGH ? 0 : 1, THOROUGH ? 3 : 2),
    ['several', { engine: 'rocksdb', storeEngines: { times: 'lsm' } }] as const,
  ]) {
    it(`${name}: bytes of each upload after a first one of all`, async (t) => {
      const place = join(root, `bytes-${name}`)
      const data = join(root, `bytes-${name}-data`)
      const file = join(root, `bytes-${name}.jsonl`)
      const rows = (from: number, count: number, value: string): string =>
        Array.from({ length: count }, (_, i) => `${JSON.stringify({ key: `key-${from + i}`, value })}\n`).join('')
      writeFileSync(file, rows(0, KEYS, VALUE))
      const base = { dataDir: data, ...engines, containers: 0, partitions: 1, commit: { intervalMs: 50 } }
      await (await run(many, { ...base, inputs: { settings: [{ path: file }] } })).done
      const app = await run(many, {
        ...base,
        inputs: { settings: [{ path: file, follow: true }] },
        checkpoint: { to: pathToFileURL(place).href, uploadIntervalMs: 30 },
      })
      let records = KEYS
      const settled = async (): Promise<Map<string, number>> => {
        await until('an upload of what is committed', () => isUploaded(place, data, records))
        return filesOf(place)
      }
      try {
        let before = await settled()
        assert.ok(sum(before) > KEYS * VALUE.length, 'all of it is there')
        const costs: number[] = []
        for (const round of [1, 2, 3, 4]) {
          const changed = rows(round * 1000, 20, `${round}${VALUE}`)
          appendFileSync(file, changed)
          records += 20
          const now = await settled()
          const cost = sum(new Map([...now].filter(([path]) => !before.has(path))))
          costs.push(cost)
          assert.ok(cost > changed.length / 2, `${cost} bytes for ${changed.length} of changes: it was uploaded`)
          assert.ok(cost <= 2 * changed.length + OVERHEAD_BYTES, `${cost} bytes for ${changed.length} of changes`)
          before = now
        }
        t.diagnostic(`${name}: ${sum(before)} bytes there; uploads of 20 changed entries: ${costs.join(', ')} bytes`)
      } finally {
        await app.drain()
      }
    })
  }
})

function sum(files: ReadonlyMap<string, number>): number {
  return [...files.values()].reduce((total, size) => total + size, 0)
}
