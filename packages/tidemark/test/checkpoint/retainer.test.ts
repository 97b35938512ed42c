import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkpointName, checkpointNameMs } from '../../src/checkpoint/checkpoint-name.ts'
import { changesSince, listRetained, recordIds } from '../../src/checkpoint/retained-record.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { emptyLog, KeptTask, readKept, STATE } from './kept-task.ts'

const MINUTE_MS = 60_000
const SETTINGS = { intervalMs: MINUTE_MS, policy: [{ periodMs: MINUTE_MS, forMs: 5 * MINUTE_MS }] }
const START_MS = Date.UTC(2026, 10, 24, 2, 45, 30)

function names(disk: MemDisk): string[] {
  return listRetained(disk, STATE).flatMap((each) => each.names.map(({ checkpoint }) => checkpoint))
}

test('names of checkpoints are times, and back', () => {
  assert.equal(checkpointName(START_MS), '20261124-024530')
  assert.equal(checkpointName(START_MS + 7), '20261124-024530.007')
  for (const ms of [0, START_MS, START_MS + 999]) assert.equal(checkpointNameMs(checkpointName(ms)), ms)
  for (const wrong of ['', '20261124', '20261324-024530', '20261124-024530.7', 'abc']) {
    assert.equal(checkpointNameMs(wrong), null, wrong)
  }
})

test('one a period if there was a commit, the newest always; what the policy lets go is released with its files', () => {
  const disk = new MemDisk()
  const task = new KeptTask(disk, emptyLog(), { nowMs: START_MS, settings: SETTINGS })
  const expected = new Map<number, number>()
  for (let minute = 0; minute < 12; minute++) {
    // In the minutes 3 to 5 nothing happens.
    if (minute < 3 || minute > 5) {
      for (let i = 0; i < 40; i++) task.store.put(`key-${i}`, minute)
      task.commit()
    }
    task.nowMs += MINUTE_MS
    task.keep()
    expected.set(minute, task.retainer.known.length)
  }
  assert.deepEqual(expected.get(0), 1)
  assert.equal(expected.get(2), expected.get(5), 'minutes without a commit keep nothing')
  const kept = listRetained(disk, STATE)
  assert.ok(kept.length >= 5 && kept.length <= 7, `${kept.length} are left`)
  for (const {
    id,
    names: [name],
  } of kept) {
    const minute =
      ((checkpointNameMs(name?.checkpoint ?? '') ?? 0) - Math.floor(START_MS / MINUTE_MS) * MINUTE_MS) / MINUTE_MS - 1
    assert.equal(readKept(disk, id).get('key-7'), minute, `checkpoint ${name?.checkpoint}`)
  }
  const used = new Set(kept.flatMap(({ manifest }) => manifest.files.map(({ name }) => name)))
  const there = disk.list(STATE).filter((name) => name.endsWith('.sorted'))
  assert.ok(there.length <= used.size + task.base.manifest.files.length, 'no file is left that nothing is made of')
  task.state.close()
})

test('requests stay until they are released, also with a policy of nothing; one that changes nothing shares the files', () => {
  const disk = new MemDisk()
  const task = new KeptTask(disk, emptyLog(), { nowMs: START_MS, settings: { intervalMs: 1, policy: [] } })
  task.store.put('a', 1)
  task.commit()
  task.nowMs += 10 * MINUTE_MS
  task.keep()
  assert.deepEqual(names(disk), [], 'a policy of nothing keeps nothing')
  const id = task.keepNamed('20261124-030000', 'manual')
  assert.equal(task.keepNamed('20261124-030001', 'manual'), id)
  assert.deepEqual(names(disk), ['20261124-030000', '20261124-030001'])
  assert.equal(listRetained(disk, STATE).length, 1)
  assert.equal(task.retainer.release('20261124-030000'), true)
  assert.deepEqual(names(disk), ['20261124-030001'])
  assert.equal(readKept(disk, id).get('a'), 1)
  assert.equal(task.retainer.release('20261124-030001'), true)
  assert.equal(task.retainer.release('20261124-030001'), false)
  assert.deepEqual(recordIds(disk, STATE), [])
  task.state.close()
})

test('a task that has committed nothing has nothing to keep, and says so', () => {
  const disk = new MemDisk()
  const task = new KeptTask(disk, emptyLog(), { nowMs: START_MS, settings: SETTINGS })
  assert.equal(task.keepNamed('20261124-030000', 'manual'), 0)
  assert.deepEqual(names(disk), [])
  task.state.close()
})

test('what was kept for a savepoint is given up at the next start (K2)', () => {
  const disk = new MemDisk()
  const log = emptyLog()
  const task = new KeptTask(disk, log, { nowMs: START_MS, settings: SETTINGS })
  task.store.put('a', 1)
  task.commit()
  task.keepNamed('20261124-030000', 'savepoint')
  task.keepNamed('20261124-030001', 'manual')
  assert.deepEqual(names(disk), ['20261124-030000', '20261124-030001'])
  task.state.close()
  const again = new KeptTask(disk, log, { nowMs: START_MS, settings: SETTINGS })
  assert.deepEqual(names(disk), ['20261124-030001'])
  again.state.close()
})

test('changes are counted against the one before that is still retained, also after some went and after a restart', () => {
  const disk = new MemDisk()
  const log = emptyLog()
  const options = { nowMs: START_MS, settings: { intervalMs: MINUTE_MS, policy: [] } }
  const first = new KeptTask(disk, log, options)
  const commit = (task: KeptTask, times: number): void => {
    for (let i = 0; i < times; i++) {
      task.store.put(`key-${i}`, i)
      task.commit()
    }
  }
  const commits = (): number[] => {
    const kept = listRetained(disk, STATE)
    return kept.map((each, index) => changesSince(each, kept[index - 1]).commits)
  }
  commit(first, 2)
  first.keepNamed('20261124-030000', 'manual')
  commit(first, 3)
  first.keepNamed('20261124-030001', 'manual')
  first.retainer.release('20261124-030000')
  commit(first, 4)
  first.keepNamed('20261124-030002', 'manual')
  const before = commits()
  first.retainer.release('20261124-030001')
  const [last] = listRetained(disk, STATE)
  assert.ok(last !== undefined)
  const bytes = log.deltas.reduce((sum, delta) => sum + delta.bytes.length, 0)
  assert.equal(changesSince(last, undefined).changedBytes, bytes)
  const alone = commits()
  // What was committed after the last one that was kept counts after a restart too.
  commit(first, 3)
  first.state.close()

  const again = new KeptTask(disk, log, options)
  commit(again, 1)
  again.keepNamed('20261124-030003', 'manual')
  commit(again, 2)
  again.keepNamed('20261124-030004', 'manual')
  const restarted = commits()
  again.retainer.release('20261124-030003')
  assert.deepEqual([before, alone, restarted, commits()], [[5, 4], [9], [9, 4, 2], [9, 6]])
  again.state.close()
})
