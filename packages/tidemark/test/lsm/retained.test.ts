import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { exportBase } from '../../src/lsm/export-base.ts'
import { type LsmFailpoint, RETAIN_FAILPOINTS } from '../../src/lsm/failpoints.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { isFileName } from '../../src/lsm/manifest.ts'
import { applyTo, DIRECTORY, expectSame, key, newCache, openBaseOn, scan, settle, steps, write } from './support.ts'
import { ALL, hex, sortedStore, type Change, type Model } from './support.ts'

const COPY = '/savepoints/1/0'

function changesOf(id: number): Change[] {
  return Array.from({ length: 60 }, (_, i) => ({
    key: key(`k${(i * 7 + id * 13) % 90}`),
    value: (i + id) % 9 === 0 ? null : key(`${id} of ${i}`),
  }))
}

function modelOf(id: number): Model {
  const model: Model = new Map()
  for (let i = 1; i <= id; i++) applyTo(model, changesOf(i))
  return model
}

function files(disk: MemDisk, directory = DIRECTORY): string[] {
  return disk.list(directory).filter(isFileName)
}

function openCheckpoint(disk: MemDisk, checkpoint: number): ReturnType<typeof openLsmBase> {
  return openBaseOn(disk, { readOnly: true, checkpoint })
}

test('C5: a retained checkpoint is readable through merges and restarts, and its files go when it is released', () => {
  const disk = new MemDisk()
  let base = openBaseOn(disk)
  for (let id = 1; id <= 30; id++) {
    write(base, id, changesOf(id))
    if (id === 3 || id === 10) base.retain(id, id * 1000)
    if (id % 5 === 0) {
      base.close()
      base = openBaseOn(disk)
    }
    if (id < 10) continue
    for (const checkpoint of [3, 10]) {
      const old = openCheckpoint(disk, checkpoint)
      assert.equal(old.id, checkpoint)
      expectSame(old, modelOf(checkpoint))
      old.close()
    }
  }
  const [first, second] = base.retained()
  assert.deepEqual([first?.id, first?.createdAtMs, second?.id, second?.createdAtMs], [3, 3000, 10, 10_000])
  assert.ok((first?.ownBytes ?? 0) > 0, 'merges have replaced what it is made of')
  assert.ok((first?.sizeBytes ?? 0) >= (first?.ownBytes ?? 0))
  base.release(3)
  base.release(3)
  expectSame(openCheckpoint(disk, 10), modelOf(10))
  base.release(10)
  assert.deepEqual(base.retained(), [])
  assert.deepEqual(files(disk), base.manifest.files.map(({ name }) => name).sort())
  assert.throws(() => openCheckpoint(disk, 10), { code: 'ERR_FILE_NOT_FOUND' })
  expectSame(base, modelOf(30))
})

test('L2: a file of a released checkpoint that an iterator still reads goes when that is closed', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  for (let id = 1; id <= 4; id++) write(base, id, changesOf(id))
  base.retain(4, 0)
  const iterator = base.scan('a', ALL)
  settle(base)
  base.release(4)
  assert.equal(files(disk).length, 5)
  let count = 0
  while (iterator.next()) count++
  assert.equal(count, modelOf(4).size)
  assert.equal(files(disk).length, 1)
})

test('a checkpoint above the id of the files may be retained when nothing changed since; one below may not', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  write(base, 4, changesOf(1))
  base.retain(7, 1)
  assert.equal(openCheckpoint(disk, 7).id, 7)
  assert.throws(() => base.retain(3, 1), { code: 'ERR_INVARIANT' })
  const reader = openBaseOn(disk, { readOnly: true })
  assert.throws(() => reader.retain(7, 1), { code: 'ERR_INVARIANT' })
})

class PowerLoss extends Error {}

/** Retains and releases around merges. */
function work(disk: MemDisk, failpoint: (name: LsmFailpoint) => void): void {
  const base = openBaseOn(disk, { failpoint })
  for (let id = 1; id <= 4; id++) write(base, id, changesOf(id))
  base.retain(4, 0)
  settle(base)
  base.release(4)
  write(base, 5, changesOf(5))
}

for (const name of RETAIN_FAILPOINTS) {
  test(`C5, C6: a crash at ${name} leaves the state whole, and the checkpoint kept or not`, () => {
    for (let seed = 0; seed < 25; seed++) {
      const disk = new MemDisk()
      assert.throws(
        () =>
          work(disk, (reached) => {
            if (reached === name) throw new PowerLoss(name)
          }),
        PowerLoss,
      )
      disk.crash({ seed })
      expectWhole(disk)
    }
  })
}

function expectWhole(disk: MemDisk): void {
  const base = openBaseOn(disk)
  expectSame(base, modelOf(base.id))
  const named = new Set(
    [base.manifest, ...base.retained().map(({ manifest }) => manifest)].flatMap((m) => m.files.map((f) => f.name)),
  )
  assert.deepEqual(files(disk), [...named].sort())
  for (const { id } of base.retained()) expectSame(openCheckpoint(disk, id), modelOf(id))
}

test('C6: a crash after any operation of the disk while a checkpoint is retained and released', () => {
  const counting = new MemDisk()
  work(counting, () => {})
  const total = counting.operations
  assert.ok(total > 40)
  for (let operations = 0; operations <= total; operations++) {
    const disk = new MemDisk()
    disk.stopAfter(operations)
    try {
      work(disk, () => {})
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_DISK_IO')
    }
    disk.crash({ seed: operations })
    expectWhole(disk)
  }
})

test('any base is written to sorted files by what it shows: all stores, descriptors and the id', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  const descriptor = {
    name: 'a',
    kind: 'kv',
    key: 'string',
    keyVersion: 1,
    value: 'json',
    valueVersion: 1,
    discipline: 'frozen',
    retentionMs: null,
    windowSizeMs: null,
  } as const
  const other = { ...descriptor, name: 'b' }
  const b: Change[] = [{ key: key('only'), value: key('b') }]
  for (let id = 1; id <= 6; id++) {
    steps(base.write(id, [descriptor, other], [sortedStore('a', changesOf(id)), sortedStore('b', b)]))
  }
  steps(exportBase({ disk, base, directory: COPY, cache: newCache() }))
  const copy = openLsmBase({ disk, directory: COPY, cache: newCache() })
  assert.equal(copy.id, 6)
  assert.deepEqual(copy.descriptors, [descriptor, other])
  expectSame(copy, modelOf(6))
  assert.deepEqual(scan(copy, {}, 'b'), [[hex(key('only')), hex(key('b'))]])
  assert.equal(copy.statistics().files, 1)
})
