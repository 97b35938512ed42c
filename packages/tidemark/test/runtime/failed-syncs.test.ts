import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import { type Lineage, writeLineage } from '../../src/checkpoint/lineage.ts'
import { encodeCheckpoint } from '../../src/checkpoint/record.ts'
import { writeRetainedRecord } from '../../src/checkpoint/retained-record.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { MemDisk, type MemDiskOperation } from '../../src/disk/mem-disk.ts'
import { isSyncFailure } from '../../src/disk/os-error.ts'
import { writePlaces } from '../../src/engines/placement.ts'
import type { Plan } from '../../src/dsl/plan.ts'
import type { LogHost } from '../../src/log/embedded/log-host.ts'
import { Uploads } from '../../src/runtime/uploads.ts'
import { KeptTask, emptyLog, STATE } from '../checkpoint/kept-task.ts'
import { key, openBaseOn, write, type Change } from '../lsm/support.ts'

const SYNCS = ['sync', 'syncDirectory'] as const

/** Does `work` with its n-th sync of a kind failed, for each n: it throws that, and syncs nothing afterwards. */
function failEach(prepare: () => { readonly disk: MemDisk; readonly work: () => unknown }): number {
  let failures = 0
  for (const operation of SYNCS) {
    for (let skip = 0; ; skip++) {
      const { disk, work } = prepare()
      disk.failNext({ operation, errno: 'EIO', skip })
      const syncs: MemDiskOperation[] = []
      disk.onOperation = (each) => {
        if (each === 'sync' || each === 'syncDirectory') syncs.push(each)
      }
      let error: unknown = null
      try {
        work()
      } catch (thrown) {
        error = thrown
      }
      if (error === null) break
      assert.ok(isSyncFailure(error), `${operation} ${skip}: ${inspect(error)}`)
      assert.equal(syncs.at(-1), operation, 'the one that failed is the last')
      assert.equal(syncs.filter((each) => each === operation).length, skip + 1)
      failures++
    }
  }
  return failures
}

function changesOf(id: number): Change[] {
  return Array.from({ length: 50 }, (_, i) => ({ key: key(`k${i}`), value: key(`${id}`) }))
}

