import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTidemarkError } from '../../../src/errors/error.ts'
import { batch, commit, freshLog, openLog, refuses, spec, transaction, values } from './harness.ts'

const one = (id: number, value = `v${id}`) =>
  transaction(id, [{ stream: 0, partition: 0, bytes: batch([value]) }], { delta: new Uint8Array([id]) })

test('disk full while the journal is written: failed, cut back, and later commits succeed', () => {
  const { disk, log, stream } = freshLog()
  commit(log, one(1))
  const journalBytes = disk.size('/data/journal/00000001.journal')
  for (const errno of ['ENOSPC', 'EDQUOT'] as const) {
    disk.failNext({ operation: 'write', errno, path: 'journal' })
    const results = log.commit([one(2), { ...one(1), producer: 'other' }])
    assert.deepEqual(
      results.map((result) => [result.outcome, result.error?.code]),
      [
        ['failed', 'ERR_DISK_FULL'],
        ['fenced', undefined],
      ],
    )
    assert.equal(disk.size('/data/journal/00000001.journal'), journalBytes)
    assert.deepEqual(values(disk, log, stream), ['v1'])
    assert.equal(log.producer('p')?.id, 1)
  }
  commit(log, one(2, 'after'))
  assert.deepEqual(values(disk, log, stream), ['v1', 'after'])
  disk.crash({ seed: 1 })
  const again = openLog(disk)
  assert.deepEqual(values(disk, again, stream), ['v1', 'after'])
  assert.deepEqual(again.deltas('p', 0), [
    { id: 1, bytes: new Uint8Array([1]) },
    { id: 2, bytes: new Uint8Array([2]) },
  ])
})

test('disk full while the journal is written, then a loss of power: the failed group does not come back', () => {
  for (let seed = 0; seed < 20; seed++) {
    const { disk, log, stream } = freshLog()
    commit(log, one(1))
    disk.failNext({ operation: 'write', errno: 'ENOSPC', path: 'journal' })
    assert.equal(log.commit([one(2), one(3, 'x'.repeat(3000))])[0]?.outcome, 'failed')
    disk.crash({ seed })
    const again = openLog(disk)
    assert.equal(again.producer('p')?.id, 1)
    assert.deepEqual(values(disk, again, stream), ['v1'])
  }
})

test('disk full while segments are written: committed, not visible yet, further commits fail, then all is there', () => {
  const { disk, log, stream } = freshLog()
  commit(log, one(1))
  disk.failNext({ operation: 'write', errno: 'ENOSPC', path: 'streams', times: 3 })
  commit(log, one(2))
  assert.equal(log.caughtUp, false)
  assert.deepEqual(values(disk, log, stream), ['v1'])
  assert.equal(log.producer('p')?.id, 2)
  assert.deepEqual(
    log.commit([one(3)]).map((result) => [result.outcome, result.error?.code]),
    [['failed', 'ERR_DISK_FULL']],
  )
  assert.equal(log.catchUp(), false)
  assert.equal(log.catchUp(), true)
  assert.deepEqual(values(disk, log, stream), ['v1', 'v2'])
  commit(log, one(3))
  assert.deepEqual(values(disk, log, stream), ['v1', 'v2', 'v3'])
})

test('disk full while segments are written, then a loss of power: the committed group is there', () => {
  for (let seed = 0; seed < 20; seed++) {
    const { disk, log, stream } = freshLog()
    commit(log, one(1))
    disk.failNext({ operation: 'write', errno: 'ENOSPC', path: 'streams' })
    commit(log, one(2))
    disk.crash({ seed })
    assert.deepEqual(values(disk, openLog(disk), stream), ['v1', 'v2'])
  }
})

