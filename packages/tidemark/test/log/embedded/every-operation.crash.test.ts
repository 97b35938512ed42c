import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { FAILPOINTS } from '../../../src/log/embedded/failpoints.ts'
import type { FsyncPolicy } from '../../../src/log/embedded/options.ts'
import { THOROUGH } from '../../thorough.ts'
import { batch, commit, freshLog, openLog, transaction, values } from './harness.ts'
import { openSmall, Workload } from './workload.ts'

/** Runs until the disk stops; returns how many operations a whole life takes. */
function live(disk: MemDisk, workload: Workload, fsync: FsyncPolicy): void {
  try {
    const log = openSmall(disk, { fsync })
    workload.run(log)
    log.close()
  } catch (error) {
    if (!disk.stopped) throw error
  }
}

function countOperations(seed: number, fsync: FsyncPolicy): number {
  const disk = new MemDisk()
  const workload = new Workload(seed)
  const log = openSmall(disk, { fsync })
  workload.run(log)
  assert.equal(workload.check(disk, log), workload.all.length)
  const { journalFiles, segmentFiles } = log.statistics()
  assert.ok(segmentFiles > 6, `rolls: ${segmentFiles} segments`)
  assert.ok(disk.list('/data/journal').length === journalFiles)
  assert.ok(!disk.exists('/data/journal/00000001.journal'), 'the journal was reclaimed')
  log.close()
  return disk.operations
}

function crashEverywhere(
  seed: number,
  fsync: FsyncPolicy,
  crash: (disk: MemDisk, at: number) => void,
  step = 1,
): number {
  const operations = countOperations(seed, fsync)
  for (let at = 1; at < operations; at += step) {
    const disk = new MemDisk()
    const workload = new Workload(seed)
    disk.stopAfter(at)
    live(disk, workload, fsync)
    crash(disk, at)
    try {
      const log = openSmall(disk, { fsync })
      const done = workload.check(disk, log, fsync === 'never')
      workload.run(log, done)
      assert.equal(workload.check(disk, log), workload.all.length)
      log.close()
      const again = openSmall(disk, { fsync })
      assert.equal(workload.check(disk, again), workload.all.length)
    } catch (error) {
      throw new Error(`crash after operation ${at} of ${operations}, seed ${seed}`, { cause: error })
    }
  }
  return operations
}

for (const fsync of ['commit', 'always'] as const) {
  test(`a loss of power after any operation keeps what was acknowledged, whole and once (fsync ${fsync})`, () => {
    const step = THOROUGH || fsync === 'commit' ? 1 : 3
    const operations = crashEverywhere(1, fsync, (disk, at) => disk.crash({ seed: at * 31 }), step)
    assert.ok(operations > 150, `${operations} operations`)
    crashEverywhere(2, fsync, (disk, at) => disk.crash({ seed: at * 17 }), 7)
  })
}

test('an end of the process after any operation keeps what was acknowledged, whole and once', () => {
  crashEverywhere(3, 'commit', (disk) => disk.restart(), 2)
})

test('fsync never: a loss of power leaves a prefix, whole and once; an end of the process loses nothing', () => {
  crashEverywhere(4, 'never', (disk, at) => disk.crash({ seed: at }), 2)
})

test('recovery itself may be cut off at any operation', () => {
  const seed = 5
  const operations = countOperations(seed, 'commit')
  for (let at = 20; at < operations; at += 17) {
    for (let inner = 0; inner < 24; inner += 1 + (at % 2)) {
      const disk = new MemDisk()
      const workload = new Workload(seed)
      disk.stopAfter(at)
      live(disk, workload, 'commit')
      disk.crash({ seed: at })
      disk.stopAfter(inner)
      try {
        openSmall(disk)
      } catch (error) {
        if (!disk.stopped) throw error
      }
      disk.crash({ seed: inner })
      const log = openSmall(disk)
      workload.check(disk, log)
    }
  }
})

for (const name of FAILPOINTS) {
  test(`an end at failpoint ${name}, and a loss of power there, recover to before or after`, () => {
    for (let hit = 1; hit <= 12; hit += 3) {
      for (const power of [false, true]) {
        const disk = new MemDisk()
        const workload = new Workload(hit)
        let hits = 0
        const failpoint = (reached: string): void => {
          if (reached === name && ++hits === hit) throw new Error('killed')
        }
        assert.throws(() => workload.run(openSmall(disk, { failpoint })), /killed/)
        if (power) disk.crash({ seed: hit })
        else disk.restart()
        const log = openSmall(disk)
        const done = workload.check(disk, log)
        if (name === 'journal-before-write') assert.equal(done, workload.acknowledged)
        else if (name === 'journal-torn-write') assert.ok(done < workload.submitted)
        else if (!power || name !== 'journal-before-sync') assert.equal(done, workload.submitted)
        workload.run(log, done)
        assert.equal(workload.check(disk, log), workload.all.length)
      }
    }
  })
}

test('what recovery has found after an end of the process stays, though power is lost at any operation from then on', () => {
  const seed = 6
  const operations = countOperations(seed, 'commit')
  for (let at = 1; at < operations; at += at < 40 ? 1 : 5) {
    for (let inner = THOROUGH ? 0 : at % 2; inner < 16; inner += THOROUGH ? 1 : 2) {
      const disk = new MemDisk()
      const workload = new Workload(seed)
      disk.stopAfter(at)
      live(disk, workload, 'commit')
      disk.restart()
      disk.stopAfter(inner)
      let found = 0
      try {
        found = workload.check(disk, openSmall(disk))
      } catch (error) {
        if (!disk.stopped) throw error
      }
      disk.crash({ seed: at * 16 + inner })
      assert.ok(workload.check(disk, openSmall(disk)) >= found, `operation ${at}, then ${inner}`)
    }
  }
})

test('after fsync never and a loss of power, the log can be strict again: what was cut off bears no false witness', () => {
  const seed = 7
  const operations = countOperations(seed, 'never')
  for (let at = 20; at < operations; at += 5) {
    for (let inner = 1 + (at % 4); inner < 60; inner += THOROUGH ? 1 : 8) {
      const disk = new MemDisk()
      const workload = new Workload(seed)
      disk.stopAfter(at)
      live(disk, workload, 'never')
      disk.crash({ seed: at })
      const log = openSmall(disk)
      const done = workload.check(disk, log, true)
      workload.acknowledged = done
      disk.stopAfter(inner)
      try {
        workload.run(log, done)
      } catch (error) {
        if (!disk.stopped) throw error
      }
      disk.crash({ seed: inner })
      workload.check(disk, openSmall(disk))
    }
  }
})

test('a log that becomes unsynced is not taken for damaged when power is lost', () => {
  for (let seed = 0; seed < 40; seed++) {
    const { disk, log, stream } = freshLog()
    const one = (id: number) => transaction(id, [{ stream: stream.id, partition: 0, bytes: batch([`v${id}`]) }])
    commit(log, one(1))
    log.close()
    const loose = openLog(disk, { fsync: 'never' })
    for (let id = 2; id <= 4; id++) commit(loose, one(id))
    disk.crash({ seed })
    const again = openLog(disk)
    const id = again.producer('p')?.id ?? 0
    assert.ok(id >= 1 && id <= 4)
    assert.deepEqual(values(disk, again, stream), ['v1', 'v2', 'v3', 'v4'].slice(0, id))
  }
})
