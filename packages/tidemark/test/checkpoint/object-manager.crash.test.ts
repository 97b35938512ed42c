import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restoredCheckpoint } from '../../src/checkpoint/restore-files.ts'
import type { RestoreTarget } from '../../src/checkpoint/manager.ts'
import { readFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { commit, DIRECTORY, expectRestores, makeSetting, TASK, type Setting } from './setting.ts'

const SEEDS = 12
const HOUR_MS = 3_600_000

/**
 * Runs `act` on a fresh setting, stopped after 0, 1, 2... disk operations until it ends by itself; each time the machine
 * loses power (or, with seed 0, only the process dies) and `check` looks at what is left.
 */
async function crashEverywhere(
  prepare: (setting: Setting) => Promise<void>,
  act: (setting: Setting) => Promise<unknown>,
  check: (setting: Setting, finished: boolean) => Promise<void>,
): Promise<number> {
  for (let steps = 0; ; steps++) {
    let finished = false
    for (let seed = 0; seed <= SEEDS; seed++) {
      const setting = makeSetting()
      await prepare(setting)
      setting.disk.stopAfter(steps)
      finished = await settles(act(setting))
      if (seed === 0) setting.disk.restart()
      else setting.disk.crash({ seed: seed + steps * SEEDS })
      await check(setting, finished)
    }
    if (finished) return steps
  }
}

/** True if it ended well, false if the disk stopped it. */
async function settles(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (isTidemarkError(error, 'ERR_DISK_IO')) return false
    throw error
  }
}

async function newestId({ manager }: Setting): Promise<number> {
  return (await manager.list(TASK))[0]?.id ?? 0
}

async function twoCheckpoints({ manager }: Setting): Promise<void> {
  const { epoch } = await manager.claim(TASK)
  const first = await commit(manager, { epoch, previousId: 0 })
  await commit(manager, { epoch, previousId: 1 }, first.files)
}

test('C3 C6 a crash at any step of a commit leaves n or n+1, whole; and n+1 once it was acknowledged', async () => {
  const seen = new Set<number>()
  const steps = await crashEverywhere(
    twoCheckpoints,
    async ({ manager }) => {
      const files = (await manager.list(TASK))[0]?.files ?? []
      await commit(manager, { epoch: 1, previousId: 2 }, files)
    },
    async (setting, finished) => {
      const newest = await newestId(setting)
      seen.add(newest)
      if (finished) assert.equal(newest, 3)
      else assert.ok(newest === 2 || newest === 3)
      for (const { id } of await setting.manager.list(TASK)) await expectRestores(setting.manager, id)
      // Whoever comes next can go on from what is there.
      const next = setting.other()
      const { epoch } = await next.claim(TASK)
      assert.equal(epoch, 2)
      await commit(next, { epoch, previousId: newest })
    },
  )
  assert.ok(steps >= 8, `a commit takes ${steps} steps`)
  assert.deepEqual(seen, new Set([2, 3]))
})

test('C4 C6 a crash at any step of a claim leaves the old owner fenced or not, and nobody else harmed', async () => {
  await crashEverywhere(
    twoCheckpoints,
    ({ other }) => other().claim(TASK),
    async (setting, finished) => {
      assert.equal(await newestId(setting), 2)
      await expectRestores(setting.manager, 2)
      if (finished) {
        await assert.rejects(commit(setting.manager, { epoch: 1, previousId: 2 }), { code: 'ERR_CHECKPOINT_FENCED' })
      }
      const { epoch } = await setting.other().claim(TASK)
      assert.ok(finished ? epoch === 3 : epoch === 2 || epoch === 3)
    },
  )
})

test('C4 C6 a crash at any step of the very first claim and commit leaves nothing or the checkpoint', async () => {
  await crashEverywhere(
    async () => undefined,
    async ({ manager }) => {
      const { epoch } = await manager.claim(TASK)
      await commit(manager, { epoch, previousId: 0 })
    },
    async (setting, finished) => {
      const newest = await newestId(setting)
      assert.ok(finished ? newest === 1 : newest <= 1)
      if (newest === 1) await expectRestores(setting.manager, 1)
      await setting.manager.claim(TASK)
    },
  )
})

