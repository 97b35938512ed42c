import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readFile, replaceFile } from '../../src/disk/disk.ts'
import { ManualClock } from '../../src/clock/clock.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { RestoreProgress } from '../../src/checkpoint/manager.ts'
import { restoredCheckpoint } from '../../src/checkpoint/restore-files.ts'
import { encodeFramed } from '../../src/checkpoint/framed-file.ts'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import { ObjectCheckpointManager } from '../../src/checkpoint/object-manager.ts'
import { slotName } from '../../src/checkpoint/object-names.ts'
import { TidemarkError } from '../../src/errors/error.ts'
import { HookedStore } from './hooked-store.ts'
import {
  bytesOf,
  commit,
  DIRECTORY,
  expectRestores,
  makeSetting,
  ROOT,
  START_MS,
  TASK,
  type Setting,
} from './setting.ts'

const FENCED = { code: 'ERR_CHECKPOINT_FENCED' }
const CORRUPT = { code: 'ERR_CHECKPOINT_CORRUPT' }
const HOUR_MS = 3_600_000

function idsOf(checkpoints: readonly { readonly id: number }[]): number[] {
  return checkpoints.map(({ id }) => id)
}

/** Flips one bit of a file. */
function damage({ disk }: Setting, path: string, at: number): void {
  const bytes = readFile(disk, path)
  const file = disk.open(path, 'write')
  file.write(Uint8Array.of((bytes[at] ?? assert.fail('beyond the end')) ^ 1), at)
  file.close()
}

describe('createCheckpoint', () => {
  test('makes a checkpoint that lists and restores', async () => {
    const { manager } = makeSetting()
    const { epoch, newest } = await manager.claim(TASK)
    assert.equal(epoch, 1)
    assert.equal(newest, null)
    const first = await commit(manager, { epoch, previousId: 0 })
    const second = await commit(manager, { epoch, previousId: 1 }, first.files)
    assert.equal(second.atMs, START_MS)
    assert.equal(second.savepoint, false)
    assert.deepEqual(await manager.list(TASK), [second, first])
    await expectRestores(manager, 1)
    await expectRestores(manager, 2)
  })

  test('names files <epoch>-<seq>-<time>-<random>, with size and checksum', async () => {
    const { manager } = makeSetting()
    await manager.claim(TASK)
    const file = await manager.writeFile(TASK, 1, bytesOf('123456789'))
    assert.match(file.name, /^1-\d+-[0-9a-z]+-[0-9a-z]+$/)
    assert.equal(file.sizeBytes, 9)
    assert.equal(file.checksum, 0xcbf43926, 'the check value of CRC-32')
  })

  test('refuses an id that is not above the one before', async () => {
    const { manager } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    await commit(manager, { epoch, previousId: 0 })
    for (const id of [1, 0, 1.5, Number.NaN]) {
      const draft = { id, files: [], record: bytesOf('') }
      await assert.rejects(manager.createCheckpoint(TASK, draft, { epoch, previousId: 1 }), { code: 'ERR_OPTION' })
    }
  })

  test('refuses to list a file that is missing or has another size', async () => {
    const { manager } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    const file = await manager.writeFile(TASK, epoch, bytesOf('abc'))
    for (const wrong of [
      { ...file, name: '1-9-9-9' },
      { ...file, sizeBytes: 4 },
    ]) {
      const draft = { id: 1, files: [wrong], record: bytesOf('') }
      await assert.rejects(manager.createCheckpoint(TASK, draft, { epoch, previousId: 0 }), CORRUPT)
    }
    assert.deepEqual(await manager.list(TASK), [])
  })

  test('C7 a commit that fails leaves the one before it, and the owner goes on from there', async () => {
    const { manager, disk } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    await commit(manager, { epoch, previousId: 0 })
    disk.failNext({ operation: 'write', errno: 'ENOSPC', skip: 1 })
    await assert.rejects(commit(manager, { epoch, previousId: 1 }), { code: 'ERR_DISK_FULL' })
    assert.deepEqual(idsOf(await manager.list(TASK)), [1])
    await expectRestores(manager, 1)
    await commit(manager, { epoch, previousId: 1 })
    await expectRestores(manager, 2)
  })

  test('refuses task names that cannot be directories', async () => {
    const { manager } = makeSetting()
    for (const name of ['', '..', '.', 'a/b', '../a', 'a\\b', 'ä']) {
      await assert.rejects(manager.claim(name), { code: 'ERR_CHECKPOINT_TASK' }, name)
    }
  })
})

