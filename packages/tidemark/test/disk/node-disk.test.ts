import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { diskError } from '../../src/disk/os-error.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { diskSuite } from './disk-suite.ts'

const home = mkdtempSync(join(tmpdir(), 'tidemark-disk-'))
after(() => rmSync(home, { recursive: true }))

diskSuite('NodeDisk', () => ({ disk: nodeDisk, root: mkdtempSync(join(home, 'd-')) }))

test('NodeDisk: what the operating system says becomes a code, with action and path', () => {
  const codes = {
    ENOSPC: 'ERR_DISK_FULL',
    EDQUOT: 'ERR_DISK_FULL',
    EIO: 'ERR_DISK_IO',
    EMFILE: 'ERR_DISK_IO',
    EACCES: 'ERR_DISK_ACCESS',
    EPERM: 'ERR_DISK_ACCESS',
    EROFS: 'ERR_DISK_ACCESS',
    ENOENT: 'ERR_FILE_NOT_FOUND',
    EEXIST: 'ERR_FILE_EXISTS',
  }
  for (const [errno, code] of Object.entries(codes)) {
    const cause = Object.assign(new Error('os'), { code: errno })
    const error = diskError('write', '/data/x.log', cause)
    assert.equal(error.code, code, errno)
    assert.match(error.message, /cannot write \/data\/x\.log/)
    assert.equal(error.cause, cause)
  }
})

test('NodeDisk: a device that is full is ERR_DISK_FULL', {
  skip: process.platform === 'linux' ? false : 'only Linux has /dev/full',
}, () => {
  const file = nodeDisk.open('/dev/full', 'write')
  try {
    assert.throws(
      () => file.write(new Uint8Array(10), 0),
      (error) => isTidemarkError(error, 'ERR_DISK_FULL') && error.message.includes('/dev/full'),
    )
  } finally {
    file.close()
  }
})
