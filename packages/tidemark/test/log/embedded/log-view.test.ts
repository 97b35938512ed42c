import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk } from '../../../src/disk/disk.ts'
import type { MemDisk } from '../../../src/disk/mem-disk.ts'
import { LogView } from '../../../src/log/embedded/log-view.ts'
import {
  batch,
  commit,
  freshLog,
  image,
  openLog,
  refuses,
  restore,
  text,
  transaction,
  untext,
  values,
} from './harness.ts'
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
  const living = { pid: 7, identity: () => 'boot/1' }
  const { disk, log } = freshLog({ journalMaxBytes: 1200, lock: true, processes: living })
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
  const view = LogView.open({ disk: racing, directory: '/data', processes: living })
  assert.ok(id > 3 && (view.producer('p')?.id ?? 0) >= 3)
  races = 1000
  refuses('ERR_LOG_BUSY', ['/data', 'Try again'], () => {
    for (let i = 0; i < 3; i++) view.refresh()
  })
})

test('view: what is missing while no owner lives was lost: ERR_LOG_CORRUPT, as a run says', () => {
  const { disk, log } = freshLog({ journalMaxBytes: 1200, lock: true, processes: { pid: 7, identity: () => 'boot/1' } })
  for (let id = 1; id <= 12; id++) commit(log, transaction(id, [], { delta: text('d'.repeat(100)) }))
  assert.ok(disk.list('/data/journal').length >= 3)
  const view = LogView.open({ disk, directory: '/data', processes: { pid: 8, identity: () => null } })
  disk.remove('/data/journal/00000002.journal')
  refuses('ERR_LOG_CORRUPT', ['00000002.journal', 'is missing'], () => view.deltas('p', 0))
  for (const name of disk.list('/data/journal')) if (name > '00000001') disk.remove(`/data/journal/${name}`)
  for (const name of ['journal', 'format.json']) {
    const { disk: bare, log: other } = freshLog()
    commit(other, transaction(1, [{ stream: 0, partition: 0, bytes: batch(['a']) }]))
    bare.remove(name === 'journal' ? '/data/journal/00000001.journal' : '/data/format.json')
    refuses('ERR_LOG_CORRUPT', [name, 'was removed'], () => open(bare))
    refuses('ERR_LOG_CORRUPT', [name, 'was removed'], () => openLog(bare))
  }
})

test('view: a journal that was cut short is found by the batches behind its end; of an owner at work it is no sign', () => {
  const { disk, log, stream } = freshLog({ lock: true, processes: { pid: 7, identity: () => 'boot/1' } })
  const sizes: number[] = []
  for (const value of ['a', 'b', 'c']) {
    sizes.push(disk.size('/data/journal/00000001.journal'))
    commit(log, transaction(sizes.length, [{ stream: 0, partition: 0, bytes: batch([value]) }]))
  }
  for (const size of [sizes[2] as number, (sizes[1] as number) + 5]) {
    const cut = restore(image(disk))
    cut.open('/data/journal/00000001.journal', 'write').truncate(size)
    const nobody = { pid: 8, identity: () => null }
    refuses('ERR_LOG_CORRUPT', ['00000000000000000000.log', 'offset', 'journal is damaged'], () =>
      LogView.open({ disk: cut, directory: '/data', processes: nobody }),
    )
    refuses('ERR_LOG_CORRUPT', ['00000000000000000000.log'], () => openLog(cut))
    // An owner writes segments after the journal: what a view has not read of the journal may be in them already.
    const living = { pid: 8, identity: () => 'boot/1' }
    const view = LogView.open({ disk: cut, directory: '/data', processes: living })
    assert.ok(values(cut, view, stream).length < 3)
  }
  // What nothing bears witness of was never durable, as far as anyone can know.
  const torn = restore(image(disk))
  torn.open('/data/journal/00000001.journal', 'write').truncate((sizes[2] as number) + 5)
  torn.open('/data/streams/s/0/00000000000000000000.log', 'write').truncate(2 * batch(['a']).length)
  assert.deepEqual(values(torn, open(torn), stream), ['a', 'b'])
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
