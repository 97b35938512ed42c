import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { openEngine } from '../../src/engines/engine.ts'
import { isTidemarkError, type TidemarkError } from '../../src/errors/error.ts'
import { verifyLevelTable } from '../../src/engines/verify-leveldb.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import type { Base } from '../../src/store/types.ts'
import { BaseModel, bytesOf, type Change, scanBase, settle, sortedChanges } from '../../src/testing/base-model.ts'
import { Places } from './places.ts'

const places = new Places()
after(() => places.remove())

const WRITES = 4

type Linked = 'rocksdb' | 'leveldb'

async function open(engine: Linked, directory: string): Promise<Base> {
  return openEngine(engine, { disk: nodeDisk, directory, cache: new BlockCache({ capacityBytes: 64 * 1024 }) })
}

function changesOf(id: number): Change[] {
  return Array.from({ length: 1000 }, (_, i) => ({ key: bytesOf(`${id}:${i}`), value: bytesOf(`${i} of ${id}`) }))
}

function modelOf(id: number): BaseModel {
  const model = new BaseModel()
  for (let each = 1; each <= id; each++) model.apply('a', changesOf(each))
  return model
}

/** A closed database with tables, and its last two writes in the journal. */
async function filled(engine: Linked): Promise<string> {
  const place = places.place()
  for (const ids of [[1], [2], [3, WRITES]]) {
    const base = await open(engine, place)
    for (const id of ids) await settle(base.write(id, [], [sortedChanges('a', changesOf(id))]))
    base.close()
    await enginesClosed()
  }
  return place
}

interface Outcome {
  /** Of the state that was served; null when an error came instead. */
  readonly id: number | null
  /** Entries of it that did not come. */
  readonly missing: number
  readonly error: TidemarkError | null
}

/** Opens a damaged copy and reads all of it: what comes out is of the state of its id, or an error. */
async function read(engine: Linked, directory: string): Promise<Outcome> {
  let base: Base | null = null
  try {
    base = await open(engine, directory)
    const { id } = base
    const entries = scanBase(base, 'a')
    const whole = new Map(modelOf(id).scan('a'))
    const wrong = entries.find(([key, value]) => whole.get(key) !== value)
    assert.equal(wrong, undefined, 'what is served is what was written')
    return { id, missing: whole.size - entries.length, error: null }
  } catch (error) {
    if (!isTidemarkError(error)) throw error
    return { id: null, missing: 0, error }
  } finally {
    base?.close()
    await enginesClosed()
  }
}

/** What a kind of file promises when a bit of it is wrong. `file`: the error names the file. `directory`: the directory. */
const KINDS: readonly (readonly [kind: string, pattern: RegExp, named: 'file' | 'directory' | 'nothing'])[] = [
  ['CURRENT', /^CURRENT$/, 'file'],
  ['manifest', /^MANIFEST-/, 'file'],
  ['journal', /\.log$/, 'file'],
  ['RocksDB table', /\.sst$/, 'file'],
  ['LevelDB table', /\.ldb$/, 'directory'],
  // Nothing of the state is in them.
  ['identity and options', /^(IDENTITY|OPTIONS-.*|LOCK|LOG.*)$/, 'nothing'],
]

function kindOf(name: string): (typeof KINDS)[number] {
  return KINDS.find(([, pattern]) => pattern.test(name)) ?? assert.fail(`a file of an unknown kind: ${name}`)
}

/** Some places of a file, its first and last bytes among them. */
function placesIn(size: number): number[] {
  const spread = Array.from({ length: 6 }, (_, i) => Math.floor((size * (2 * i + 1)) / 12))
  return [...new Set([0, 4, 6, ...spread, size - 30, size - 8, size - 1])].filter((at) => at >= 0 && at < size)
}

for (const engine of ['rocksdb', 'leveldb'] as const) {
  test(`S4: a wrong bit in any file of ${engine} is named, or the state is the whole one of an earlier write`, async () => {
    const place = await filled(engine)
    const seen = new Map<string, number>()
    for (const name of readdirSync(place)) {
      const [kind, , named] = kindOf(name)
      const good = readFileSync(join(place, name))
      for (const at of placesIn(good.length)) {
        const copy = places.place()
        cpSync(place, copy, { recursive: true })
        const bad = Buffer.from(good)
        bad[at] = (bad[at] as number) ^ 4
        writeFileSync(join(copy, name), bad)
        const what = `${name}, byte ${at} of ${good.length}`
        const { id, missing, error } = await read(engine, copy)
        if (missing > 0) {
          // LevelDB checks no index when it reads, so that one may hide entries: `state verify` does.
          assert.equal(kind, 'LevelDB table', what)
          assert.ok(runToEnd(verifyLevelTable(nodeDisk, join(copy, name))).length > 0, what)
        }
        if (error === null) {
          if (named === 'nothing') assert.equal(id, WRITES, what)
          // The last write of the journal cannot be told from one that was cut off; the log then says that deltas are missing.
          else assert.ok(id === WRITES || kind === 'journal', `${what}: at ${id}`)
          if (named !== 'directory') assert.equal(missing, 0, what)
          continue
        }
        assert.equal(error.code, 'ERR_STATE_CORRUPT', `${what}: ${error.message}`)
        const path = named === 'file' ? join(copy, name) : copy
        assert.ok(error.message.includes(path), `${what}: ${error.message}`)
        if (named === 'file') assert.equal(basename(String(error.details['file'])), name, what)
        seen.set(kind, (seen.get(kind) ?? 0) + 1)
      }
    }
    const found = Object.fromEntries(seen)
    const table = engine === 'rocksdb' ? 'RocksDB table' : 'LevelDB table'
    for (const kind of ['CURRENT', 'manifest', 'journal', table])
      assert.ok((found[kind] ?? 0) > 3, JSON.stringify(found))
  })
}

test('S4: the kind of the last record in a manifest, by which RocksDB would try for ever to open, is refused', async () => {
  const place = await filled('rocksdb')
  const name = readdirSync(place).find((each) => each.startsWith('MANIFEST')) ?? assert.fail('there is a manifest')
  const bytes = readFileSync(join(place, name))
  let last = 0
  for (let at = 0; at < bytes.length; at += 7 + bytes.readUInt16LE(at + 4)) last = at
  bytes[last + 6] = (bytes[last + 6] as number) ^ 4
  writeFileSync(join(place, name), bytes)
  const { error } = await read('rocksdb', place)
  assert.equal(error?.code, 'ERR_STATE_CORRUPT')
  assert.deepEqual(error.details, { path: join(place, name), file: join(place, name), position: last })
})
