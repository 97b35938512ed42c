import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { isFileName } from '../../src/lsm/manifest.ts'
import { ALL, applyTo, bytes, cursorOf, DIRECTORY, expectSame, get, hex, key, newCache } from './support.ts'
import { openBaseOn, scan, scanModel, settle, sortedStore, steps, write, type Change, type Model } from './support.ts'

function changesOf(id: number): Change[] {
  return Array.from({ length: 100 }, (_, i) => ({
    key: key(`k${String(i).padStart(3, '0')}`),
    value: (i + id) % 7 === 0 ? null : key(`${id} of ${i}`),
  }))
}

function modelOf(id: number): Model {
  const model: Model = new Map()
  for (let i = 1; i <= id; i++) applyTo(model, changesOf(i))
  return model
}

function sortedFiles(disk: MemDisk): string[] {
  return disk.list(DIRECTORY).filter(isFileName)
}

for (const reverse of [false, true]) {
  test(`an iterator is a stable view over writes and merges, and pins its files (reverse: ${reverse})`, () => {
    const disk = new MemDisk()
    const base = openBaseOn(disk, { cache: newCache(0) })
    for (let id = 1; id <= 3; id++) write(base, id, changesOf(id))
    const pinned = sortedFiles(disk)
    const iterator = base.scan('a', { ...ALL, reverse })
    const seen: [string, string][] = []
    for (let id = 4; id <= 20; id++) {
      write(base, id, changesOf(id))
      assert.ok(iterator.next())
      seen.push([hex(iterator.key), hex(iterator.valueBytes.subarray(iterator.valueStart, iterator.valueEnd))])
      assert.ok(pinned.every((name) => disk.exists(`${DIRECTORY}/${name}`)))
    }
    assert.deepEqual(seen, scanModel(modelOf(3), { reverse, limit: seen.length }))
    iterator.close()
    iterator.close()
    assert.equal(iterator.next(), false)
    assert.deepEqual(sortedFiles(disk), base.manifest.files.map((file) => file.name).sort())
    expectSame(base, modelOf(20))
  })
}

test('an exhausted iterator lets go of its files', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  for (let id = 1; id <= 3; id++) write(base, id, changesOf(id))
  const iterator = base.scan('a', ALL)
  write(base, 4, changesOf(4))
  settle(base)
  assert.equal(sortedFiles(disk).length, 4)
  while (iterator.next()) assert.ok(iterator.key.length > 0)
  assert.equal(sortedFiles(disk).length, 1)
})

test('an iterator that outlives its base can be read, and removes nothing', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  for (let id = 1; id <= 3; id++) write(base, id, changesOf(id))
  const iterator = base.scan('a', { ...ALL, limit: 1000 })
  write(base, 4, changesOf(4))
  base.close()
  base.close()
  let count = 0
  while (iterator.next()) count++
  assert.equal(count, modelOf(3).size)
  assert.equal(sortedFiles(disk).length, 4)
  openBaseOn(disk).close()
  assert.equal(sortedFiles(disk).length, 1)
})

test('reads and writes after close are ERR_INVARIANT, as are a second write and one of a reader', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  write(base, 5, changesOf(1))
  const first = base.write(6, [], [sortedStore('a', changesOf(2))])
  first.next()
  assert.throws(() => write(base, 7, []), { code: 'ERR_INVARIANT', message: /one write at a time/ })
  steps(first)
  assert.throws(() => write(base, 4, []), { code: 'ERR_INVARIANT', message: /checkpoint 4 is not older than 6/ })
  const reader = openBaseOn(disk, { readOnly: true })
  assert.throws(() => write(reader, 7, []), { code: 'ERR_INVARIANT', message: /by its owner only/ })
  assert.throws(() => base.refresh(), { code: 'ERR_INVARIANT' })
  assert.notEqual(get(base, key('k000')), undefined)
  base.close()
  assert.throws(() => get(base, key('k000')), { code: 'ERR_INVARIANT' })
  assert.throws(() => base.scan('a', ALL), { code: 'ERR_INVARIANT' })
  assert.throws(() => write(base, 8, []), { code: 'ERR_INVARIANT' })
})

test('entries out of order, twice, more than announced or with another hash are refused, and change nothing', () => {
  const entry = (name: string): Change => ({ key: bytes(name), value: bytes('v') })
  const wrongHash = cursorOf([entry('a')])
  Object.defineProperty(wrongHash, 'hash', { get: () => 1, set: () => {} })
  for (const store of [
    { name: 'a', count: 2, cursor: cursorOf([entry('b'), entry('a')]) },
    { name: 'a', count: 2, cursor: cursorOf([entry('ab'), entry('a')]) },
    { name: 'a', count: 2, cursor: cursorOf([entry('a'), entry('a')]) },
    { name: 'a', count: 1, cursor: cursorOf([entry('a'), entry('b')]) },
    { name: 'a', count: 1, cursor: wrongHash },
  ]) {
    const disk = new MemDisk()
    const base = openBaseOn(disk)
    write(base, 1, changesOf(1))
    assert.throws(() => steps(base.write(2, [], [store])), { code: 'ERR_INVARIANT' })
    expectSame(base, modelOf(1))
    base.close()
    expectSame(openBaseOn(disk), modelOf(1))
  }
})

