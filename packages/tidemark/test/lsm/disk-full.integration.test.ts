import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { CompactionHost } from '../../src/lsm/compaction-host.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import { ThreadCompactor } from '../../src/lsm/thread-compactor.ts'
import { mountSmall } from '../disk/small-disk.ts'
import { until } from '../until.ts'
import { applyTo, expectSame, key, newCache, sortedStore, type Change, type Model } from './support.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-lsm-full-'))
const mountPoint = join(root, 'small')

const reason = mountSmall(mountPoint, '3m')

after(() => {
  if (reason === null) execFileSync('umount', [mountPoint])
  rmSync(root, { recursive: true, force: true })
})

/** About half a MiB, with keys of its own. */
function changesOf(id: number): Change[] {
  return Array.from({ length: 1000 }, (_, i) => ({ key: key(`${id}:${i}`), value: key('v'.repeat(500)) }))
}

test('ERR_DISK_FULL: the compaction thread waits for room, a flush stops by name, nothing is lost, and both go on', {
  skip: reason ?? false,
}, async () => {
  const host = new CompactionHost({ bytesPerSecond: 0 })
  const delays: Error[] = []
  const compactor = new ThreadCompactor(host.port(), (error) => delays.push(error))
  const directory = join(mountPoint, 'state')
  const base = openLsmBase({ disk: nodeDisk, directory, cache: newCache(), compactor })
  const model: Model = new Map()
  const write = async (id: number): Promise<void> => {
    await runWaiting(base.write(id, [], [sortedStore('a', changesOf(id))]))
    applyTo(model, changesOf(id))
  }
  try {
    for (let id = 1; id <= 4; id++) await write(id)
    await until('the merge of 2 MiB finds no room', () => delays.length > 0)
    assert.equal((delays[0] as { code?: string }).code, 'ERR_DISK_FULL')
    expectSame(base, model)
    // The merge takes what room there is when it tries again: how many more writes fit depends on when they come.
    let last = 4
    await assert.rejects(
      async () => {
        for (;;) {
          await write(last + 1)
          last++
        }
      },
      { code: 'ERR_DISK_FULL' },
    )
    assert.ok(last <= 6, 'seven files do not fit')
    assert.equal(base.id, last)
    expectSame(base, model)
    execFileSync('mount', ['-o', 'remount,size=64m', mountPoint])
    await write(last + 1)
    await until('the merge is done', () => base.statistics().writes?.compactionsRunning === 0)
    await write(last + 2)
    assert.ok((base.statistics().writes?.compactions ?? 0) > 0)
    expectSame(base, model)
  } finally {
    base.close()
    await host.close()
  }
  const again = openLsmBase({ disk: nodeDisk, directory, cache: newCache() })
  expectSame(again, model)
  again.close()
})