describe('fencing', () => {
  test('C4 nobody writes without a claim', async () => {
    const { manager, disk } = makeSetting()
    disk.makeDirectory(DIRECTORY)
    await assert.rejects(commit(manager, { epoch: 0, previousId: 0 }), FENCED)
    await assert.rejects(commit(manager, { epoch: 1, previousId: 0 }), FENCED)
  })

  test('C4 a claim fences the owner before, and hands its newest checkpoint over', async () => {
    const { manager, other } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    const first = await commit(manager, { epoch, previousId: 0 })
    const second = other()
    const claim = await second.claim(TASK)
    assert.equal(claim.epoch, 2)
    assert.deepEqual(claim.newest, first)
    await assert.rejects(commit(manager, { epoch, previousId: 1 }), FENCED)
    await assert.rejects(manager.retire(TASK, epoch), FENCED)
    await assert.rejects(manager.collectOrphans(TASK, epoch), FENCED)
    await commit(second, { epoch: 2, previousId: 1 }, first.files)
    assert.deepEqual(idsOf(await second.list(TASK)), [2, 1])
  })

  test('C4 a writer that is wrong about the newest checkpoint is fenced', async () => {
    const { manager } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    await commit(manager, { epoch, previousId: 0 })
    await assert.rejects(commit(manager, { epoch, previousId: 0 }), FENCED)
    await assert.rejects(commit(manager, { epoch, previousId: 2 }), FENCED)
  })

  test('C4 of two that claim at the same time one is fenced', async () => {
    const { manager, other, store } = makeSetting()
    const winner = other()
    store.before('putIfAbsent', () => winner.claim(TASK))
    await assert.rejects(manager.claim(TASK), FENCED)
    await commit(winner, { epoch: 1, previousId: 0 })
  })

  test('C4 a claim between the look and the write of a commit fences it', async () => {
    const { manager, other, store } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    store.before('putIfAbsent', () => other().claim(TASK))
    await assert.rejects(commit(manager, { epoch, previousId: 0 }), FENCED)
    assert.deepEqual(await manager.list(TASK), [])
  })

  for (const dies of [false, true]) {
    const how = dies ? 'dies before it looks' : 'is fenced'
    test(`C4 an owner that sleeps until its slot is free again ${how}: what it wrote means nothing`, async () => {
      const setting = makeSetting()
      const { disk, clock, other } = setting
      const store = new HookedStore(new FileObjects({ disk, directory: ROOT }))
      // Its clock is ahead, else its temporary file would be collected as well.
      const ahead = new ManualClock(START_MS + 10 * HOUR_MS)
      const sleeper = new ObjectCheckpointManager({ store, clock: ahead, random: () => 0.5 })
      await sleeper.claim(TASK)
      await commit(sleeper, { epoch: 1, previousId: 0 })
      store.before('putIfAbsent', () => overtake(setting))
      const death = new TidemarkError('ERR_DISK_IO', 'the process dies')
      if (dies) store.after('putIfAbsent', () => Promise.reject(death))
      await assert.rejects(commit(sleeper, { epoch: 1, previousId: 1 }), dies ? death : FENCED)
      assert.ok(disk.exists(`${DIRECTORY}/${slotName(3)}`), 'the slot was free, and the sleeper took it')
      assert.deepEqual(idsOf(await setting.manager.list(TASK)), [3])
      clock.advance(20 * HOUR_MS)
      await other().collectOrphans(TASK, 3)
      assert.ok(!disk.exists(`${DIRECTORY}/${slotName(3)}`), 'collected')
      assert.deepEqual(idsOf(await setting.manager.list(TASK)), [3])
    })
  }

  test('C4 an owner that sleeps until its temporary file is collected is fenced', async () => {
    const { manager, disk } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    disk.onOperation = (operation) => {
      if (operation !== 'link') return
      disk.onOperation = null
      const temporary = disk.list(DIRECTORY).find((name) => name.startsWith('tmp-')) ?? assert.fail('it is there')
      disk.remove(`${DIRECTORY}/${temporary}`)
    }
    await assert.rejects(commit(manager, { epoch, previousId: 0 }), FENCED)
    assert.deepEqual(await manager.list(TASK), [])
  })

  test('C4 an earlier write of the owner itself that lands late is told apart from another owner', async () => {
    const { manager, store } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    const lost = new TidemarkError('ERR_OBJECT_STORE_UNKNOWN', 'no answer')
    let late: () => Promise<unknown> = () => assert.fail('a write was delayed')
    store.instead('putIfAbsent', (write) => {
      late = write
      return Promise.reject(lost)
    })
    await assert.rejects(commit(manager, { epoch, previousId: 0 }), lost)
    store.before('putIfAbsent', () => late())
    await assert.rejects(commit(manager, { epoch, previousId: 0 }), { code: 'ERR_CHECKPOINT_CONFLICT' })
    assert.deepEqual(idsOf(await manager.list(TASK)), [1], 'as the error says: list, and go on from there')
    await commit(manager, { epoch, previousId: 1 })
    await expectRestores(manager, 2)
  })
})

