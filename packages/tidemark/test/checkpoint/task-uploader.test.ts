import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import { ObjectCheckpointManager } from '../../src/checkpoint/object-manager.ts'
import type { CheckpointRecord } from '../../src/checkpoint/record.ts'
import { restoreState } from '../../src/checkpoint/state-restore.ts'
import { TaskUploader, type UploadPart } from '../../src/checkpoint/task-uploader.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { TidemarkError } from '../../src/errors/error.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { type LsmBase, openLsmBase } from '../../src/lsm/lsm-base.ts'
import { readRetained } from '../../src/lsm/retained.ts'
import { bytes, type Change, write } from '../lsm/support.ts'
import { HookedStore } from './hooked-store.ts'
import { ROOT, seededRandom, START_MS } from './setting.ts'

const STATE = '/state/7'
const RECORD: CheckpointRecord = { version: 1, atMs: 5, lastDeltaId: 0, inputs: {}, sent: {} }
/** What a record and the test of its place may cost beside the files, bytes. */
const OVERHEAD_BYTES = 20_000

interface World {
  readonly disk: MemDisk
  readonly store: HookedStore
  readonly clock: ManualClock
  readonly uploader: () => TaskUploader
  readonly manager: ObjectCheckpointManager
  readonly base: LsmBase
  readonly keep: (id: number, entries: number) => UploadPart
}

function world(): World {
  const disk = new MemDisk()
  const clock = new ManualClock(START_MS)
  const store = new HookedStore(new FileObjects({ disk, directory: ROOT }))
  const manager = new ObjectCheckpointManager({ store, clock, random: seededRandom() })
  const base = openLsmBase({ disk, directory: STATE, cache: new BlockCache({ capacityBytes: 1_000_000 }) })
  const pause = (): Promise<void> => Promise.resolve()
  const uploader = (): TaskUploader =>
    new TaskUploader({
      manager,
      task: '7',
      disk,
      directory: STATE,
      nowMs: () => clock.monotonicMs(),
      retain: [],
      pause,
    })
  const keep = (id: number, entries: number): UploadPart => {
    write(base, id, entriesOf(id, entries))
    base.retain(id, id)
    return { id, record: { ...RECORD, lastDeltaId: id }, manifest: readRetained(disk, STATE, id) }
  }
  return { disk, store, clock, uploader, manager, base, keep }
}

function entriesOf(id: number, count: number): Change[] {
  return Array.from({ length: count }, (_, i) => ({ key: bytes(`key ${id} ${i}`), value: bytes(`value ${i * id}`) }))
}

