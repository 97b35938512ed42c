import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type App, bytes, defineJob, kv, run, stream, string, uint } from '../../src/index.ts'
import { until } from '../until.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-values-'))
after(() => rmSync(root, { recursive: true, force: true }))

const MIB = 1024 * 1024
const sizes = stream('sizes', { key: string(), value: uint() })
const blobs = kv('blobs', { key: string(), value: bytes() })
const job = defineJob('blobs', {
  inputs: { sizes },
  stores: { blobs },
  task: {
    sizes({ key, value }, { stores }) {
      stores.blobs.put(key, new Uint8Array(value).fill(value % 251))
    },
  },
})

function start(maxValueBytes?: number): Promise<App> {
  return run(job, {
    dataDir: join(root, 'data'),
    partitions: 1,
    containers: 0,
    onError: 'drop',
    ...(maxValueBytes === undefined ? {} : { maxValueBytes }),
  })
}

test('a value above 16 MiB is refused at its put: ERR_VALUE_TOO_LARGE; with maxValueBytes it is kept, and outlives the run', async () => {
  {
    await using app = await start()
    await app.send(sizes, { key: 'refused', value: 16 * MIB + 1 })
    await app.send(sizes, { key: 'exact', value: 16 * MIB })
    await until('both', () => app.progress().dropped === 1 && app.progress().lag === 0)
  }
  {
    await using app = await start(20 * MIB)
    await app.send(sizes, { key: 'large', value: 20 * MIB })
    await until('the large one', async () => (await app.store(blobs).get('large'))?.length === 20 * MIB)
  }
  // A limit is for what is put: what is there stays.
  await using app = await start()
  const large = (await app.store(blobs).get('large')) as Uint8Array
  assert.ok(large.length === 20 * MIB && large.every((byte) => byte === (20 * MIB) % 251))
  assert.equal((await app.store(blobs).get('exact'))?.length, 16 * MIB)
  assert.equal(await app.store(blobs).get('refused'), undefined)
})