/** Two owners come and go, an hour passes, and everything of theirs that may be deleted is. */
async function overtake({ other, clock }: Setting): Promise<void> {
  const [second, third] = [other(), other()]
  const draft = { files: [], record: bytesOf('') }
  await second.claim(TASK)
  await second.createCheckpoint(TASK, { ...draft, id: 2 }, { epoch: 2, previousId: 1 })
  await third.claim(TASK)
  await third.createCheckpoint(TASK, { ...draft, id: 3 }, { epoch: 3, previousId: 2 })
  await third.retire(TASK, 3, [])
  clock.advance(2 * HOUR_MS)
  await third.collectOrphans(TASK, 3)
}

describe('restore', () => {
  test('C8 restores the newest without an id', async () => {
    const { manager, disk } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    const first = await commit(manager, { epoch, previousId: 0 })
    await commit(manager, { epoch, previousId: 1 }, first.files)
    assert.equal((await manager.restore(TASK, { disk, directory: '/state' })).id, 2)
  })

  test('says when there is none', async () => {
    const { manager, disk } = makeSetting()
    const target = { disk, directory: '/state' }
    await assert.rejects(manager.restore(TASK, target), { code: 'ERR_CHECKPOINT_NOT_FOUND' })
    const { epoch } = await manager.claim(TASK)
    await assert.rejects(manager.restore(TASK, target), { code: 'ERR_CHECKPOINT_NOT_FOUND' })
    await commit(manager, { epoch, previousId: 0 })
    await assert.rejects(manager.restore(TASK, target, 7), {
      code: 'ERR_CHECKPOINT_NOT_FOUND',
      message: /no checkpoint 7/,
    })
  })

  test('finds a flipped bit in every byte of a record', async () => {
    const setting = makeSetting()
    const { manager, disk } = setting
    const { epoch } = await manager.claim(TASK)
    await commit(manager, { epoch, previousId: 0 })
    const path = `${DIRECTORY}/${slotName(2)}`
    for (let at = 0; at < disk.size(path); at++) {
      damage(setting, path, at)
      // A flipped bit of the version's digit may make it a newer format, which is refused as well.
      await assert.rejects(manager.list(TASK), {
        code: at === 20 ? 'ERR_CHECKPOINT_CORRUPT' : /ERR_CHECKPOINT_CORRUPT/,
      })
      damage(setting, path, at)
    }
    assert.deepEqual(idsOf(await manager.list(TASK)), [1])
  })

  test('refuses a record of a newer format', async () => {
    const { manager, disk } = makeSetting()
    await manager.claim(TASK)
    replaceFile(disk, DIRECTORY, slotName(1), encodeFramed({ kind: 'checkpoint', version: 2 }, {}))
    await assert.rejects(manager.list(TASK), { code: 'ERR_FORMAT_NEWER' })
  })
})

