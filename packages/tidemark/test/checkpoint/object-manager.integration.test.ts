import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import { ObjectCheckpointManager } from '../../src/checkpoint/object-manager.ts'
import { restoredCheckpoint } from '../../src/checkpoint/restore-files.ts'
import { systemClock } from '../../src/clock/clock.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { bytesOf, commit, TASK } from './setting.ts'

const directory = mkdtempSync(join(tmpdir(), 'tidemark-checkpoint-'))
after(() => rmSync(directory, { recursive: true }))

test('C4 C8 on a real disk: commits, fences by a link, restores, refuses what is damaged', async () => {
  const disk = nodeDisk
  const make = (): ObjectCheckpointManager => {
    const store = new FileObjects({ disk, directory: join(directory, 'remote') })
    return new ObjectCheckpointManager({ store, clock: systemClock, random: Math.random })
  }
  const first = make()
  await first.claim(TASK)
  const one = await commit(first, { epoch: 1, previousId: 0 })
  const big = await first.writeFile(TASK, 1, new Uint8Array(3_000_000).fill(7))
  const draft = { id: 2, files: [...one.files, big], record: bytesOf('positions of 2') }
  await first.createCheckpoint(TASK, draft, { epoch: 1, previousId: 1 })
  const second = make()
  assert.equal((await second.claim(TASK)).newest?.id, 2)
  await assert.rejects(commit(first, { epoch: 1, previousId: 2 }), { code: 'ERR_CHECKPOINT_FENCED' })

  const target = { disk, directory: join(directory, 'local') }
  await second.restore(TASK, target)
  assert.equal(restoredCheckpoint(TASK, target)?.id, 2)
  assert.deepEqual(readFileSync(join(target.directory, big.name)), Buffer.alloc(3_000_000, 7))

  truncateSync(join(directory, 'remote', TASK, big.name), 2_999_999)
  await assert.rejects(second.restore(TASK, target), { code: 'ERR_CHECKPOINT_CORRUPT' })
  assert.equal(restoredCheckpoint(TASK, target), null)
  assert.deepEqual(disk.list(target.directory), [])
})
