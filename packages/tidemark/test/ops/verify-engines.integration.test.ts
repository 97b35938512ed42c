import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { defineJob, json, kv, run, stream, string, uint } from '../../src/index.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { type DataReport, verifyData } from '../../src/ops/verify-data.ts'
import { verifySavepoint } from '../../src/ops/verify-savepoint.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-verify-'))
after(() => rmSync(root, { recursive: true, force: true }))

const words = stream('words', { key: string(), value: json<{ readonly word: string; readonly text: string }>() })
const texts = kv('texts', { key: string(), value: string() })
const counts = kv('counts', { key: string(), value: uint(), engine: 'lsm' })
const job = defineJob('words', {
  inputs: { words },
  stores: { texts, counts },
  task: {
    words: ({ value }, { stores }) => {
      stores.texts.put(value.word, value.text)
      stores.counts.update(value.word, (n) => (n ?? 0) + 1)
    },
  },
})

/** A data directory with some hundred KB in the engine, and a savepoint of it. */
async function made(
  engine: string,
  name: string = engine,
  count = 2000,
): Promise<{ readonly data: string; readonly savepoint: string }> {
  const data = join(root, name)
  const savepoint = join(root, `${name}-savepoint`)
  const file = join(root, `${name}.jsonl`)
  const row = (i: number): string => JSON.stringify({ word: `word ${i}`, text: `${i} `.repeat(100) })
  writeFileSync(file, Array.from({ length: count }, (_, i) => `${row(i)}\n`).join(''))
  const inputs = { words: [{ path: file, follow: true }] }
  const app = await run(job, { dataDir: data, engine, partitions: 1, inputs, commit: { intervalMs: 50 } })
  while (app.progress().records < count || app.progress().lag > 0) await new Promise((done) => setTimeout(done, 5))
  await app.savepoint({ to: savepoint })
  await app.drain()
  return { data, savepoint }
}

function verify(data: string): Promise<DataReport> {
  return verifyData(openDataDir(data, nodeDisk))
}

function largest(directory: string, pattern: RegExp): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => pattern.test(name))
  const paths = files.map((name) => join(directory, name))
  return paths.toSorted((a, b) => statSync(b).size - statSync(a).size)[0] as string
}

/** Changes one bit in the middle. */
function flip(path: string): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}

for (const [engine, tables] of [
  ['rocksdb', /\.sst$/],
  ['leveldb', /\.(ldb|sst)$/],
  ['lmdb', null],
] as const) {
  test(`S4: state in ${engine} is read as a whole, and a wrong bit of a table is found`, async () => {
    const { data } = await made(engine)
    // A reopened database writes what was in its journal to tables.
    await (await run(job, { dataDir: data, engine, partitions: 1 })).drain()
    const good = await verify(data)
    assert.equal(good.damages, 0, JSON.stringify(good.tasks))
    const own = good.directories.find(({ directory }) => directory.endsWith(engine))
    assert.equal(own?.entries, 2000)
    const files = good.directories.find(({ directory }) => directory.endsWith('state/0'))
    assert.equal(files?.entries, 2000, 'the other store is in sorted files')
    if (tables === null) return
    // The copy that was read is removed as it closes.
    await enginesClosed()
    const copy = join(root, `${engine}-damaged`)
    cpSync(data, copy, { recursive: true })
    flip(largest(join(copy, 'state/0', engine), tables))
    const bad = await verify(copy)
    assert.ok(bad.damages > 0, 'the wrong bit is found')
    const named = bad.directories.find(({ directory }) => directory.endsWith(engine))
    assert.ok((named?.findings.length ?? 0) > 0)
  })
}

test('S4: pages of lmdb that were overwritten or cut off, by which its reader crashes, are findings and end nobody', async () => {
  const { data } = await made('lmdb', 'lmdb-pages')
  await enginesClosed()
  const path = largest(join(data, 'state/0/lmdb'), /\.mdb$/)
  const bytes = readFileSync(path)
  // Behind the two pages that say where all begins.
  const overwritten = bytes.map((byte, at) => (at >= 2 * 4096 && at % 3 === 0 ? 0xff : byte))
  for (const damaged of [overwritten, bytes.subarray(0, 8 * 4096)]) {
    writeFileSync(path, damaged)
    const { damages, directories } = await verify(data)
    assert.ok(damages > 0)
    const named = directories.find(({ directory }) => directory.endsWith('lmdb'))
    assert.match(named?.findings[0]?.what ?? '', /^ERR_STATE_CORRUPT: /)
  }
})

test('S4: a wrong bit in the journal of leveldb, which passes over it, is named and its state not served', async () => {
  const { data } = await made('leveldb', 'leveldb-journal')
  await enginesClosed()
  const journal = largest(join(data, 'state/0/leveldb'), /\.log$/)
  flip(journal)
  const { tasks, damages } = await verify(data)
  assert.ok(damages > 0)
  assert.deepEqual(
    tasks.map(({ file }) => file),
    [journal],
  )
  await assert.rejects(openDataDir(data, nodeDisk).store('texts'), { code: 'ERR_STATE_CORRUPT' })
})

test('S4: a savepoint is verified: every byte of its files, its manifests and its description', async () => {
  const { savepoint } = await made('lsm')
  const good = await verifySavepoint(nodeDisk, savepoint)
  assert.equal(good.damages, 0)
  assert.equal(
    good.directories.reduce((sum, { entries }) => sum + entries, 0),
    4000,
  )
  const damaged = async (name: string, change: (directory: string) => void): Promise<DataReport> => {
    const copy = join(root, `savepoint-${name}`)
    cpSync(savepoint, copy, { recursive: true })
    change(copy)
    return verifySavepoint(nodeDisk, copy)
  }
  const block = await damaged('block', (copy) => flip(largest(copy, /\.sorted$/)))
  assert.ok(block.damages > 0 && block.directories[0]?.findings[0]?.file.endsWith('.sorted'))
  const missing = await damaged('file', (copy) => rmSync(largest(copy, /\.sorted$/)))
  assert.ok(missing.damages > 0)
  const manifest = await damaged('manifest', (copy) => flip(join(copy, 'tasks/0/MANIFEST')))
  assert.ok(manifest.damages > 0)
  const none = await damaged('no-manifest', (copy) => rmSync(join(copy, 'tasks/0/MANIFEST')))
  assert.ok(none.tasks.some(({ what }) => what.includes('is missing')))
  const description = await damaged('description', (copy) => flip(join(copy, 'savepoint')))
  assert.equal(description.damages, 1)
  const { savepoint: foreign } = await made('lsm', 'foreign', 100)
  const other = await damaged('other', (copy) => {
    // A whole state, but another one than the savepoint is of.
    rmSync(join(copy, 'tasks/0'), { recursive: true })
    cpSync(join(foreign, 'tasks/0'), join(copy, 'tasks/0'), { recursive: true })
  })
  assert.ok(other.tasks.some(({ what }) => what.includes('names other files')))
  await assert.rejects(verifySavepoint(nodeDisk, join(root, 'nowhere')), { code: 'ERR_SAVEPOINT_NOT_FOUND' })
})
