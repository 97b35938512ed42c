import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk, type MemDiskOperation } from '../../src/disk/mem-disk.ts'
import { applyTo, DIRECTORY, expectSame, key, openBaseOn, settle, write, type Change, type Model } from './support.ts'

function changesOf(id: number): Change[] {
  return Array.from({ length: 200 }, (_, i) => ({ key: key(`k${(i + 37 * id) % 300}`), value: key(`${id}:${i}`) }))
}

function modelOf(id: number): Model {
  const model: Model = new Map()
  for (let i = 1; i <= id; i++) applyTo(model, changesOf(i))
  return model
}

const FULL: readonly MemDiskOperation[] = ['create', 'write', 'sync']

test('a full disk at any step is ERR_DISK_FULL, leaves nothing behind, and a later write succeeds', () => {
  let failures = 0
  for (const operation of FULL) {
    for (let skip = 0; skip < 8; skip++) {
      const disk = new MemDisk()
      const base = openBaseOn(disk)
      for (let id = 1; id <= 3; id++) write(base, id, changesOf(id))
      disk.failNext({ operation, errno: 'ENOSPC', skip })
      let failed = false
      try {
        write(base, 4, changesOf(4))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_DISK_FULL')
        failed = true
        failures++
      }
      failures += base.statistics().writes?.compactionsDelayed ?? 0
      disk.clearFaults()
      // Once to do again what the full disk ended, once to name it.
      settle(base)
      settle(base)
      const names = base.manifest.files.map((file) => file.name)
      assert.deepEqual(disk.list(DIRECTORY), [...names, 'MANIFEST'].sort(), `${operation} ${skip}`)
      expectSame(base, modelOf(base.id))
      if (!failed) assert.equal(base.id, 4)
      write(base, 4, changesOf(4))
      expectSame(base, modelOf(4))
      write(base, 5, changesOf(5))
      disk.crash({ seed: skip })
      const again = openBaseOn(disk)
      assert.equal(again.id, 5)
      expectSame(again, modelOf(5))
    }
  }
  assert.ok(failures >= 8, `${failures} writes and merges failed`)
})

test('a disk without room for the file: the base is as before, and goes on once there is room', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  write(base, 1, changesOf(1))
  const used = disk.usedBytes
  disk.capacityBytes = used + 1000
  const large = Array.from({ length: 30_000 }, (_, i) => ({ key: key(`large:${i}`), value: key('v') }))
  assert.throws(() => write(base, 2, large), { code: 'ERR_DISK_FULL' })
  assert.equal(disk.usedBytes, used)
  assert.equal(base.id, 1)
  expectSame(base, modelOf(1))
  disk.capacityBytes = Number.POSITIVE_INFINITY
  write(base, 2, large)
  assert.equal(base.id, 2)
})

test('after a failed sync the base is not written again: what is on the disk is not known', () => {
  for (const operation of ['sync', 'syncDirectory', 'rename'] as const) {
    const disk = new MemDisk()
    const base = openBaseOn(disk)
    write(base, 1, changesOf(1))
    disk.failNext({ operation, errno: 'EIO' })
    assert.throws(() => write(base, 2, changesOf(2)), { code: 'ERR_DISK_IO' })
    assert.throws(() => write(base, 2, changesOf(2)), { code: 'ERR_DISK_IO' })
    expectSame(base, modelOf(1))
    disk.crash()
    const again = openBaseOn(disk)
    expectSame(again, modelOf(again.id))
  }
})

test('a full disk between rename and sync of the directory: the base is not written again', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  write(base, 1, changesOf(1))
  disk.failNext({ operation: 'syncDirectory', errno: 'ENOSPC', skip: 1 })
  assert.throws(() => write(base, 2, changesOf(2)), { code: 'ERR_DISK_FULL' })
  assert.throws(() => write(base, 2, changesOf(2)), { code: 'ERR_DISK_FULL' })
  for (let seed = 0; seed < 10; seed++) {
    disk.crash({ seed })
    const again = openBaseOn(disk)
    expectSame(again, modelOf(again.id))
    again.close()
  }
})
