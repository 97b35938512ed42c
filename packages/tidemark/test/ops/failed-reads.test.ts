import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { isTidemarkError } from '../../src/errors/error.ts'
import { listRetained } from '../../src/checkpoint/retained-record.ts'
import { FileObjects } from '../../src/checkpoint/file-objects.ts'
import type { Disk } from '../../src/disk/disk.ts'
import { openDataDir } from '../../src/ops/data-dir.ts'
import { StreamRead } from '../../src/ops/read-stream.ts'
import { FaultyDisk } from '../disk/faulty-disk.ts'
import { everyFile, files } from './every-file.ts'
import { DIRECTORY } from './job-data.ts'

/** Everything that a data directory tells, as text. */
async function readAll(disk: Disk): Promise<string> {
  const data = openDataDir(DIRECTORY, disk)
  const lines: string[] = []
  for (const store of ['counts', 'hourly']) {
    const view = await data.store(store)
    try {
      for (const entry of view.scan()) lines.push(JSON.stringify(entry))
      lines.push(JSON.stringify(view.get('user:7')))
    } finally {
      view.close()
    }
  }
  const read = new StreamRead(data, 'events')
  try {
    for (const record of read.read()) lines.push(JSON.stringify(record))
  } finally {
    read.close()
  }
  for (const { id, names } of listRetained(disk, `${DIRECTORY}/state/0`)) lines.push(JSON.stringify({ id, names }))
  return lines.join('\n')
}

test('S4: each read of each file that the disk fails is ERR_DISK_IO with the file, and never another answer', async () => {
  const { data } = everyFile()
  const faulty = new FaultyDisk(data.disk)
  const good = await readAll(faulty.disk)
  const failed = new Map<string, number>()
  for (const path of files(data.disk)) {
    for (let nth = 1; ; nth++) {
      let left = nth
      let position: number | null = null
      faulty.fails = (read, at) => {
        if (read !== path || --left !== 0) return false
        position = at
        return true
      }
      let said: unknown = null
      let answer = ''
      try {
        answer = await readAll(faulty.disk)
      } catch (error) {
        said = error
      }
      if (position === null) break
      if (said === null) {
        assert.equal(answer, good, `${path}, read ${nth}: what is answered is what is there`)
        continue
      }
      assert.ok(isTidemarkError(said, 'ERR_DISK_IO'), `${path}, read ${nth}: ${inspect(said)}`)
      assert.ok(said.message.includes(path), said.message)
      if (path.endsWith('.sorted')) assert.equal(said.details['position'], position)
      failed.set(path, (failed.get(path) ?? 0) + 1)
    }
  }
  faulty.fails = () => false
  assert.equal(await readAll(faulty.disk), good, 'what could be read once the disk can')
  for (const path of files(data.disk))
    assert.ok((failed.get(path) ?? 0) > 0, `${path} is read: ${JSON.stringify([...failed])}`)
})

test('a failed read of an object in a directory is ERR_DISK_IO with its file', async () => {
  const { data } = everyFile()
  const faulty = new FaultyDisk(data.disk)
  const objects = new FileObjects({ disk: faulty.disk, directory: '/place' })
  await objects.put('t/c-1', { kind: 'bytes', bytes: new Uint8Array(10) })
  faulty.fails = (path) => path === '/place/t/c-1'
  const reads = [
    (): Promise<unknown> => objects.get('t/c-1'),
    (): Promise<unknown> => objects.getRange('t/c-1', 2, 3),
    (): Promise<unknown> => objects.fetch('t/c-1', '/to'),
  ]
  for (const read of reads) await assert.rejects(read, { code: 'ERR_DISK_IO', message: /\/place\/t\/c-1/ })
})
