import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openCheckpointManager, openObjectStore } from '../../src/checkpoint/open-store.ts'
import { S3Objects } from '../../src/checkpoint/s3-objects.ts'
import { loadS3Sdk } from '../../src/checkpoint/s3-sdk.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { TaskUploader } from '../../src/checkpoint/task-uploader.ts'
import { ObjectCheckpointManager } from '../../src/checkpoint/object-manager.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import { readRetained } from '../../src/lsm/retained.ts'
import { bytes, openBaseOn, sortedStore } from '../lsm/support.ts'
import { HookedStore } from './hooked-store.ts'
import { objectStoreSuite } from './object-store-suite.ts'
import { NO_S3, openStore, s3Url, startS3, temporary } from './s3-support.ts'
import { bytesOf, commit, expectRestores, TASK } from './setting.ts'

const server = NO_S3 === false ? await startS3() : null
const urlOf = (prefix: string): string => s3Url(server?.endpoint ?? 'http://127.0.0.1:1', prefix)

describe('files', () => {
  const to = pathToFileURL(temporary('files')).href
  objectStoreSuite(temporary('of-files'), () => openStore(to))
})

describe('s3', { skip: NO_S3 }, () => {
  objectStoreSuite(temporary('of-s3'), () => openStore(urlOf('suite')))

  test('a bucket without a prefix, and names over several pages of a listing', async () => {
    const store = openStore(urlOf(''))
    assert.equal(store.where, 's3://tidemark')
    const names = Array.from({ length: 1030 }, (_, at) => `page/${String(at).padStart(5, '0')}`)
    for (let at = 0; at < names.length; at += 50) {
      const some = names.slice(at, at + 50)
      await Promise.all(some.map((name) => store.put(name, { kind: 'bytes', bytes: bytesOf('x') })))
    }
    assert.deepEqual(await store.list('page/'), names)
  })

  test('a bucket that is not there, or keys that are wrong: ERR_OBJECT_STORE_ACCESS, at once', async () => {
    const noBucket = openStore(urlOf('x').replace('s3://tidemark/', 's3://no-such-bucket/'))
    await assert.rejects(noBucket.put('a', { kind: 'bytes', bytes: bytesOf('a') }), {
      code: 'ERR_OBJECT_STORE_ACCESS',
      message: /no-such-bucket/,
    })
    const sdk = loadS3Sdk()
    const credentials = { accessKeyId: 'tidemark', secretAccessKey: 'wrong' }
    const client = new sdk.S3Client({
      endpoint: server?.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials,
    })
    const options = {
      sdk,
      client,
      bucket: 'tidemark',
      prefix: 'x',
      disk: nodeDisk,
      clock: systemClock,
      random: Math.random,
    }
    await assert.rejects(new S3Objects(options).get('a'), { code: 'ERR_OBJECT_STORE_ACCESS' })
  })

  test('C4 C5 C8 a manager on it: commits, fences, restores, retires', async () => {
    const open = (): ReturnType<typeof openCheckpointManager> =>
      openCheckpointManager({ to: urlOf('managed'), disk: nodeDisk, clock: systemClock, random: Math.random })
    const [first, second] = [open(), open()]
    const { epoch } = await first.claim(TASK)
    const one = await commit(first, { epoch, previousId: 0 })
    await commit(first, { epoch, previousId: 1 }, one.files)
    assert.equal((await second.claim(TASK)).newest?.id, 2)
    await assert.rejects(commit(first, { epoch, previousId: 2 }), { code: 'ERR_CHECKPOINT_FENCED' })
    await commit(second, { epoch: 2, previousId: 2 }, one.files)
    for (const id of [1, 2, 3]) await expectRestores(second, id)
    assert.deepEqual(await second.retire(TASK, 2, []), [2, 1])
    await expectRestores(second, 3)
    assert.deepEqual(await second.collectOrphans(TASK, 2), [], 'nothing is old enough')
    first.close()
    second.close()
  })

  test('an upload costs what has changed, counted in bytes that are put', async () => {
    const store = new HookedStore(openStore(urlOf('counted')))
    const manager = new ObjectCheckpointManager({ store, clock: systemClock, random: Math.random })
    const directory = temporary('counted-state')
    const base = openBaseOn(nodeDisk, { directory })
    const pause = (): Promise<void> => Promise.resolve()
    const nowMs = (): number => systemClock.monotonicMs()
    const mine = new TaskUploader({ manager, task: '0', disk: nodeDisk, directory, nowMs, retain: [], pause })
    for (const [id, entries] of [
      [1, 20_000],
      [2, 10],
      [3, 10],
    ] as const) {
      const changes = Array.from({ length: entries }, (_, i) => ({
        key: bytes(`${id} ${i}`),
        value: bytes(`value ${i}`),
      }))
      await runWaiting(base.write(id, [], [sortedStore('a', changes)]))
      base.retain(id, id)
      const manifest = readRetained(nodeDisk, directory, id)
      const before = store.writtenBytes
      const record = { version: 1, atMs: 0, lastDeltaId: id, inputs: {}, sent: {} } as const
      const { bytes: changed } = await mine.upload({ id, record, manifest })
      assert.equal(changed, manifest.files[0]?.sizeBytes)
      assert.ok(store.writtenBytes - before < changed + 10_000, `${store.writtenBytes - before} for ${changed}`)
    }
    base.close()
    store.close()
  })

  test('what a multipart upload that was cut off occupies is dropped, by the rules for orphans', async () => {
    const sdk = loadS3Sdk()
    const client = new sdk.S3Client({ endpoint: server?.endpoint, region: 'us-east-1', forcePathStyle: true })
    const abortSignal = new AbortController().signal
    for (const name of ['1-1-0-a', '2-1-0-b']) {
      await client.send(new sdk.CreateMultipartUploadCommand({ Bucket: 'tidemark', Key: `cut/${name}` }), {
        abortSignal,
      })
    }
    const store = openStore(urlOf(''))
    const dropped = await store.dropUnfinished('cut/', (name) => name.startsWith('cut/1-'))
    assert.deepEqual(dropped, ['cut/1-1-0-a'])
    assert.deepEqual(await store.dropUnfinished('cut/', () => true), ['cut/2-1-0-b'])
    client.destroy()
  })
})

describe('openObjectStore', () => {
  const common = { disk: new MemDisk(), clock: systemClock, random: () => 0.5 }

  test('refuses what is no place: ERR_CHECKPOINT_TARGET', () => {
    for (const to of [
      '',
      'backup',
      '/backup',
      'http://a/b',
      's3://',
      'file://host/x',
      's3://b/p?zone=1',
      's3://b?endpoint=x',
    ]) {
      assert.throws(() => openObjectStore({ ...common, to }), { code: 'ERR_CHECKPOINT_TARGET' }, to)
    }
  })

  test('says how to install the package that is missing: ERR_S3_MISSING', () => {
    const resolve = (name: string): never => {
      throw new Error(`Cannot find module '${name}'`)
    }
    assert.throws(() => openObjectStore({ ...common, to: 's3://bucket/prefix', resolve }), {
      code: 'ERR_S3_MISSING',
      message: /npm install @aws-sdk\/client-s3@\d/,
    })
  })

  test('a server that cannot be reached: ERR_OBJECT_STORE after the attempts that the option allows', async () => {
    const store = openStore(s3Url('http://127.0.0.1:1', 'x'), { attempts: 2 })
    await assert.rejects(store.get('a'), { code: 'ERR_OBJECT_STORE', message: /ECONNREFUSED/ })
  })
})
