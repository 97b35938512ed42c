import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../../src/disk/disk.ts'
import type { MemDisk } from '../../../src/disk/mem-disk.ts'
import { LogView } from '../../../src/log/embedded/log-view.ts'
import { batch, commit, freshLog, image, openLog, refuses, text, transaction, untext, values } from './harness.ts'
import { openSmall, Workload } from './workload.ts'
import { MemDisk as Disks } from '../../../src/disk/mem-disk.ts'

const open = (disk: Disk): LogView => LogView.open({ disk, directory: '/data' })

test('view: sees streams, producers, deltas and records, and changes nothing', () => {
  const { disk, log, stream } = freshLog()
  commit(log, transaction(1, [{ stream: 0, partition: 0, bytes: batch(['a']) }], { delta: text('d1') }))
  const before = image(disk)
  const operations = disk.operations
  const view = open(disk)
  assert.equal(view.job, 'job')
  assert.deepEqual(view.streams(), [stream])
  assert.deepEqual(view.stream('s'), stream)
  assert.deepEqual(view.producers(), log.producers())
  assert.equal(untext(view.producer('p')?.checkpoint ?? text('')), 'checkpoint 1')
  assert.deepEqual(view.deltas('p', 0), [{ id: 1, bytes: text('d1') }])
  assert.deepEqual(view.deltas('nobody', 0), [])
  assert.deepEqual(values(disk, view, stream), ['a'])
  assert.equal(view.ownerPid({ pid: 1, identity: () => null }), null)
  assert.equal(disk.operations, operations, 'nothing was written')
  assert.deepEqual(image(disk), before)
})

test('view: stays as it is until refreshed, readers too', () => {
  const { disk, log, stream } = freshLog()
  commit(log, transaction(1, [{ stream: 0, partition: 0, bytes: batch(['a']) }], { delta: text('d1') }))
  const view = open(disk)
  const reader = view.reader(stream, 0)
  assert.equal(reader.read(1000)?.end, 1)
  commit(log, transaction(2, [{ stream: 0, partition: 0, bytes: batch(['b']) }], { delta: text('d2') }))
  assert.equal(reader.read(1000), null)
  assert.equal(view.producer('p')?.id, 1)
  assert.deepEqual(
    view.deltas('p', 0).map((delta) => delta.id),
    [1],
  )
  view.refresh()
  assert.equal(reader.read(1000)?.start, 1)
  assert.equal(view.producer('p')?.id, 2)
  assert.equal(view.deltas('p', 0).length, 2)
})

test('view: after an end of the owner in the middle of a commit it shows whole batches only', () => {
  for (const name of ['journal-torn-write', 'journal-after-sync', 'segments-partial', 'before-publish']) {
    const { disk, log, stream } = freshLog()
    commit(log, transaction(1, [{ stream: 0, partition: 0, bytes: batch(['a']) }]))
    log.close()
    const failpoint = (reached: string): void => {
      if (reached === name) throw new Error('killed')
    }
    const doomed = openLog(disk, { failpoint })
    doomed.claim('p', '{}')
    const appends = ['b', 'c'].map((value) => ({ stream: 0, partition: 0, bytes: batch([value]) }))
    assert.throws(() => doomed.commit([transaction(2, appends, { epoch: 2 })]), /killed/)
    disk.restart()
    const view = open(disk)
    const expected = name === 'before-publish' ? ['a', 'b', 'c'] : ['a']
    assert.deepEqual(values(disk, view, stream), expected, name)
  }
})

test('view: at any operation of an owner at work, it sees a state that was', () => {
  const disk = new Disks()
  const workload = new Workload(11)
  let looks = 0
  let last = 0
  disk.onOperation = () => {
    if (!disk.exists('/data/format.json') || disk.list('/data/journal').every((name) => !name.endsWith('l'))) return
    const view = open(disk)
    let seen = 0
    for (const producer of view.producers()) seen += producer.id
    assert.ok(seen >= last, 'never backwards')
    last = seen
    for (const stream of view.streams()) {
      for (let partition = 0; partition < stream.partitions; partition++) values(disk, view, stream, partition)
    }
    for (const producer of view.producers()) view.deltas(producer.producer, producer.id)
    looks++
  }
  workload.run(openSmall(disk))
  assert.equal(last, workload.all.length)
  assert.ok(looks > 100)
})

test('view: looks again when the owner removes a journal file under it; gives up with ERR_LOG_BUSY', () => {
  const { disk, log } = freshLog({ journalMaxBytes: 1200 })
  const step = (id: number): void => {
    commit(log, transaction(id, [], { delta: text('d'.repeat(400)) }))
    log.flushed('p', id)
  }
  for (let id = 1; id <= 3; id++) step(id)
  let id = 3
  let races = 1
  // The owner goes on, and reclaims, after the view has listed the files and before it opens one.
  const racing: Disk = racingDisk(disk, () => {
    if (races-- > 0) step(++id)
  })
  const view = open(racing)
  assert.ok(id > 3 && (view.producer('p')?.id ?? 0) >= 3)
  races = 1000
  refuses('ERR_LOG_BUSY', ['/data', 'Try again'], () => {
    for (let i = 0; i < 3; i++) view.refresh()
  })
})

/** Runs `race` after each listing of the journal. */
function racingDisk(disk: MemDisk, race: () => void): Disk {
  return Object.assign(Object.create(disk) as Disk, {
    open: (path: string, mode: 'read' | 'write' | 'create') => disk.open(path, mode),
    exists: (path: string) => disk.exists(path),
    size: (path: string) => disk.size(path),
    list: (path: string) => {
      const names = disk.list(path)
      if (path.endsWith('/journal')) race()
      return names
    },
  })
}

test('view: a damaged journal is reported, not waited for', () => {
  const { disk, log } = freshLog()
  for (let id = 1; id <= 3; id++) commit(log, transaction(id, []))
  const size = disk.size('/data/journal/00000001.journal')
  disk.open('/data/journal/00000001.journal', 'write').write(new Uint8Array([9]), size - 150)
  refuses('ERR_LOG_CORRUPT', ['00000001.journal'], () => open(disk))
})
