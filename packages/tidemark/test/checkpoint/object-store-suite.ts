import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import type { ObjectStore } from '../../src/checkpoint/object-store.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { bytesOf } from './setting.ts'

const MIB = 1024 * 1024

/** What every store must do; `open` gives a new client of the same, empty place. */
export function objectStoreSuite(directory: string, open: () => ObjectStore): void {
  const stored = async (store: ObjectStore, name: string): Promise<string | null> => {
    const bytes = await store.get(name)
    return bytes === null ? null : Buffer.from(bytes).toString()
  }

  test('put replaces, get reads it, size tells, delete removes', async () => {
    const store = open()
    assert.equal(await store.get('a/x'), null)
    assert.equal(await store.size('a/x'), null)
    const written = await store.put('a/x', { kind: 'bytes', bytes: bytesOf('123456789') })
    assert.deepEqual(written, { sizeBytes: 9, checksum: 0xcbf43926 })
    await store.put('a/x', { kind: 'bytes', bytes: bytesOf('two') })
    assert.equal(await stored(open(), 'a/x'), 'two')
    assert.equal(await store.size('a/x'), 3)
    await store.delete('a/x')
    await store.delete('a/x')
    assert.equal(await store.get('a/x'), null)
  })

  test('lists names of a folder by their prefix, sorted', async () => {
    const store = open()
    assert.deepEqual(await store.list('list/'), [])
    for (const name of ['list/b', 'list/a2', 'list/a1', 'other/a'])
      await store.put(name, { kind: 'bytes', bytes: bytesOf(name) })
    assert.deepEqual(await store.list('list/'), ['list/a1', 'list/a2', 'list/b'])
    assert.deepEqual(await store.list('list/a'), ['list/a1', 'list/a2'])
  })

  test('ranges: inside, over the end, behind it, of nothing', async () => {
    const store = open()
    await store.put('range', { kind: 'bytes', bytes: bytesOf('0123456789') })
    const range = async (start: number, length: number): Promise<string | null> => {
      const bytes = await store.getRange('range', start, length)
      return bytes === null ? null : Buffer.from(bytes).toString()
    }
    assert.equal(await range(2, 3), '234')
    assert.equal(await range(8, 10), '89')
    assert.equal(await range(10, 5), '')
    assert.equal(await range(3, 0), '')
    assert.equal(await store.getRange('none', 0, 5), null)
  })

  for (const [what, sizeBytes] of [
    ['an empty one', 0],
    ['a small one', 100_000],
    ['one of several parts', 17 * MIB + 5],
  ] as const) {
    test(`a file goes in and comes out: ${what}`, async () => {
      mkdirSync(directory, { recursive: true })
      const bytes = Buffer.alloc(sizeBytes)
      for (let at = 0; at < sizeBytes; at += 4093) bytes[at] = (at / 4093) & 0xff
      const [from, to] = [`${directory}/from-${sizeBytes}`, `${directory}/to-${sizeBytes}`]
      writeFileSync(from, bytes)
      const store = open()
      const written = await store.put('files/one', { kind: 'file', path: from, sizeBytes, disk: nodeDisk })
      assert.deepEqual(written, { sizeBytes, checksum: crc32(bytes) })
      assert.equal(await store.size('files/one'), sizeBytes)
      await store.fetch('files/one', to)
      assert.ok(readFileSync(to).equals(bytes))
      await assert.rejects(store.fetch('files/none', to), { code: 'ERR_FILE_NOT_FOUND' })
    })
  }

  raceTest(open, stored)
}

type Open = () => ObjectStore

function raceTest(open: Open, stored: (store: ObjectStore, name: string) => Promise<string | null>): void {
  test('C4 putIfAbsent: of 12 at a time one wins, in each of 40 rounds, and its bytes stay', async () => {
    const stores = Array.from({ length: 4 }, () => open())
    for (let round = 0; round < 40; round++) {
      const attempts = Array.from({ length: 12 }, (_, at) => {
        const store = stores[at % stores.length] as ObjectStore
        return store.putIfAbsent(`race/${round}`, bytesOf(`writer ${at}`), `race/tmp-${round}-${at}`)
      })
      const won = (await Promise.all(attempts)).flatMap((made, at) => (made ? [at] : []))
      assert.equal(won.length, 1, `round ${round}`)
      assert.equal(await stored(stores[0] as ObjectStore, `race/${round}`), `writer ${won[0]}`)
    }
    assert.deepEqual(
      (await open().list('race/')).filter((name) => name.includes('tmp-')),
      [],
      'nothing temporary is left',
    )
  })
}
