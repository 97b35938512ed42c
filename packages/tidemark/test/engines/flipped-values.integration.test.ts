import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { enginesClosed } from '../../src/engines/closing.ts'
import { openEngine } from '../../src/engines/engine.ts'
import { isTidemarkError, type TidemarkError } from '../../src/errors/error.ts'
import { readInChild } from '../../src/engines/verify-child.ts'
import { verifyLevelTable } from '../../src/engines/verify-leveldb.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import type { Base, StoreDescriptor } from '../../src/store/types.ts'
import { bytesOf, type Change, hexOf, readBase, scanBase, settle, sortedChanges } from '../../src/testing/base-model.ts'
import { describe as descriptorOf } from '../../src/store/descriptor.ts'
import { bytes } from '../../src/serde/bytes.ts'
import { kvSpec } from '../store/harness.ts'
import { Places } from './places.ts'

const places = new Places()
after(() => places.remove())

const ENTRIES = 3000
const DESCRIPTORS: readonly StoreDescriptor[] = [descriptorOf(kvSpec('a', bytes(), bytes()))]

/** A value that is nowhere else in the files. */
function valueOf(i: number): string {
  return `<value ${i} of this test, `.padEnd(60 + (i % 200), 'x')
}

function keyOf(i: number): Uint8Array {
  return bytesOf(`key ${String(i).padStart(6, '0')}`)
}

const CHANGES: readonly Change[] = Array.from({ length: ENTRIES }, (_, i) => ({
  key: keyOf(i),
  value: bytesOf(valueOf(i)),
}))
const ALL = CHANGES.map(({ key, value }) => [hexOf(key), hexOf(value ?? new Uint8Array(0))] as const)

const values: ReadonlyMap<string, string> = new Map(ALL)

type Sealed = 'leveldb' | 'lmdb'

async function open(engine: Sealed, directory: string, readOnly = false): Promise<Base> {
  return openEngine(engine, {
    disk: nodeDisk,
    directory,
    cache: new BlockCache({ capacityBytes: 64 * 1024 }),
    readOnly,
  })
}

/** A closed database with all entries in its tables. */
async function filled(engine: Sealed, changes: readonly Change[] = CHANGES): Promise<string> {
  const place = places.place()
  const first = await open(engine, place)
  await settle(first.write(1, DESCRIPTORS, [sortedChanges('a', changes)]))
  first.close()
  await enginesClosed()
  // LevelDB writes what was in its journal to a table when it is opened.
  ;(await open(engine, place)).close()
  await enginesClosed()
  return place
}

/** Changes one bit behind `text`, `offset` bytes from its start, wherever a file of the database holds it; how often. */
function flipIn(directory: string, text: string | Uint8Array, offset: number, bit: number): number {
  let flips = 0
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    const content = readFileSync(path)
    let at = content.indexOf(text)
    if (at === -1) continue
    for (; at !== -1; at = content.indexOf(text, at + offset + 1)) {
      content[at + offset] = (content[at + offset] as number) ^ (1 << bit)
      flips++
    }
    writeFileSync(path, content)
  }
  return flips
}

function copyOf(place: string): string {
  const copy = places.place()
  cpSync(place, copy, { recursive: true })
  return copy
}

function errorOf(work: () => unknown): TidemarkError | null {
  try {
    work()
    return null
  } catch (error) {
    assert.ok(isTidemarkError(error), String(error))
    return error
  }
}

/** What `state verify` does for one engine. */
async function isFound(engine: Sealed, directory: string): Promise<boolean> {
  if (engine === 'lmdb') {
    const said = await readInChild('lmdb', directory).catch((error: unknown) => {
      assert.ok(isTidemarkError(error, 'ERR_STATE_CORRUPT'), String(error))
      return null
    })
    return said === null || said.failures.length > 0
  }
  const tables = nodeDisk.list(directory).filter((name) => /\.(ldb|sst)$/.test(name))
  return tables.some((name) => runToEnd(verifyLevelTable(nodeDisk, join(directory, name))).length > 0)
}

