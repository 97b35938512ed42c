import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Disk, readFile, replaceFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { diskSuite } from './disk-suite.ts'

diskSuite('MemDisk', () => {
  const disk = new MemDisk()
  disk.makeDirectory('/data')
  return { disk, root: '/data' }
})

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function durableFile(disk: Disk, path: string, content: string): void {
  disk.makeDirectory('/data')
  disk.syncDirectory('/')
  replaceFile(disk, '/data', path.slice('/data/'.length), text(content))
}

test('MemDisk: a crash keeps what was synced, whatever the seed', () => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new MemDisk()
    durableFile(disk, '/data/a', 'before')
    const file = disk.open('/data/a', 'write')
    file.write(text('after!'), 0)
    file.write(text(' and more'), 6)
    file.sync()
    disk.crash({ seed })
    assert.equal(new TextDecoder().decode(readFile(disk, '/data/a')), 'after! and more')
  }
})

test('MemDisk: what was not synced comes out whole, absent or torn, the same for the same seed', () => {
  const outcome = (seed: number): string => {
    const disk = new MemDisk()
    durableFile(disk, '/data/a', 'o'.repeat(1500))
    const file = disk.open('/data/a', 'write')
    file.write(text('n'.repeat(2000)), 0)
    disk.crash({ seed })
    assert.throws(
      () => file.size(),
      (error) => isTidemarkError(error, 'ERR_DISK_IO'),
    )
    return new TextDecoder().decode(readFile(disk, '/data/a'))
  }
  const seen = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const content = outcome(seed)
    assert.equal(outcome(seed), content)
    for (let at = 0; at < content.length; at += 512) {
      assert.match(content.slice(at, at + 512), /^(?:o*|n*|o*\0*|\0*)$/)
    }
    seen.add(content)
  }
  assert.ok(seen.has('o'.repeat(1500)) && seen.has('n'.repeat(2000)) && seen.size > 4, `${seen.size} outcomes`)
})

test('MemDisk: a truncation that was not synced may be undone', () => {
  const sizes = new Set<number>()
  for (let seed = 0; seed < 30; seed++) {
    const disk = new MemDisk()
    durableFile(disk, '/data/a', 'abcdef')
    disk.open('/data/a', 'write').truncate(2)
    disk.crash({ seed })
    const content = new TextDecoder().decode(readFile(disk, '/data/a'))
    assert.ok('abcdef'.startsWith(content))
    sizes.add(content.length)
  }
  assert.deepEqual(
    [...sizes].sort((a, b) => a - b),
    [2, 6],
  )
})

test('MemDisk: names need a sync of their directory', () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const disk = new MemDisk()
    durableFile(disk, '/data/old', '1')
    disk.open('/data/new', 'create').sync()
    disk.remove('/data/old')
    disk.crash({ seed })
    outcomes.add(disk.list('/data').join())
  }
  assert.deepEqual([...outcomes].sort(), ['new', 'new,old', 'old'])
})

test('MemDisk: restart loses nothing and closes files', () => {
  const disk = new MemDisk()
  disk.makeDirectory('/data')
  const file = disk.open('/data/a', 'create')
  file.write(text('kept'), 0)
  disk.restart()
  assert.throws(() => file.size())
  assert.equal(new TextDecoder().decode(readFile(disk, '/data/a')), 'kept')
})

test('MemDisk: an untracked disk loses nothing in a crash', () => {
  const disk = new MemDisk({ tracked: false })
  disk.makeDirectory('/data')
  disk.open('/data/a', 'create').write(text('kept'), 0)
  disk.crash({ seed: 1 })
  assert.equal(new TextDecoder().decode(readFile(disk, '/data/a')), 'kept')
})

test('MemDisk: failNext fails the operation that was asked for, then no more', () => {
  const disk = new MemDisk()
  disk.makeDirectory('/data')
  const file = disk.open('/data/a', 'create')
  disk.failNext({ operation: 'sync', errno: 'EIO' })
  disk.failNext({ operation: 'write', errno: 'ENOSPC', path: '/a', skip: 1 })
  file.write(text('one'), 0)
  assert.throws(
    () => file.write(text('four'), 3),
    (error) => isTidemarkError(error, 'ERR_DISK_FULL'),
  )
  assert.equal(new TextDecoder().decode(readFile(disk, '/data/a')), 'onefo', 'a full disk takes a part')
  assert.throws(
    () => file.sync(),
    (error) => isTidemarkError(error, 'ERR_DISK_IO'),
  )
  file.sync()
  file.write(text('four'), 3)
})

test('MemDisk: capacity bounds what all files take', () => {
  const disk = new MemDisk({ capacityBytes: 6 })
  disk.makeDirectory('/data')
  const file = disk.open('/data/a', 'create')
  file.write(text('1234'), 0)
  assert.throws(
    () => disk.open('/data/b', 'create').write(text('567'), 0),
    (error) => isTidemarkError(error, 'ERR_DISK_FULL'),
  )
  assert.equal(disk.usedBytes, 6)
  file.write(text('abcd'), 0)
  disk.remove('/data/b')
  file.write(text('ef'), 4)
  assert.equal(disk.usedBytes, 6)
})

test('MemDisk: stopAfter lets so many operations pass and none after', () => {
  const disk = new MemDisk()
  const seen: string[] = []
  disk.onOperation = (operation, path) => seen.push(`${operation} ${path}`)
  disk.makeDirectory('/data')
  const file = disk.open('/data/a', 'create')
  disk.stopAfter(1)
  file.write(text('1'), 0)
  assert.equal(disk.stopped, true)
  for (const work of [() => file.write(text('2'), 0), () => file.sync(), () => disk.remove('/data/a')]) {
    assert.throws(work, (error) => isTidemarkError(error, 'ERR_DISK_IO'))
  }
  disk.restart()
  assert.equal(new TextDecoder().decode(readFile(disk, '/data/a')), '1')
  assert.deepEqual(seen, ['makeDirectory /data', 'create /data/a', 'write /data/a'])
})