test('deletions of what is not below are not kept, and merges down to the oldest file keep none', () => {
  const base = openBaseOn(new MemDisk())
  write(base, 1, [{ key: key('never'), value: null }])
  const { files, bytes: size, entries } = base.statistics()
  assert.deepEqual([files, size, entries], [0, 0, 0])
  assert.equal(base.id, 1)
  write(base, 2, changesOf(3))
  const live = modelOf(0)
  applyTo(live, changesOf(3))
  for (let id = 3; id <= 40; id++) {
    write(base, id, changesOf(id))
    applyTo(live, changesOf(id))
    expectSame(base, live)
    if (base.statistics().files === 1) assert.equal(base.statistics().entries, live.size)
  }
  for (let id = 41; id <= 44; id++) {
    write(
      base,
      id,
      changesOf(id).map(({ key: k }) => ({ key: k, value: null })),
    )
  }
  assert.deepEqual(scan(base), [])
  assert.equal(base.approximateCount('a'), 0)
})

test('descriptors and id are kept, and stores are apart', () => {
  const disk = new MemDisk()
  const descriptor = {
    name: 'a',
    kind: 'windows',
    key: 'string',
    keyVersion: 1,
    value: 'json',
    valueVersion: 2,
    discipline: 'frozen',
    retentionMs: 60_000,
    windowSizeMs: null,
  } as const
  const base = openBaseOn(disk)
  steps(base.write(9, [descriptor], [sortedStore('a', changesOf(1)), sortedStore('é "b"', changesOf(2))]))
  base.close()
  const again = openBaseOn(disk)
  assert.deepEqual([again.id, again.descriptors], [9, [descriptor]])
  const b: Model = new Map()
  applyTo(b, changesOf(2))
  expectSame(again, modelOf(1))
  expectSame(again, b, 'é "b"')
  assert.equal(again.approximateCount('a'), modelOf(1).size)
  assert.deepEqual(
    [get(again, key('k001'), 'c'), scan(again, {}, 'c'), again.approximateCount('c')],
    [undefined, [], 0],
  )
})

test('only what a crash leaves is removed at opening, and only by the owner', () => {
  const disk = new MemDisk()
  write(openBaseOn(disk), 1, changesOf(1))
  const strangers = ['notes.txt', '12.sorted', '0000000001.sorted.bak', 'x0000000007.sorted']
  const garbage = ['0000000007.sorted', 'MANIFEST.tmp']
  for (const name of [...strangers, ...garbage]) disk.open(`${DIRECTORY}/${name}`, 'create').close()
  openBaseOn(disk, { readOnly: true }).close()
  assert.ok(garbage.every((name) => disk.exists(`${DIRECTORY}/${name}`)))
  expectSame(openBaseOn(disk), modelOf(1))
  assert.deepEqual(disk.list(DIRECTORY), [...strangers, '0000000001.sorted', 'MANIFEST'].sort())
})

/** A disk on which something happens before a file is opened. */
function beforeOpen(disk: Disk, action: (path: string) => void): Disk {
  return new Proxy(disk, {
    get(target, name) {
      if (name === 'open') {
        return (path: string, mode: 'read') => {
          action(path)
          return target.open(path, mode)
        }
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

test('a reader opens the newest manifest when the owner replaces files meanwhile, and gives up in the end', () => {
  const disk = new MemDisk()
  const owner = openBaseOn(disk)
  for (let id = 1; id <= 3; id++) write(owner, id, changesOf(id))
  const reader = openBaseOn(disk, { readOnly: true })
  let meanwhile = 0
  const busy = beforeOpen(disk, (path) => {
    if (!path.endsWith('.sorted') || meanwhile >= 3) return
    meanwhile++
    const { id } = owner
    for (let next = id + 1; next <= id + 4; next++) write(owner, next, changesOf(next))
  })
  const second = openBaseOn(disk, { readOnly: true, disk: busy })
  assert.equal(second.id, owner.id)
  assert.equal(meanwhile, 3)
  expectSame(second, modelOf(owner.id))
  expectSame(reader, modelOf(3))
  meanwhile = Number.NEGATIVE_INFINITY
  assert.throws(() => openBaseOn(disk, { readOnly: true, disk: busy }), {
    code: 'ERR_INVARIANT',
    message: /catches up/,
  })
})

test('refresh goes on to the newest checkpoint, keeps open files open, and leaves iterators as they were', () => {
  const disk = new MemDisk()
  assert.equal(openBaseOn(disk, { readOnly: true }).id, 0)
  assert.deepEqual(disk.list(DIRECTORY), [])
  const owner = openBaseOn(disk)
  const reader = openBaseOn(disk, { readOnly: true })
  assert.equal(reader.refresh(), false)
  for (let id = 1; id <= 9; id++) {
    const iterator = reader.scan('a', ALL)
    write(owner, id, changesOf(id))
    assert.equal(reader.refresh(), true)
    assert.equal(reader.id, id)
    expectSame(reader, modelOf(id))
    let count = 0
    while (iterator.next()) count++
    assert.equal(count, modelOf(id - 1).size)
    assert.equal(reader.refresh(), false)
  }
})