for (const engine of ['leveldb', 'lmdb'] as const) {
  describe(`S4: a flipped bit in a value that ${engine} keeps`, () => {
    test('is ERR_STATE_CORRUPT with engine, directory, store and key, for get and range; the rest is served', async () => {
      const place = await filled(engine)
      for (const [i, offset] of [0, 7, 59].entries()) {
        const copy = copyOf(place)
        const victim = 1000 + i * 500
        assert.ok(flipIn(copy, valueOf(victim), offset, (3 * i) % 8) > 0, 'the value stands in the files as it is')
        for (const readOnly of [false, true]) {
          const base = await open(engine, copy, readOnly)
          for (const error of [
            errorOf(() => readBase(base, 'a', keyOf(victim))),
            errorOf(() => scanBase(base, 'a')),
            errorOf(() => scanBase(base, 'a', { reverse: true })),
            errorOf(() => scanBase(base, 'a', { from: keyOf(victim), limit: 1 })),
          ]) {
            assert.equal(error?.code, 'ERR_STATE_CORRUPT')
            assert.match(error.message, new RegExp(`^${engine} .*store 'a', key 10 bytes 0x${hexOf(keyOf(victim))}`))
            assert.equal(error.details['store'], 'a')
            if (!readOnly) assert.equal(error.details['path'], copy)
          }
          assert.equal(readBase(base, 'a', keyOf(victim + 1)), ALL[victim + 1]?.[1])
          assert.deepEqual(scanBase(base, 'a', { to: keyOf(victim) }), ALL.slice(0, victim))
          base.close()
          await enginesClosed()
        }
      }
    })

    test('anywhere in its pages or blocks of data serves no wrong value', async () => {
      const place = await filled(engine)
      const found = { corrupt: 0, absent: 0, hidden: 0 }
      for (let round = 0; round < 12; round++) {
        const copy = copyOf(place)
        // A byte of an entry: in its key, its value, its checksum, or between.
        assert.ok(flipIn(copy, valueOf(round * 240 + 3).slice(0, 24), 8 + 7 * round, round % 8) > 0)
        const base = await open(engine, copy)
        for (let i = 0; i < ENTRIES; i++) {
          const error = errorOf(() => {
            const value = readBase(base, 'a', keyOf(i))
            if (value === undefined) found.absent++
            else assert.equal(value, ALL[i]?.[1], 'what is served is what was written')
          })
          if (error === null) continue
          assert.equal(error.code, 'ERR_STATE_CORRUPT')
          found.corrupt++
        }
        const error = errorOf(() => {
          const entries = scanBase(base, 'a')
          for (const [key, value] of entries) assert.equal(value, values.get(key), 'what is served is what was written')
          if (entries.length < ENTRIES) found.hidden++
        })
        assert.ok(error === null || error.code === 'ERR_STATE_CORRUPT', String(error))
        base.close()
        await enginesClosed()
        // A changed key hides its entry from reads; nothing hides from `state verify`.
        assert.ok(await isFound(engine, copy), `round ${round}`)
      }
      assert.ok(found.corrupt > 5, JSON.stringify(found))
    })
  })
}

test('S4: of the keys above 1900 bytes that lmdb keeps together, none is served when a bit of one has changed', async () => {
  const long = (i: number): Uint8Array => bytesOf('k'.repeat(1950) + String(i).padStart(4, '0'))
  const changes = Array.from({ length: 5 }, (_, i) => ({ key: long(i), value: bytesOf(`long value ${i}`) }))
  const place = await filled('lmdb', changes)
  for (const part of ['0002', 'long value 2']) {
    const copy = copyOf(place)
    assert.ok(flipIn(copy, part, 1, 0) > 0)
    const base = await open('lmdb', copy)
    for (let i = 0; i < 5; i++) {
      const error = errorOf(() => readBase(base, 'a', long(i)))
      assert.equal(error?.code, 'ERR_STATE_CORRUPT', `key ${i}`)
      assert.match(error.message, /above 1900 bytes/)
    }
    assert.equal(errorOf(() => scanBase(base, 'a'))?.code, 'ERR_STATE_CORRUPT')
    base.close()
    await enginesClosed()
  }
})

for (const engine of ['leveldb', 'lmdb'] as const) {
  test(`S4, C1: ${engine} whose meta has a wrong bit, or another key, is not opened`, async () => {
    const place = await filled(engine)
    const copy = copyOf(place)
    assert.ok(flipIn(copy, '{"version":2,', 5, 1) > 0)
    await assert.rejects(open(engine, copy), { code: 'ERR_STATE_CORRUPT', message: /its meta is damaged/ })
  })
}