describe('uploads cost what has changed', () => {
  test('an upload tells how far it is, in bytes of the files that are not there yet', async () => {
    const { uploader, keep } = world()
    const own = uploader()
    const first = keep(1, 20_000)
    const told: { doneBytes: number; totalBytes: number }[] = []
    const { bytes: uploaded } = await own.upload(first, (progress) => told.push(progress))
    assert.deepEqual(told[0], { doneBytes: 0, totalBytes: uploaded })
    assert.deepEqual(told.at(-1), { doneBytes: uploaded, totalBytes: uploaded })
    assert.ok(told.some(({ doneBytes }) => doneBytes > 0 && doneBytes <= uploaded))
    told.length = 0
    await own.upload({ ...first, id: 2 }, (progress) => told.push(progress))
    assert.deepEqual(told, [{ doneBytes: 0, totalBytes: 0 }])
  })

  test('each checkpoint uploads its new file and a record, whatever is there already', async () => {
    const { store, uploader, keep } = world()
    const mine = uploader()
    const first = keep(1, 20_000)
    assert.deepEqual(await mine.upload(first), { id: 1, files: 1, bytes: first.manifest.files[0]?.sizeBytes ?? 0 })
    assert.ok(store.writtenBytes > 200_000)
    for (let id = 2; id < 5; id++) {
      const before = store.writtenBytes
      const part = keep(id, 10)
      const newest = part.manifest.files[0]?.sizeBytes ?? 0
      assert.deepEqual(await mine.upload(part), { id, files: 1, bytes: newest })
      const cost = store.writtenBytes - before
      assert.ok(cost <= newest + OVERHEAD_BYTES, `${cost} bytes for a change of ${newest}`)
    }
  })

  test('the next owner knows what is there, and nothing is uploaded for a commit that is there', async () => {
    const { store, uploader, keep } = world()
    const part = keep(1, 20_000)
    await uploader().upload(part)
    const next = uploader()
    const before = store.writtenBytes
    await next.claim(1)
    assert.deepEqual(await next.upload(part), { id: 1, files: 0, bytes: 0 })
    assert.equal((await next.upload(keep(2, 10))).files, 1)
    assert.ok(store.writtenBytes - before < OVERHEAD_BYTES)
  })

  test('after an unknown outcome it finds out, and uploads no file twice', async () => {
    const { store, uploader, keep, manager } = world()
    const mine = uploader()
    const part = keep(1, 20_000)
    const lost = new TidemarkError('ERR_OBJECT_STORE_UNKNOWN', 'no answer')
    store.after('size', () => Promise.resolve(store.after('putIfAbsent', () => Promise.reject(lost))))
    await assert.rejects(mine.upload(part), lost)
    const before = store.writtenBytes
    assert.deepEqual(await mine.upload(part), { id: 1, files: 0, bytes: 0 }, 'it had gone through')
    assert.equal((await mine.upload(keep(2, 10))).files, 1)
    assert.ok(store.writtenBytes - before < OVERHEAD_BYTES)
    assert.equal((await manager.list('7')).length, 2)
  })

  test('C5 a file that has gone missing before it was listed is uploaded again', async () => {
    const { store, uploader, keep, disk } = world()
    const mine = uploader()
    const part = keep(1, 100)
    store.after('put', () => {
      for (const name of disk.list(`${ROOT}/7`)) if (name.startsWith('1-')) disk.remove(`${ROOT}/7/${name}`)
      return Promise.resolve()
    })
    await assert.rejects(mine.upload(part), { code: 'ERR_CHECKPOINT_CORRUPT', message: /is missing/ })
    assert.equal((await mine.upload(part)).files, 1)
  })

  test('a damaged file is not uploaded: ERR_STATE_CORRUPT names it', async () => {
    const { uploader, keep, disk, manager } = world()
    const part = keep(1, 1000)
    const path = `${STATE}/${part.manifest.files[0]?.name}`
    const file = disk.open(path, 'write')
    file.write(Uint8Array.of((readFile(disk, path)[100] ?? 0) ^ 1), 100)
    file.close()
    await assert.rejects(uploader().upload(part), { code: 'ERR_STATE_CORRUPT', message: new RegExp(path) })
    assert.deepEqual(await manager.list('7'), [])
  })

  test('C4 an owner that was fenced uploads nothing that counts', async () => {
    const { uploader, keep, manager } = world()
    const [first, second] = [uploader(), uploader()]
    await first.upload(keep(1, 10))
    await second.upload(keep(2, 10))
    await assert.rejects(first.upload(keep(3, 10)), { code: 'ERR_CHECKPOINT_FENCED' })
    assert.equal((await manager.list('7'))[0]?.id, 2)
  })

  test('a place that is ahead of the data directory: ERR_CHECKPOINT_AHEAD', async () => {
    const { uploader, keep } = world()
    await uploader().upload(keep(9, 10))
    await assert.rejects(uploader().claim(8), { code: 'ERR_CHECKPOINT_AHEAD', message: /older copy/ })
  })

  test('C5 clean keeps what the policy says, once in a while, also when the clock goes backwards', async () => {
    const { uploader, keep, manager, clock } = world()
    const mine = uploader()
    for (let id = 1; id < 5; id++) await mine.upload(keep(id, 10))
    await mine.clean()
    assert.equal((await manager.list('7')).length, 4, 'not yet due')
    clock.advance(60_000)
    await mine.clean()
    assert.deepEqual(
      (await manager.list('7')).map(({ id }) => id),
      [4],
    )
    clock.advance(-7_200_000)
    await mine.upload(keep(5, 10))
    await mine.clean()
    assert.deepEqual(
      (await manager.list('7')).map(({ id }) => id),
      [5, 4],
    )
  })
})

describe('restoreState', () => {
  const restored = (from: World, directory: string, committedId: number): Promise<unknown> => {
    const pause = (): Promise<void> => Promise.resolve()
    return restoreState({ manager: from.manager, task: '7', disk: from.disk, directory, committedId, pause })
  }

  test('C8 the state is what it was, in a new directory and in place of another', async () => {
    const from = world()
    await from.uploader().upload(from.keep(1, 500))
    from.keep(2, 500)
    from.base.close()
    for (const directory of ['/state/new', STATE]) {
      await restored(from, directory, 2)
      const cache = new BlockCache({ capacityBytes: 1_000_000 })
      const base = openLsmBase({ disk: from.disk, directory, cache })
      assert.equal(base.id, 1)
      assert.equal(base.approximateCount('a'), 500)
      assert.deepEqual(base.retained(), [])
      base.close()
    }
  })

  test('none that fits: null without any, ERR_CHECKPOINT_NOT_FOUND when all are of later commits', async () => {
    const from = world()
    assert.equal(await restored(from, '/state/new', 5), null)
    await from.uploader().upload(from.keep(6, 10))
    await assert.rejects(restored(from, '/state/new', 5), { code: 'ERR_CHECKPOINT_NOT_FOUND' })
    assert.deepEqual(from.disk.list('/state/new'), [])
  })

  test('C6 C8 a crash at any step leaves the old state, the new one, or none; the next attempt gives the new one', async () => {
    for (let steps = 0; ; steps++) {
      let finished = false
      for (let seed = 0; seed < 4; seed++) {
        const from = world()
        await from.uploader().upload(from.keep(1, 50))
        from.keep(2, 50)
        from.base.close()
        from.disk.stopAfter(steps)
        finished = await restored(from, STATE, 2).then(
          () => true,
          () => false,
        )
        if (seed === 0) from.disk.restart()
        else from.disk.crash({ seed: seed + steps * 10 })
        await restored(from, STATE, 2)
        const cache = new BlockCache({ capacityBytes: 1_000_000 })
        const base = openLsmBase({ disk: from.disk, directory: STATE, cache })
        assert.equal(base.id, 1)
        assert.equal(base.approximateCount('a'), 50)
        base.close()
      }
      if (finished) {
        assert.ok(steps > 15, `a restore takes ${steps} steps`)
        return
      }
    }
  })
})
