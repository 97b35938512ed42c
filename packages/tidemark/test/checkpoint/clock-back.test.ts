import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkpointNameMs } from '../../src/checkpoint/checkpoint-name.ts'
import { listRetained } from '../../src/checkpoint/retained-record.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { TaskClock } from '../../src/store/task-clock.ts'
import { emptyLog, KeptTask, readKept, STATE } from './kept-task.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SETTINGS = { intervalMs: MINUTE_MS, policy: [{ periodMs: MINUTE_MS, forMs: 10 * MINUTE_MS }] }
const START_MS = Date.UTC(2026, 10, 24, 2, 45, 30)

function minutesKept(disk: MemDisk): number[] {
  return listRetained(disk, STATE)
    .flatMap(({ names }) => names.map(({ checkpoint }) => checkpointNameMs(checkpoint) ?? Number.NaN))
    .map((ms) => Math.floor((ms - START_MS) / MINUTE_MS) + 1)
}

test('K1: the clock is set back by an hour: one checkpoint a minute goes on, in order, by names of their own', () => {
  const clock = new ManualClock(START_MS)
  const disk = new MemDisk()
  const log = emptyLog()
  const options = { nowMs: clock.now(), settings: SETTINGS, monotonicMs: () => clock.monotonicMs() }
  let task = new KeptTask(disk, log, options)
  let jumped = false
  for (let minute = 1; minute <= 8; minute++) {
    if (minute === 4) {
      clock.jump(-HOUR_MS)
      jumped = true
    }
    if (minute === 6) {
      // A restart while the clock is behind.
      task.state.close()
      task = new KeptTask(disk, log, { ...options, nowMs: clock.now() })
    }
    task.store.put('minute', minute)
    task.commit()
    clock.advance(MINUTE_MS)
    task.nowMs = clock.now()
    task.keep()
  }
  assert.ok(jumped && clock.now() < START_MS)
  const kept = listRetained(disk, STATE)
  // After the restart it takes a minute until the next period begins: what was committed in it comes with the next one.
  assert.ok(kept.length >= 7, `${kept.length} checkpoints are kept`)
  const names = kept.flatMap((each) => each.names.map(({ checkpoint }) => checkpoint))
  assert.equal(new Set(names).size, names.length, 'no name twice')
  assert.deepEqual(names, names.toSorted(), 'in order of their commits')
  assert.deepEqual(
    minutesKept(disk),
    minutesKept(disk).toSorted((a, b) => a - b),
  )
  assert.deepEqual(
    kept.map(({ atMs }) => atMs),
    kept.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
  )
  for (const { id } of kept) assert.equal(readKept(disk, id).get('minute'), id, 'each is the state of its commit')
  task.state.close()
})

test('the clock is set forth and back again: nothing that is young is given up for it', () => {
  const clock = new ManualClock(START_MS)
  const disk = new MemDisk()
  const options = { nowMs: clock.now(), settings: SETTINGS, monotonicMs: () => clock.monotonicMs() }
  const task = new KeptTask(disk, emptyLog(), options)
  const round = (value: number): void => {
    task.store.put('n', value)
    task.commit()
    clock.advance(MINUTE_MS)
    task.nowMs = clock.now()
    task.keep()
  }
  for (let i = 1; i <= 3; i++) round(i)
  clock.jump(-HOUR_MS)
  for (let i = 4; i <= 6; i++) round(i)
  clock.jump(HOUR_MS)
  for (let i = 7; i <= 9; i++) round(i)
  assert.equal(listRetained(disk, STATE).length, 9)
  for (let i = 10; i <= 25; i++) round(i)
  const left = listRetained(disk, STATE).length
  assert.ok(left >= 10 && left <= 12, `${left} are left of ten minutes`)
  task.state.close()
})

test('S2: processing time of a task does not go back with the machine’s clock, nor over a restart', () => {
  const clock = new ManualClock(START_MS)
  const first = new TaskClock()
  first.sampleProcessing(clock.now())
  clock.jump(-HOUR_MS)
  clock.advance(MINUTE_MS)
  first.sampleProcessing(clock.now())
  assert.equal(first.processingMs, START_MS)
  const again = new TaskClock(first.read())
  again.sampleProcessing(clock.now())
  assert.equal(again.processingMs, START_MS, 'what had ended does not come back')
  clock.jump(2 * HOUR_MS)
  again.sampleProcessing(clock.now())
  assert.equal(again.processingMs, START_MS + HOUR_MS + MINUTE_MS)
})