test('C5 a crash at any step of retire, delete or collect leaves every listed checkpoint whole', async () => {
  const works: readonly ((setting: Setting) => Promise<unknown>)[] = [
    ({ manager }) => manager.retire(TASK, 2, []),
    ({ manager }) => manager.delete(TASK, 2),
    ({ manager }) => manager.collectOrphans(TASK, 2),
  ]
  for (const work of works) {
    await crashEverywhere(
      async (setting) => {
        await twoCheckpoints(setting)
        const { manager, clock } = setting
        await manager.writeFile(TASK, 1, new Uint8Array(100))
        await manager.claim(TASK)
        for (let id = 2; id < 5; id++) await commit(manager, { epoch: 2, previousId: id })
        clock.advance(2 * HOUR_MS)
      },
      work,
      async ({ manager }) => {
        const left = await manager.list(TASK)
        assert.equal(left[0]?.id, 5)
        for (const { id } of left) await expectRestores(manager, id)
      },
    )
  }
})

/** What was there before: an older state, restored and complete. */
async function withOldState(setting: Setting, target: RestoreTarget): Promise<void> {
  await twoCheckpoints(setting)
  await setting.manager.restore(TASK, target, 1)
}

test('C8 a crash at any step of a restore leaves the old state, the new one or none, never a mix', async () => {
  const target = (setting: Setting): RestoreTarget => ({ disk: setting.disk, directory: '/state' })
  const seen = new Set<number>()
  await crashEverywhere(
    (setting) => withOldState(setting, target(setting)),
    (setting) => setting.manager.restore(TASK, target(setting), 2),
    async (setting, finished) => {
      const found = restoredCheckpoint(TASK, target(setting))
      seen.add(found?.id ?? 0)
      if (finished) assert.equal(found?.id, 2)
      if (found === null) {
        // Whatever was left, it is known as a restore's, and the next one goes on.
        assert.equal((await setting.manager.restore(TASK, target(setting), 2)).id, 2)
        return
      }
      for (const [index, { name }] of found.files.entries()) {
        const text = new TextDecoder().decode(readFile(setting.disk, `/state/${name}`))
        assert.equal(text, `state of ${index + 1}`)
      }
    },
  )
  assert.deepEqual(seen, new Set([0, 1, 2]))
})

test('a restore does not touch a directory with files that are not of a restore: ERR_OPTION', async () => {
  const setting = makeSetting()
  await twoCheckpoints(setting)
  const target = { disk: new MemDisk(), directory: '/other' }
  target.disk.makeDirectory('/other')
  target.disk.open('/other/diary', 'create').close()
  await assert.rejects(setting.manager.restore(TASK, target), {
    code: 'ERR_OPTION',
    message: /\/other: it holds diary/,
  })
  assert.deepEqual(target.disk.list('/other'), ['diary'])
  target.disk.remove('/other/diary')
  await setting.manager.restore(TASK, target, 1)
  assert.equal((await setting.manager.restore(TASK, target, 2)).id, 2)
})

test('C8 a damaged, short or missing file leaves the target empty, and the error says which', async () => {
  for (const harm of ['flip', 'cut', 'grow', 'remove'] as const) {
    for (const which of [0, 1]) {
      const setting = makeSetting()
      const target = { disk: new MemDisk(), directory: '/state' }
      await withOldState(setting, target)
      const file = (await setting.manager.list(TASK))[0]?.files[which] ?? assert.fail('two files are listed')
      harmFile(setting.disk, `${DIRECTORY}/${file.name}`, harm)
      const expected = { code: 'ERR_CHECKPOINT_CORRUPT', message: new RegExp(file.name) }
      await assert.rejects(setting.manager.restore(TASK, target), expected, harm)
      assert.deepEqual(target.disk.list('/state'), [])
      assert.equal(restoredCheckpoint(TASK, target), null)
    }
  }
})

function harmFile(disk: MemDisk, path: string, harm: 'flip' | 'cut' | 'grow' | 'remove'): void {
  if (harm === 'remove') return disk.remove(path)
  const file = disk.open(path, 'write')
  const size = file.size()
  if (harm === 'cut') file.truncate(size - 1)
  else if (harm === 'grow') file.write(Uint8Array.of(0), size)
  else file.write(Uint8Array.of((readFile(disk, path)[3] ?? 0) ^ 4), 3)
  file.close()
}

test('C8 a full disk leaves the target empty', async () => {
  const setting = makeSetting()
  await twoCheckpoints(setting)
  const target = { disk: new MemDisk({ capacityBytes: 15 }), directory: '/state' }
  await assert.rejects(setting.manager.restore(TASK, target), { code: 'ERR_DISK_FULL' })
  assert.deepEqual(target.disk.list('/state'), [])
})
