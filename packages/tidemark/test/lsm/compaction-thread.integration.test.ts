import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { CompactionHost } from '../../src/lsm/compaction-host.ts'
import { type LsmBase, openLsmBase } from '../../src/lsm/lsm-base.ts'
import { isFileName } from '../../src/lsm/manifest.ts'
import { runWaiting } from '../../src/lsm/open-files.ts'
import { ThreadCompactor } from '../../src/lsm/thread-compactor.ts'
import { applyTo, expectSame, key, newCache, sortedStore, type Change, type Model } from './support.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-compact-'))
after(() => rmSync(root, { recursive: true }))

function changesOf(id: number): Change[] {
  return Array.from({ length: 5000 }, (_, i) => ({
    key: key(`k${(i * 7 + id * 131) % 9000}`),
    value: (i + id) % 11 === 0 ? null : key(`${id} of ${i}`),
  }))
}

/** A base whose merges are done by a thread. */
class Stand {
  readonly host: CompactionHost
  readonly compactor: ThreadCompactor
  readonly directory: string
  base: LsmBase
  readonly model: Model = new Map()

  constructor(name: string, entry?: URL) {
    this.host = new CompactionHost({ bytesPerSecond: 0, ...(entry === undefined ? {} : { entry }) })
    this.compactor = new ThreadCompactor(this.host.port(), () => {})
    this.directory = join(root, name)
    this.base = this.open()
  }

  open(): LsmBase {
    const { directory, compactor } = this
    return openLsmBase({ disk: nodeDisk, directory, cache: newCache(), compactor })
  }

  async write(id: number): Promise<void> {
    const changes = changesOf(id)
    await runWaiting(this.base.write(id, [], [sortedStore('a', changes)]))
    applyTo(this.model, changes)
  }

  /** Until no merge runs; the event loop is free meanwhile. */
  async merged(): Promise<void> {
    const deadline = performance.now() + 20_000
    while ((this.base.statistics().writes?.compactionsRunning ?? 0) > 0) {
      assert.ok(performance.now() < deadline, 'merges come to an end')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

test('L1: a thread merges files while they are read and written; the next write or the close names the result', async () => {
  const stand = new Stand('merges')
  try {
    for (let id = 1; id <= 4; id++) await stand.write(id)
    await stand.merged()
    assert.equal(stand.base.statistics().files, 4, 'not before a manifest names it')
    expectSame(stand.base, stand.model)
    await stand.write(5)
    assert.equal(stand.base.statistics().files, 2)
    expectSame(stand.base, stand.model)
    for (let id = 6; id <= 30; id++) await stand.write(id)
    expectSame(stand.base, stand.model)
    await stand.merged()
    stand.base.close()
    stand.base = stand.open()
    const names = nodeDisk.list(stand.directory).filter(isFileName)
    assert.deepEqual(names, stand.base.manifest.files.map(({ name }) => name).sort())
    assert.ok(names.length <= 8)
    expectSame(stand.base, stand.model)
  } finally {
    stand.base.close()
    await stand.host.close()
  }
})

test('a base that is closed while a thread merges leaves nothing behind that its next opening does not remove', async () => {
  const stand = new Stand('closed')
  try {
    for (let round = 0; round < 5; round++) {
      for (let id = round * 4 + 1; id <= round * 4 + 4; id++) await stand.write(id)
      stand.base.close()
      stand.base = stand.open()
      expectSame(stand.base, stand.model)
    }
  } finally {
    stand.base.close()
    await stand.host.close()
  }
  const last = openLsmBase({ disk: nodeDisk, directory: stand.directory, cache: newCache() })
  assert.deepEqual(
    nodeDisk.list(stand.directory).filter(isFileName),
    last.manifest.files.map(({ name }) => name).sort(),
  )
  expectSame(last, stand.model)
  last.close()
})

test('a damaged file is ERR_STATE_CORRUPT by the thread too: the next write throws it', async () => {
  const stand = new Stand('damaged')
  try {
    for (let id = 1; id <= 3; id++) await stand.write(id)
    const [first] = stand.base.manifest.files
    const file = nodeDisk.open(join(stand.directory, first?.name ?? ''), 'write')
    file.write(Uint8Array.of(255, 255, 255, 255), 300)
    file.close()
    await stand.write(4)
    await stand.merged()
    assert.equal(stand.base.wantsWrite, true)
    await assert.rejects(stand.write(5), { code: 'ERR_STATE_CORRUPT' })
    assert.equal(stand.base.id, 4)
  } finally {
    stand.base.close()
    await stand.host.close()
  }
})

test('ERR_COMPACTION_CRASHED: the thread ended by itself', async () => {
  const stand = new Stand('crashed', new URL('./support/ending-thread.ts', import.meta.url))
  try {
    for (let id = 1; id <= 4; id++) await stand.write(id)
    await stand.merged()
    await assert.rejects(stand.write(5), { code: 'ERR_COMPACTION_CRASHED', message: /exited with code 3/ })
    expectSame(stand.base, stand.model)
  } finally {
    stand.base.close()
    await stand.host.close()
  }
})
