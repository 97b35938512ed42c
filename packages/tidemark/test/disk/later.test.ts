import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { blockingDisk } from '../../src/disk/blocking-disk.ts'
import type { Disk } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { nodeDisk } from '../../src/disk/node-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'tidemark-later-'))
after(() => rmSync(root, { recursive: true }))

const DISKS: readonly { readonly name: string; readonly disk: Disk; readonly waits: boolean }[] = [
  { name: 'MemDisk', disk: new MemDisk(), waits: false },
  { name: 'nodeDisk', disk: nodeDisk, waits: true },
  { name: 'blockingDisk', disk: blockingDisk(nodeDisk), waits: false },
]

for (const { name, disk, waits } of DISKS) {
  test(`${name}: syncs and reads later, or at once where it does not wait`, async () => {
    const directory = `${root}/${name}`
    disk.makeDirectory(directory)
    const file = disk.open(`${directory}/a`, 'create')
    file.write(Uint8Array.of(1, 2, 3, 4, 5), 0)
    const sync = file.syncLater()
    assert.equal(sync instanceof Promise, waits)
    await sync
    const syncDirectory = disk.syncDirectoryLater(directory)
    assert.equal(syncDirectory instanceof Promise, waits)
    await syncDirectory
    const target = new Uint8Array(4)
    const read = file.readLater(target, 1, 3, 1)
    assert.equal(read instanceof Promise, waits)
    assert.equal((await read) ?? 3, 3)
    assert.deepEqual(target, Uint8Array.of(0, 2, 3, 4))
    assert.equal(await file.readLater(target, 0, 4, 3), 2, 'short at the end')
    file.close()
  })

  test(`${name}: removes later, or at once where it does not wait; what is gone is no error`, async () => {
    const directory = `${root}/${name}`
    disk.makeDirectory(directory)
    disk.open(`${directory}/gone`, 'create').close()
    const removal = disk.removeLater(`${directory}/gone`)
    assert.equal(removal instanceof Promise, waits)
    await removal
    assert.ok(!disk.exists(`${directory}/gone`))
    await disk.removeLater(`${directory}/gone`)
  })

  test(`${name}: what is under way when a file is closed comes to its end`, async () => {
    const directory = `${root}/${name}`
    disk.makeDirectory(directory)
    const file = disk.open(`${directory}/b`, 'create')
    file.write(new Uint8Array(100_000).fill(7), 0)
    const target = new Uint8Array(100_000)
    const sync = file.syncLater()
    const read = file.readLater(target, 0, target.length, 0)
    file.close()
    file.close()
    await sync
    await read
    assert.ok(target.every((byte) => byte === 7))
    assert.throws(() => file.write(Uint8Array.of(1), 0), { code: 'ERR_DISK_IO' })
  })
}

test('nodeDisk: a call that fails later names file and action', async () => {
  const path = `${root}/directory-read-as-file`
  nodeDisk.makeDirectory(path)
  const file = nodeDisk.open(path, 'read')
  await assert.rejects(async () => file.readLater(new Uint8Array(10), 0, 10, 0), {
    code: 'ERR_DISK_IO',
    message: /cannot read .*directory-read-as-file/,
  })
  file.close()
  assert.throws(() => nodeDisk.syncDirectoryLater(`${root}/none`), { code: 'ERR_FILE_NOT_FOUND' })
})