describe('delete and retire', () => {
  test('delete refuses the newest and what is not there', async () => {
    const { manager } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    await commit(manager, { epoch, previousId: 0 })
    await assert.rejects(manager.delete(TASK, 1), { code: 'ERR_CHECKPOINT_IN_USE' })
    await assert.rejects(manager.delete(TASK, 2), { code: 'ERR_CHECKPOINT_NOT_FOUND' })
  })

  test('C5 delete keeps every file that another checkpoint lists, and what the newest has just dropped', async () => {
    const { manager, disk } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    const one = await commit(manager, { epoch, previousId: 0 })
    const two = await commit(manager, { epoch, previousId: 1 }, one.files)
    const three = await commit(manager, { epoch, previousId: 2 }, one.files)
    await manager.delete(TASK, 2)
    const [ofOne, ofTwo] = two.files.map((file) => file.name)
    assert.ok(disk.exists(`${DIRECTORY}/${ofOne}`), 'still listed')
    assert.ok(disk.exists(`${DIRECTORY}/${ofTwo}`), 'dropped by the newest: waits for the next')
    await manager.delete(TASK, 1)
    await expectRestores(manager, 3)
    await commit(manager, { epoch, previousId: 3 }, three.files)
    await manager.retire(TASK, epoch)
    assert.ok(!disk.exists(`${DIRECTORY}/${ofTwo}`), 'gone after a later DECIDE of the same owner')
    await expectRestores(manager, 4)
  })

  test('retire keeps the newest of each period, and savepoints', async () => {
    const { manager, clock } = makeSetting()
    const { epoch } = await manager.claim(TASK)
    let files = (await commit(manager, { epoch, previousId: 0 }, [], true)).files
    for (let id = 1; id < 10; id++) {
      clock.advance(20_000)
      files = (await commit(manager, { epoch, previousId: id }, files)).files
    }
    assert.deepEqual(await manager.retire(TASK, epoch), [8, 7, 5, 4, 2])
    assert.deepEqual(idsOf(await manager.list(TASK)), [10, 9, 6, 3, 1])
    for (const id of [10, 9, 6, 3, 1]) await expectRestores(manager, id)
  })
})

describe('collectOrphans', () => {
  test('C5 takes only files of a lower epoch, older than an hour, that no checkpoint lists', async () => {
    const { manager, other, clock, disk } = makeSetting()
    await manager.claim(TASK)
    const listed = await commit(manager, { epoch: 1, previousId: 0 })
    const orphan = await manager.writeFile(TASK, 1, bytesOf('never listed'))
    const owner = other()
    await owner.claim(TASK)
    const own = await owner.writeFile(TASK, 2, bytesOf('not listed yet'))
    assert.deepEqual(await owner.collectOrphans(TASK, 2), [], 'too young')
    clock.advance(HOUR_MS + 1)
    const late = await manager.writeFile(TASK, 1, bytesOf('by the fenced owner, just now'))
    const claimOfFirst = slotName(1)
    assert.deepEqual(await owner.collectOrphans(TASK, 2), [orphan.name, claimOfFirst].sort())
    for (const { name } of [...listed.files, own, late]) assert.ok(disk.exists(`${DIRECTORY}/${name}`), name)
    await expectRestores(owner, 1)
    assert.deepEqual(await owner.collectOrphans(TASK, 2), [])
  })

  test('C5 never takes a file of an equal or a higher epoch, however old, nor by a clock that went back', async () => {
    const { manager, clock, disk } = makeSetting()
    await manager.claim(TASK)
    await manager.claim(TASK)
    const names = ['1-1-0-a', '2-1-0-b', '3-1-0-c', 'tmp-3-1-0-d']
    for (const name of names) disk.open(`${DIRECTORY}/${name}`, 'create').close()
    clock.advance(-START_MS + 1000)
    assert.deepEqual(await manager.collectOrphans(TASK, 2), [], 'by this clock nothing is an hour old')
    clock.advance(START_MS + HOUR_MS)
    const collected = await manager.collectOrphans(TASK, 2)
    assert.deepEqual(collected.sort(), ['1-1-0-a', slotName(1)].sort())
    assert.ok(['2-1-0-b', '3-1-0-c', 'tmp-3-1-0-d'].every((name) => disk.exists(`${DIRECTORY}/${name}`)))
  })
})