describe('a failed sync is a crash of its writer, never a retry (C6)', () => {
  test('flush and manifest: the base throws it, and every later write throws it without touching the disk', () => {
    let failures = 0
    for (const operation of SYNCS) {
      for (let skip = 0; ; skip++) {
        const disk = new MemDisk()
        const base = openBaseOn(disk)
        write(base, 1, changesOf(1))
        disk.failNext({ operation, errno: 'EIO', skip })
        try {
          write(base, 2, changesOf(2))
          break
        } catch (error) {
          assert.ok(isSyncFailure(error))
          failures++
        }
        const before = disk.operations
        for (let i = 0; i < 3; i++) assert.throws(() => write(base, 2, changesOf(2)), { code: 'ERR_DISK_IO' })
        base.close()
        assert.equal(disk.operations, before, 'nothing is written or synced any more')
        disk.crash({ seed: skip })
        const again = openBaseOn(disk)
        assert.ok(again.id === 1 || again.id === 2)
        again.close()
      }
    }
    assert.ok(failures >= 4, `${failures} syncs of a flush`)
  })

  test('a retained checkpoint: manifest, record, and giving up', () => {
    const settings = { intervalMs: 1, policy: [] }
    const prepare = (): { disk: MemDisk; task: KeptTask } => {
      const disk = new MemDisk()
      const task = new KeptTask(disk, emptyLog(), { nowMs: 1, settings })
      task.store.put('a', 1)
      task.commit()
      return { disk, task }
    }
    const failures = failEach(() => {
      const { disk, task } = prepare()
      return { disk, work: () => task.keepNamed('one', 'manual') }
    })
    assert.ok(failures >= 6, `${failures} syncs`)
    const released = failEach(() => {
      const { disk, task } = prepare()
      task.keepNamed('one', 'manual')
      return { disk, work: () => task.base.release(1) }
    })
    assert.ok(released >= 1)
  })

  test('a record of a retained checkpoint, the lineage, the file of places', () => {
    const lineage: Lineage = { id: 'l', number: 1, from: null, atMs: 1 }
    const record = {
      names: [{ checkpoint: 'c', kind: 'manual' as const }],
      id: 1,
      atMs: 1,
      commits: 1,
      changedBytes: 1,
    }
    const writers: readonly ((disk: MemDisk) => void)[] = [
      (disk) => writeRetainedRecord(disk, STATE, { ...record, record: { version: 1 } } as never),
      (disk) => writeLineage(disk, STATE, { dataId: 'd', current: lineage, pending: null, older: [] }),
      (disk) => writePlaces(disk, STATE, new Map([['a', 'rocksdb']])),
    ]
    for (const [i, writer] of writers.entries()) {
      const failures = failEach(() => {
        const disk = new MemDisk()
        disk.makeDirectory(STATE)
        return { disk, work: () => writer(disk) }
      })
      assert.equal(failures, 2, `writer ${i}: of the file, and of its name`)
    }
  })

  test('objects of a directory: a file, bytes, a record in its slot', async () => {
    const puts: readonly ((objects: FileObjects) => Promise<unknown>)[] = [
      (objects) => objects.put('t/f', { kind: 'bytes', bytes: key('content') }),
      (objects) => objects.put('t/f', { kind: 'file', path: '/from', sizeBytes: 7 }),
      (objects) => objects.putIfAbsent('t/c-1', key('record'), 't/tmp-1'),
    ]
    for (const [i, put] of puts.entries()) {
      let failures = 0
      for (const operation of SYNCS) {
        for (let skip = 0; ; skip++) {
          const disk = new MemDisk()
          const from = disk.open('/from', 'create')
          from.write(key('content'), 0)
          from.close()
          disk.failNext({ operation, errno: 'EIO', skip })
          const error = await put(new FileObjects({ disk, directory: '/place' })).then(
            () => null,
            (thrown: unknown) => thrown,
          )
          if (error === null) break
          assert.ok(isSyncFailure(error), inspect(error))
          failures++
        }
      }
      assert.ok(failures >= 3, `put ${i}: ${failures} syncs`)
    }
  })

  test('uploads: the run ends, and no round begins any more; a full disk is only told and tried again', async () => {
    for (const errno of ['EIO', 'ENOSPC'] as const) {
      const disk = new MemDisk()
      const base = openBaseOn(disk, { directory: '/data/state/0' })
      write(base, 1, changesOf(1))
      base.retain(1, 1)
      const record = { version: 1 as const, atMs: 1, lastDeltaId: 1, inputs: {}, sent: {} }
      const clock = new ManualClock(1000)
      const failed: Error[] = []
      const warned: string[] = []
      let flushed = 0
      let asked = 0
      const host = {
        directory: '/data',
        flushed: async () => void flushed++,
        statistics: async () => ({ journalBytes: 0 }),
        producer: async () => ({ id: 1, checkpoint: encodeCheckpoint(record), producer: 'p' }),
      } as unknown as LogHost
      const uploads = new Uploads({
        plan: { job: 'j', tasks: 1, topology: { nodes: [] } } as unknown as Plan,
        settings: { engine: 'lsm', storeEngines: {}, retention: { intervalMs: 60_000, policy: [] } },
        lineage: { id: 'l', number: 1, from: null, atMs: 1 },
        uploads: { to: pathToFileURL('/place').href, intervalMs: 10, repair: false, maxJournalBytes: 1e9 },
        host,
        containers: {
          ask: async () => {
            asked++
            return [{ task: 0, id: 1, record }] as never
          },
          tell: async () => {},
        },
        disk,
        clock,
        random: () => 0.5,
        failpoint: () => {},
        onFailed: (error) => {
          failed.push(error)
          uploads.close(error)
        },
        onWarning: (text) => warned.push(text),
        onRestore: undefined,
      })
      disk.failNext({ operation: 'sync', errno, path: '/place' })
      uploads.start()
      const turns = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          await new Promise((resolve) => setImmediate(resolve))
          clock.advance(1)
        }
      }
      await turns(400)
      if (errno === 'EIO') {
        assert.deepEqual([failed.length, asked, flushed], [1, 1, 0])
        assert.ok(isSyncFailure(failed[0]))
      } else {
        assert.equal(failed.length, 0)
        assert.match(warned[0] ?? '', /no space is left/)
        assert.ok(asked > 1 && flushed > 0, 'the next round has uploaded it')
        uploads.close(new Error('the end'))
      }
      base.close()
    }
  })
})
