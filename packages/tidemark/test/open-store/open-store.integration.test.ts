import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { json, openStore, type OpenedStore, type OpenStoreOptions, string, tuple, uint } from '../../src/index.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-open-store-'))
after(() => rmSync(root, { recursive: true, force: true }))

const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected

function open(dir: string, more: Partial<OpenStoreOptions<string, number>> = {}): Promise<OpenedStore<string, number>> {
  return openStore({ name: 'numbers', dir: join(root, dir), key: string(), value: uint(), ...more })
}

test('what was checkpointed is there again, what was closed too; ranges go both ways', async () => {
  {
    await using store = await open('plain')
    store.putAll([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
    assert.equal(store.checkpointId, 0)
    await store.checkpoint()
    assert.equal(store.checkpointId, 1)
    await store.checkpoint()
    assert.equal(store.checkpointId, 1, 'nothing was written: no checkpoint is made')
    store.delete('b')
    store.update('c', (n = 0) => n + 1)
  }
  await using store = await open('plain')
  assert.deepEqual(
    [...store.range('a', 'z', { reverse: true })],
    [
      { key: 'c', value: 4 },
      { key: 'a', value: 1 },
    ],
  )
  assert.equal(store.approximateCount(), 2)
})

test('sizes that cannot be are refused before anything is made: ERR_OPTION', async () => {
  for (const [option, value] of Object.entries({ cacheBytes: -1, recentMaxBytes: 0, maxValueBytes: 2 ** 40 })) {
    await assert.rejects(open('sizes', { [option]: value }), { code: 'ERR_OPTION', message: new RegExp(option) })
  }
  assert.equal(readdirSync(root).includes('sizes'), false)
})

test('checkpoints that are asked for during one share the next', async () => {
  await using store = await open('shared')
  const asked: Promise<void>[] = []
  for (let i = 0; i < 50; i++) {
    store.put('n', i)
    asked.push(store.checkpoint())
  }
  await Promise.all(asked)
  assert.ok(store.checkpointId <= 2, `${store.checkpointId} checkpoints`)
  assert.equal(store.get('n'), 49)
})

test('a second open is refused while the first is open, and the store after it was closed: ERR_STORE_CLOSED', async () => {
  await using store = await open('locked')
  await assert.rejects(open('locked'), code('ERR_DATA_DIR_LOCKED'))
  const tryOpen = (): string =>
    execFileSync(process.execPath, [join(import.meta.dirname, 'fixtures/try-open.ts'), join(root, 'locked')], {
      encoding: 'utf8',
    })
  assert.equal(tryOpen(), 'ERR_DATA_DIR_LOCKED')
  await store.close()
  await store.close()
  assert.throws(() => store.get('a'), code('ERR_STORE_CLOSED'))
  await assert.rejects(store.checkpoint(), code('ERR_STORE_CLOSED'))
  assert.equal(tryOpen(), 'open, checkpoint 0')
})

test('a directory of another store, of other serdes or of another engine is refused, and left as it was', async () => {
  {
    await using store = await open('owned')
    store.put('a', 1)
  }
  await assert.rejects(open('owned', { name: 'others' }), code('ERR_DATA_DIR_OTHER_JOB'))
  await assert.rejects(
    openStore({ name: 'numbers', dir: join(root, 'owned'), key: string(), value: string() }),
    code('ERR_STORE_MISMATCH'),
  )
  await assert.rejects(open('owned', { engine: 'lmdb' }), code('ERR_ENGINE_CHANGED'))
  await assert.rejects(open('owned', { engine: 'rokcsdb' }), code('ERR_ENGINE_UNKNOWN'))
  await using store = await open('owned')
  assert.equal(store.get('a'), 1)
})

test('many changes go into files, and the journal shrinks', async () => {
  const dir = join(root, 'large')
  await using store = await openStore({
    name: 'large',
    dir,
    key: tuple(string(), uint()),
    value: json<{ text: string }>(),
    recentMaxBytes: 50_000,
  })
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 200; i++) store.put(['k', i], { text: `${round} ${'x'.repeat(50)}` })
    await store.checkpoint()
  }
  const files = readdirSync(join(dir, 'state'), { recursive: true })
  assert.ok(files.length > 1, files.join(' '))
  assert.deepEqual(
    [...store.range(['k', 198], ['k', 200])].map(({ key }) => key[1]),
    [198, 199],
  )
})

test('entries with a TTL end by the clock of the machine', async () => {
  await using store = await open('ttl', { ttl: 40 })
  store.put('a', 1)
  assert.equal(store.get('a'), 1)
  const deadline = Date.now() + 5000
  while (store.get('a') !== undefined && Date.now() < deadline) await new Promise((done) => setTimeout(done, 10))
  assert.equal(store.get('a'), undefined)
})

test('checkpointEvery makes checkpoints by itself; tools read the store from outside meanwhile', async () => {
  await using store = await open('timed', { checkpointEvery: 20 })
  store.put('a', 7)
  const deadline = Date.now() + 5000
  while (store.checkpointId === 0 && Date.now() < deadline) await new Promise((done) => setTimeout(done, 10))
  assert.equal(store.checkpointId, 1)
  const view = await openDataDir(join(root, 'timed'), nodeDisk).store('numbers')
  assert.deepEqual([...view.scan()], [{ key: 'a', value: 7 }])
  view.close()
})
