import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RestoreStatus } from '../../src/api/app.ts'
import { RestoreLog, restoreText } from '../../src/runtime/restore-log.ts'
import { UploadRounds } from '../../src/runtime/upload-round.ts'

const MIB = 1024 * 1024

function progress(doneMib: number, loadedMib: number, totalMib: number): Parameters<RestoreLog['progress']>[1] {
  return { doneBytes: doneMib * MIB, loadedBytes: loadedMib * MIB, totalBytes: totalMib * MIB }
}

test('all tasks together: bytes, the rate of this attempt, and the time that is left', () => {
  let now = 1000
  const told: RestoreStatus[] = []
  const log = new RestoreLog({
    from: 's3://bucket/x',
    nowMs: () => now,
    say: () => assert.fail('whoever is told needs no lines'),
    onStatus: (status) => told.push(status),
  })
  assert.equal(log.status(), null)
  log.begin(0)
  log.begin(3)
  now += 2000
  // Half of task 3 was here before.
  log.progress(0, progress(10, 10, 100))
  log.progress(3, progress(60, 10, 100))
  assert.deepEqual(log.status(), {
    from: 's3://bucket/x',
    tasks: 2,
    tasksDone: 0,
    doneBytes: 70 * MIB,
    totalBytes: 200 * MIB,
    bytesPerSecond: 10 * MIB,
    remainingMs: 13_000,
  })
  log.end(3)
  assert.equal(told.length, 3)
  const [last] = told.slice(-1)
  assert.ok(last !== undefined && last.tasksDone === 1 && last.doneBytes === 110 * MIB)
  assert.equal(restoreText(last), 'restoring: 55% of 200.0 MiB, 10.0 MiB/s, 9 s left, 1 of 2 tasks done')
  log.end(0)
  now += 3000
  assert.deepEqual(log.status(), told.at(-1), 'what is over goes on being told as it ended')
})

test('without anybody who is told, a line is said every five seconds', () => {
  let now = 0
  const lines: string[] = []
  const log = new RestoreLog({ from: '/savepoint', nowMs: () => now, say: (line) => lines.push(line) })
  log.begin(1, 100 * MIB)
  for (let second = 1; second <= 12; second++) {
    now = second * 1000
    log.add(1, 5 * MIB, true)
  }
  assert.deepEqual(lines, [
    'restoring: 25% of 100.0 MiB, 5.0 MiB/s, 15 s left, 0 of 1 tasks done',
    'restoring: 50% of 100.0 MiB, 5.0 MiB/s, 10 s left, 0 of 1 tasks done',
  ])
})

test('uploads of a round are told together, while there is something to upload', () => {
  let now = 0
  const rounds = new UploadRounds(() => now)
  assert.equal(rounds.status(), null)
  rounds.begin()
  rounds.progress(0, { doneBytes: 0, totalBytes: 0 })
  assert.equal(rounds.status(), null)
  now = 1000
  rounds.progress(1, { doneBytes: 2 * MIB, totalBytes: 10 * MIB })
  assert.deepEqual(rounds.status(), {
    doneBytes: 2 * MIB,
    totalBytes: 10 * MIB,
    bytesPerSecond: 2 * MIB,
    remainingMs: 4000,
  })
  rounds.end()
  assert.equal(rounds.status(), null)
})
