import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { LSM_FAILPOINTS, type LsmFailpoint } from '../../src/lsm/failpoints.ts'
import { isFileName } from '../../src/lsm/manifest.ts'
import type { LsmBase } from '../../src/lsm/lsm-base.ts'
import { applyTo, DIRECTORY, expectSame, key, openBaseOn, settle, sortedStore, steps, write } from './support.ts'
import type { Change, Model } from './support.ts'

/** Each write puts keys of its own, overwrites keys of all others, and deletes some. */
function changesOf(id: number): Change[] {
  const changes: Change[] = []
  for (let i = 0; i < 30; i++) {
    changes.push({ key: key(`own:${id}:${i}`), value: key(`${id}`) })
    changes.push({ key: key(`all:${i}`), value: (i + id) % 5 === 0 ? null : key(`${id} of ${i}`) })
  }
  return changes
}

function modelOf(id: number): Model {
  const model: Model = new Map()
  for (let i = 1; i <= id; i++) applyTo(model, changesOf(i))
  return model
}

/** A disk with checkpoint `id`; the next write merges when `id` is 3. */
function prepared(id: number): MemDisk {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  for (let i = 1; i <= id; i++) write(base, i, changesOf(i))
  base.close()
  return disk
}

/** After a crash: the state is that of one checkpoint, whole (C6), every file is there (C5), and nothing else is. */
function expectRecovered(disk: MemDisk, allowed: readonly number[], what: string): void {
  const base = openBaseOn(disk)
  assert.ok(allowed.includes(base.id), `${what}: checkpoint ${base.id}, not one of ${allowed.join(', ')}`)
  expectSame(base, modelOf(base.id))
  const named = base.manifest.files.map((file) => file.name).sort()
  assert.deepEqual(disk.list(DIRECTORY), [...named, 'MANIFEST'].sort(), `${what}: the directory`)
  const next = base.id + 1
  write(base, next, changesOf(next))
  expectSame(base, modelOf(next))
  base.close()
}

class PowerLoss extends Error {}

/** The fourth write starts a merge, whose result the fifth names in its manifest. */
function writeTwo(base: LsmBase): void {
  if (base.id === 3) write(base, 4, changesOf(4))
  write(base, 5, changesOf(5))
}

const BEFORE_FLUSH: readonly LsmFailpoint[] = ['flush-before-file', 'flush-after-file', 'flush-before-manifest']
const AFTER_MERGE: readonly LsmFailpoint[] = ['merge-after-manifest', 'merge-before-remove']

function idAfter(name: LsmFailpoint): number {
  return BEFORE_FLUSH.includes(name) ? 3 : AFTER_MERGE.includes(name) ? 5 : 4
}

for (const name of LSM_FAILPOINTS) {
  test(`C5, C6: a crash at ${name} leaves one checkpoint whole`, () => {
    for (let seed = 0; seed < 40; seed++) {
      const disk = prepared(3)
      const base = openBaseOn(disk, {
        failpoint: (reached) => {
          if (reached === name) throw new PowerLoss(name)
        },
      })
      assert.throws(() => writeTwo(base), PowerLoss)
      assert.throws(() => write(base, 6, []), PowerLoss, 'the base is not written again')
      disk.crash({ seed })
      expectRecovered(disk, [idAfter(name)], `seed ${seed}`)
    }
  })
}

test('every failpoint is reached by a write that starts a merge and the one after it', () => {
  const reached = new Set<string>()
  const base = openBaseOn(prepared(3), { failpoint: (name) => reached.add(name) })
  write(base, 4, changesOf(4))
  settle(base)
  assert.deepEqual([...reached].sort(), [...LSM_FAILPOINTS].sort())
  assert.equal(base.statistics().files, 1)
})

test('C5, C6: a crash while a base is closed that has a merge to name leaves the checkpoint whole', () => {
  const counting = prepared(3)
  const closed = openBaseOn(counting)
  write(closed, 4, changesOf(4))
  const start = counting.operations
  closed.close()
  const total = counting.operations - start
  assert.ok(total >= 4, 'closing names the merge')
  assert.equal(openBaseOn(counting).statistics().files, 1)
  for (let operations = 0; operations <= total; operations++) {
    for (let seed = 0; seed < 20; seed++) {
      const disk = prepared(3)
      const base = openBaseOn(disk)
      write(base, 4, changesOf(4))
      disk.stopAfter(operations)
      try {
        base.close()
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_DISK_IO')
      }
      disk.crash({ seed })
      expectRecovered(disk, [4], `${operations} operations, seed ${seed}`)
    }
  }
})