test('disk full for streams, claims, and the switch to a new journal file: refused or put off, nothing changed', () => {
  const { disk, log, stream } = freshLog({ journalMaxBytes: 1200 })
  disk.failNext({ operation: 'write', errno: 'ENOSPC', path: 'journal', times: 2 })
  refuses('ERR_DISK_FULL', ['journal'], () => log.createStream(spec('t')))
  refuses('ERR_DISK_FULL', ['journal'], () => log.claim('p', '{}'))
  assert.deepEqual(log.streams(), [stream])
  assert.equal(log.producer('p')?.epoch, 1)
  disk.failNext({ operation: 'write', errno: 'ENOSPC', path: '00000002.journal.tmp', times: 100 })
  for (let id = 1; id <= 4; id++) commit(log, one(id))
  assert.deepEqual(disk.list('/data/journal'), ['00000001.journal'])
  disk.clearFaults()
  commit(log, one(5))
  assert.deepEqual(disk.list('/data/journal'), ['00000001.journal', '00000002.journal'])
  assert.deepEqual(values(disk, log, stream), ['v1', 'v2', 'v3', 'v4', 'v5'])
})

test('a disk of any small size never loses what was acknowledged, and never shows what failed', () => {
  for (let room = 0; room < 1200; room += 13) {
    const { disk, log, stream } = freshLog()
    disk.capacityBytes = disk.usedBytes + room
    const acknowledged: string[] = []
    for (let turn = 0; turn < 8; turn++) {
      const id = (log.producer('p')?.id ?? 0) + 1
      if (log.commit([one(id, `v${turn}`)])[0]?.outcome === 'committed') acknowledged.push(`v${turn}`)
    }
    disk.capacityBytes = Number.POSITIVE_INFINITY
    assert.equal(log.catchUp(), true)
    assert.deepEqual(values(disk, log, stream), acknowledged)
    commit(log, one((log.producer('p')?.id ?? 0) + 1, 'last'))
    disk.crash({ seed: room })
    assert.deepEqual(values(disk, openLog(disk), stream), [...acknowledged, 'last'], `room ${room}`)
  }
})

for (const errno of ['EIO', 'ENOSPC'] as const) {
  test(`a failed sync (${errno}) is fatal: ERR_DISK_IO, then every call is refused`, () => {
    const { disk, log } = freshLog()
    commit(log, one(1))
    disk.failNext({ operation: 'sync', errno, path: 'journal' })
    refuses('ERR_DISK_IO', ['cannot sync', 'journal', 'log stops'], () => log.commit([one(2)]))
    assert.equal(log.stopped, true)
    for (const call of [
      () => log.commit([one(2)]),
      () => log.commit([]),
      () => log.claim('p', '{}'),
      () => log.createStream(spec('t')),
      () => log.flushed('p', 1),
      () => log.deltas('p', 0),
      () => log.catchUp(),
      () => log.trim(0, 0, 1),
      () => log.applyRetention(),
    ]) {
      refuses('ERR_LOG_CLOSED', ['failed before', 'cannot sync'], call)
    }
    log.close()
  })
}

test('a failed write of the journal or of a segment other than for space is fatal', () => {
  for (const path of ['journal', 'streams']) {
    const { disk, log } = freshLog()
    disk.failNext({ operation: 'write', errno: 'EIO', path })
    refuses('ERR_DISK_IO', [path], () => log.commit([one(1)]))
    refuses('ERR_LOG_CLOSED', [], () => log.commit([one(1)]))
    disk.restart()
    const again = openLog(disk)
    assert.equal(again.producer('p')?.id, path === 'streams' ? 1 : 0, 'committed exactly if the journal has it')
  }
})

test('a failed cut after a full disk is fatal', () => {
  const { disk, log } = freshLog()
  disk.failNext({ operation: 'write', errno: 'ENOSPC', path: 'journal' })
  disk.failNext({ operation: 'truncate', errno: 'EIO', path: 'journal' })
  refuses('ERR_DISK_IO', ['cannot cut back'], () => log.commit([one(1)]))
})

test('a failed sync of a segment before the journal is reclaimed is fatal, and the journal stays', () => {
  const { disk, log } = freshLog({ journalMaxBytes: 1200 })
  disk.failNext({ operation: 'sync', errno: 'ENOSPC', path: 'streams' })
  assert.throws(
    () => {
      for (let id = 1; id <= 8; id++) {
        commit(log, one(id))
        log.flushed('p', id)
      }
    },
    (error) => isTidemarkError(error, 'ERR_DISK_IO') && error.message.includes('cannot sync'),
  )
  assert.ok(disk.exists('/data/journal/00000001.journal'))
})
