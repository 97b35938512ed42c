import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MANAGER_STEPS } from '../../src/checkpoint/object-manager.ts'
import { openCheckpointManager } from '../../src/checkpoint/open-store.ts'
import { RESTORE_STEPS, restoredCheckpoint } from '../../src/checkpoint/restore-files.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { THOROUGH } from '../thorough.ts'
import { runScript } from '../runtime/fixtures/crash-harness.ts'
import { assertAllRestore, assertState, LIFE_TASK } from './life.ts'
import { NO_S3, s3Url, startS3, temporary } from './s3-support.ts'

const SCRIPT = fileURLToPath(new URL('./fixtures/manager-life.ts', import.meta.url))
const HOUR_MS = 3_600_000
const server = NO_S3 === false ? await startS3() : null

/** Points, and at which passing of each the process dies: the second is in the middle of things. */
const KILLS: readonly (readonly [point: string, nth: number])[] = [
  ...[...MANAGER_STEPS, ...RESTORE_STEPS].map((point) => [point, 1] as const),
  ...['upload-before-file', 'upload-after-file', 'upload-after-record', 'load-after-file'].map((p) => [p, 2] as const),
]

/** The points take turns: a directory and S3 differ in the requests, and each step is one of the manager's. */
function suite(kind: string, turn: 0 | 1, placeOf: (name: string) => string): void {
  for (const [point, nth] of KILLS.filter((_, i) => THOROUGH || i % 2 === turn)) {
    it(`killed at ${point}, time ${nth}: n or n+1, whole, and the next owner goes on`, async () => {
      const name = `${kind}-${point}-${nth}`
      const to = placeOf(name)
      const directory = temporary(`of-${name}`)
      // An owner before, so that there is something to drop, to collect and to fence.
      const first = await runScript(SCRIPT, [to, directory, '0'], 'upload-after-file:3')
      assert.equal(first.signal, 'SIGKILL', first.stderr)
      const killed = await runScript(SCRIPT, [to, directory, String(2 * HOUR_MS)], `${point}:${nth}`)
      assert.equal(killed.signal, 'SIGKILL', `${point} was not passed: ${killed.stderr}`)
      const acknowledged = Number(killed.stdout.trim().split('\n').at(-1)) || 2
      const manager = openCheckpointManager({ to, disk: nodeDisk, clock: systemClock, random: Math.random })
      const newest = await assertAllRestore(manager, directory)
      assert.ok(newest === acknowledged || newest === acknowledged + 1, `${newest} after ${acknowledged}`)
      const target = { disk: nodeDisk, directory: join(directory, 'state') }
      const restored = restoredCheckpoint(LIFE_TASK, target)
      if (restored !== null) assertState(target.directory, restored)
      const last = await runScript(SCRIPT, [to, directory, String(4 * HOUR_MS)], '')
      assert.equal(last.code, 0, last.stderr)
      assert.equal(await assertAllRestore(manager, directory), newest + 3)
      const complete = restoredCheckpoint(LIFE_TASK, target)
      assert.equal(complete?.id, newest + 3)
      assertState(target.directory, complete)
      manager.close()
    })
  }
}

describe('kill -9 of an owner at each step (C3, C4, C5, C6, C8), in a directory', () => {
  suite('files', 0, (name) => pathToFileURL(temporary(name)).href)
})

describe('kill -9 of an owner at each step (C3, C4, C5, C6, C8), in S3', { skip: NO_S3 }, () => {
  suite('s3', 1, (name) => s3Url(server?.endpoint ?? '', name))

  it('the server is killed in the middle of an upload and comes back: the upload goes through', async () => {
    const mine = await startS3('killed')
    const store = openCheckpointManager({
      to: s3Url(mine.endpoint, 'x'),
      disk: nodeDisk,
      clock: systemClock,
      random: Math.random,
      failpoint: (step) => {
        // Not awaited: it dies while requests are on their way.
        if (step === 'upload-before-record') void mine.restart()
      },
    })
    const { epoch } = await store.claim(LIFE_TASK)
    for (let id = 1; id <= 3; id++) {
      const file = await store.writeFile(LIFE_TASK, epoch, new Uint8Array(3_000_000).fill(id))
      const draft = { id, files: [file], record: new Uint8Array(0) }
      await store.createCheckpoint(LIFE_TASK, draft, { epoch, previousId: id - 1 })
    }
    assert.deepEqual(
      (await store.list(LIFE_TASK)).map(({ id }) => id),
      [3, 2, 1],
    )
    for (const id of [1, 2, 3]) {
      const target = { disk: nodeDisk, directory: temporary(`killed-${id}`) }
      assert.equal((await store.restore(LIFE_TASK, target, id)).id, id)
    }
    store.close()
  })
})