test('C6: a crash after any operation of the disk leaves the old checkpoint or the new', () => {
  for (const before of [0, 1, 3]) {
    const counting = prepared(before)
    const start = counting.operations
    const base = openBaseOn(counting)
    write(base, before + 1, changesOf(before + 1))
    settle(base)
    const total = counting.operations - start
    assert.ok(total > 8, 'operations are counted')
    let olds = 0
    for (let operations = 0; operations <= total; operations++) {
      for (let seed = 0; seed < 6; seed++) {
        const disk = prepared(before)
        disk.stopAfter(operations)
        let written = false
        try {
          const stopped = openBaseOn(disk)
          write(stopped, before + 1, changesOf(before + 1))
          written = true
          settle(stopped)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_DISK_IO')
        }
        disk.crash({ seed })
        expectRecovered(disk, written ? [before + 1] : [before, before + 1], `${operations} operations, seed ${seed}`)
        if (!written) olds++
      }
    }
    assert.ok(olds > 0)
  }
})

test('C6: what the next process has opened after the end of one stays, though power is lost at any time from then on', () => {
  const before = 3
  const counting = prepared(before)
  const start = counting.operations
  writeTwo(openBaseOn(counting))
  const total = counting.operations - start
  for (let operations = 0; operations <= total; operations++) {
    for (let later = 0; later < 4; later++) {
      for (let seed = 0; seed < 3; seed++) {
        const disk = prepared(before)
        disk.stopAfter(operations)
        try {
          writeTwo(openBaseOn(disk))
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_DISK_IO')
        }
        // Only the process has ended: all that it has written is there, durable or not.
        disk.restart()
        disk.stopAfter(later === 3 ? Number.POSITIVE_INFINITY : later)
        let opened: number | null = null
        try {
          // What its owner has opened, the log is told of, and may forget.
          opened = openBaseOn(disk).id
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_DISK_IO')
        }
        disk.crash({ seed })
        const allowed = [3, 4, 5].filter((id) => opened === null || id >= opened)
        expectRecovered(disk, allowed, `${operations} operations, then ${later}, seed ${seed}`)
      }
    }
  }
})

test('C6: a process that ends at any step of a write leaves the old checkpoint or the new', () => {
  const big = (id: number): Change[] =>
    Array.from({ length: 3000 }, (_, i) => ({ key: key(`k${i}`), value: key(`${id} of ${i}`) }))
  for (let stop = 0; stop < 60; stop += 3) {
    const disk = new MemDisk()
    const base = openBaseOn(disk)
    for (let id = 1; id <= 3; id++) write(base, id, big(id))
    const writing = base.write(4, [], [sortedStore('a', big(4))])
    let done = false
    for (let step = 0; step < stop && !done; step++) done = writing.next().done === true
    const { id } = base
    disk.restart()
    const again = openBaseOn(disk)
    assert.equal(again.id, id)
    const model: Model = new Map()
    applyTo(model, big(id))
    expectSame(again, model)
    const names = again.manifest.files.map((file) => file.name)
    assert.deepEqual(disk.list(DIRECTORY).filter(isFileName), names.sort())
  }
})

test('a write that is given up removes its file, and the next one succeeds', () => {
  const disk = prepared(3)
  const base = openBaseOn(disk)
  const before = disk.list(DIRECTORY)
  const large = Array.from({ length: 5000 }, (_, i) => ({ key: key(`k${i}`), value: key('x'.repeat(100)) }))
  const writing = base.write(4, [], [sortedStore('a', large)])
  for (let i = 0; i < 4; i++) assert.equal(writing.next().done, false)
  assert.equal(disk.list(DIRECTORY).length, before.length + 1)
  writing.return()
  assert.deepEqual(disk.list(DIRECTORY), before)
  expectSame(base, modelOf(3))
  assert.ok(steps(base.write(4, [], [sortedStore('a', changesOf(4))])) > 1)
  expectSame(base, modelOf(4))
})

test('a merge that is given up with the write that does it is done by a later one', () => {
  const many = (id: number): Change[] =>
    Array.from({ length: 3000 }, (_, i) => ({ key: key(`k${i}`), value: key(`${id} of ${i}`) }))
  for (let stop = 0; stop < 40; stop += 3) {
    const disk = new MemDisk()
    const base = openBaseOn(disk)
    for (let id = 1; id <= 3; id++) write(base, id, many(id))
    const writing = base.write(4, [], [sortedStore('a', many(4))])
    while (base.id < 4) writing.next()
    for (let i = 0; i < stop; i++) writing.next()
    writing.return()
    settle(base)
    settle(base)
    assert.equal(base.statistics().files, 1, `after ${stop} steps`)
    assert.deepEqual(disk.list(DIRECTORY).filter(isFileName), [base.manifest.files[0]?.name])
    const model: Model = new Map()
    applyTo(model, many(4))
    expectSame(base, model)
  }
})
