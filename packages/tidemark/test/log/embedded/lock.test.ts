import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk, type MemDiskOperation } from '../../../src/disk/mem-disk.ts'
import { CrashRandom } from '../../../src/disk/mem/random.ts'
import type { ProcessTable } from '../../../src/disk/process-table.ts'
import { isTidemarkError } from '../../../src/errors/error.ts'
import { DirectoryLock, lockHolder, releaseAbandonedLock } from '../../../src/log/embedded/lock.ts'
import { openLog, refuses } from './harness.ts'

/** Processes by pid with their start; `pid` is who asks. */
function processes(pid: number, living: Readonly<Record<number, string>>): ProcessTable {
  return { pid, identity: (other) => living[other] ?? null }
}

function newDisk(): MemDisk {
  const disk = new MemDisk()
  disk.makeDirectory('/data')
  return disk
}

test('lock: a second process is refused with the pid of the first, until that one releases it', () => {
  const disk = newDisk()
  const living = { 10: 'a', 11: 'b' }
  const lock = DirectoryLock.acquire(disk, '/data', processes(10, living))
  refuses('ERR_DATA_DIR_LOCKED', ['/data', 'process 10'], () =>
    DirectoryLock.acquire(disk, '/data', processes(11, living)),
  )
  assert.equal(lockHolder(disk, '/data', processes(11, living)), 10)
  lock.release()
  lock.release()
  assert.equal(lockHolder(disk, '/data', processes(11, living)), null)
  DirectoryLock.acquire(disk, '/data', processes(11, living))
  assert.equal(disk.list('/data').length, 1, 'old lock files are removed')
})

test('lock: a second open in the same process is refused', () => {
  const disk = newDisk()
  const table = processes(10, { 10: 'a' })
  const log = openLog(disk, { lock: true, processes: table })
  refuses('ERR_DATA_DIR_LOCKED', ['this process (10)'], () => openLog(disk, { lock: true, processes: table }))
  log.close()
  openLog(disk, { lock: true, processes: table }).close()
})

test('lock: an open that fails releases it', () => {
  const disk = newDisk()
  const table = processes(10, { 10: 'a' })
  openLog(disk, { lock: true, processes: table }).close()
  refuses('ERR_DATA_DIR_OTHER_JOB', [], () => openLog(disk, { lock: true, processes: table, job: 'other' }))
  openLog(disk, { lock: true, processes: table }).close()
})

test('lock: a dead process is followed, also when its pid was given to another one', () => {
  const disk = newDisk()
  DirectoryLock.acquire(disk, '/data', processes(10, { 10: 'a' }))
  DirectoryLock.acquire(disk, '/data', processes(11, { 11: 'b' }))
  // 11 has died; the pid lives again as a process that started at another time.
  DirectoryLock.acquire(disk, '/data', processes(12, { 11: 'c', 12: 'd' }))
  // Where the system tells no start times the pid alone has to do.
  refuses('ERR_DATA_DIR_LOCKED', ['12'], () => DirectoryLock.acquire(disk, '/data', processes(13, { 12: '', 13: '' })))
})

test('lock: a file without a readable holder is from a loss of power, and does not hold', () => {
  const disk = newDisk()
  disk.open('/data/lock.00000007', 'create').close()
  DirectoryLock.acquire(disk, '/data', processes(10, { 10: 'a' }))
  assert.deepEqual(disk.list('/data'), ['lock.00000008'])
})

test('lock: an abandoned lock of this process can be released, that of another cannot', () => {
  const disk = newDisk()
  const living = { 10: 'a', 11: 'b' }
  DirectoryLock.acquire(disk, '/data', processes(10, living))
  releaseAbandonedLock(disk, '/data', processes(11, living))
  assert.equal(lockHolder(disk, '/data', processes(11, living)), 10)
  releaseAbandonedLock(disk, '/data', processes(10, living))
  assert.equal(lockHolder(disk, '/data', processes(11, living)), null)
})

/**
 * Starters that run into each other at every place: whenever one of them is about to change the disk, another one may run
 * in between, wholly, or up to its own change. At most one may ever hold the lock.
 */
test('lock: of any number of starters, however they interleave, one holds the lock', () => {
  const living = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [i + 1, `p${i + 1}`]))
  let contended = 0
  for (let seed = 0; seed < 400; seed++) {
    const disk = newDisk()
    const random = new CrashRandom(seed)
    if (seed % 2 === 0) DirectoryLock.acquire(disk, '/data', processes(99, { 99: 'dead' }))
    const held = new Map<number, DirectoryLock>()
    let next = 1
    let holdersAtOnce = 0
    const start = (): void => {
      const pid = next++
      if (pid > 5) return
      try {
        held.set(pid, DirectoryLock.acquire(disk, '/data', processes(pid, living)))
      } catch (error) {
        if (!isTidemarkError(error, 'ERR_DATA_DIR_LOCKED')) throw error
        contended++
      }
      holdersAtOnce = Math.max(holdersAtOnce, held.size)
      const [holder] = held
      if (holder !== undefined && random.below(3) === 0) {
        held.delete(holder[0])
        holder[1].release()
      }
    }
    disk.onOperation = (_operation: MemDiskOperation) => {
      if (random.below(3) === 0) start()
    }
    start()
    disk.onOperation = null
    assert.ok(holdersAtOnce <= 1, `seed ${seed}: ${holdersAtOnce} holders at once`)
    for (const lock of held.values()) lock.release()
    DirectoryLock.acquire(disk, '/data', processes(6, living))
  }
  assert.ok(contended > 50, `${contended} refusals`)
})