describe('a restore that is cut off', () => {
  const MIB = 1024 * 1024
  const lost = new TidemarkError('ERR_OBJECT_STORE', 'the network is gone')

  async function interrupted(): Promise<Setting & { readonly target: { disk: MemDisk; directory: string } }> {
    const setting = makeSetting()
    const { manager, store } = setting
    const { epoch } = await manager.claim(TASK)
    const files = []
    for (let at = 0; at < 3; at++)
      files.push(await manager.writeFile(TASK, epoch, new Uint8Array(6 * MIB).fill(at + 1)))
    const draft = { id: 1, files, record: bytesOf('') }
    await manager.createCheckpoint(TASK, draft, { epoch, previousId: 0 })
    const target = { disk: new MemDisk(), directory: '/state' }
    store.after('getRange', () => {
      store.after('getRange', () => Promise.resolve(store.instead('getRange', () => Promise.reject(lost))))
      return Promise.resolve()
    })
    await assert.rejects(manager.restore(TASK, target, 1, { concurrency: 1 }), lost)
    assert.equal(restoredCheckpoint(TASK, target), null, 'there is no state yet')
    return { ...setting, target }
  }

  test('C8 goes on where it was: nothing is loaded twice', async () => {
    const { manager, store, target } = await interrupted()
    const before = store.readBytes
    const seen: RestoreProgress[] = []
    await manager.restore(TASK, target, 1, { onProgress: (progress) => seen.push(progress) })
    assert.ok(before >= 6 * MIB && before < 7 * MIB, `${before} bytes before it was cut off`)
    assert.ok(store.readBytes < 18 * MIB + 10_000, `${store.readBytes} bytes in all`)
    const last = seen.at(-1) ?? assert.fail('it tells how it gets on')
    assert.equal(last.doneBytes, 18 * MIB)
    assert.equal(last.totalBytes, 18 * MIB)
    assert.ok(seen.every(({ doneBytes }, at) => at === 0 || doneBytes >= (seen[at - 1]?.doneBytes ?? 0)))
    assert.equal(restoredCheckpoint(TASK, target)?.id, 1)
  })

  test('C8 what a crash has torn of it is found and loaded again', async () => {
    const { manager, target } = await interrupted()
    const [name] = target.disk.list('/state').filter((each) => each.startsWith('1-'))
    const file = target.disk.open(`/state/${name}`, 'write')
    file.write(Uint8Array.of(99), 5)
    file.close()
    await manager.restore(TASK, target, 1)
    for (const [at, { name: own }] of (restoredCheckpoint(TASK, target)?.files ?? []).entries()) {
      assert.ok(readFile(target.disk, `/state/${own}`).every((byte) => byte === at + 1))
    }
  })

  test('another checkpoint is loaded from the beginning', async () => {
    const { manager, target } = await interrupted()
    const file = await manager.writeFile(TASK, 1, bytesOf('of 2'))
    await manager.createCheckpoint(TASK, { id: 2, files: [file], record: bytesOf('') }, { epoch: 1, previousId: 1 })
    await manager.restore(TASK, target)
    assert.deepEqual(target.disk.list('/state'), [file.name, 'RESTORED'])
  })

  test('tells rate and time left by the clock', async () => {
    const { manager, clock, store } = await interrupted()
    const seen: RestoreProgress[] = []
    store.before('getRange', () => Promise.resolve(clock.advance(2000)))
    const target = { disk: new MemDisk(), directory: '/other' }
    await manager.restore(TASK, target, 1, { concurrency: 1, onProgress: (progress) => seen.push(progress) })
    const first = seen.find(({ doneBytes }) => doneBytes > 0) ?? assert.fail('something was loaded')
    assert.equal(first.bytesPerSecond, 2 * MIB)
    assert.equal(first.remainingMs, 7000)
  })
})
