import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFile, replaceFile } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { readPlaces, writePlaces } from '../../src/engines/placement.ts'

const DIRECTORY = '/state/0'

function written(): { readonly disk: MemDisk; readonly bytes: Uint8Array } {
  const disk = new MemDisk()
  disk.makeDirectory('/state')
  disk.makeDirectory(DIRECTORY)
  writePlaces(
    disk,
    DIRECTORY,
    new Map([
      ['visits', 'lmdb'],
      ['clicks', 'rocksdb'],
    ]),
  )
  return { disk, bytes: readFile(disk, `${DIRECTORY}/ENGINES`) }
}

test('where stores are is read back', () => {
  const { disk } = written()
  assert.deepEqual(Object.fromEntries(readPlaces(disk, DIRECTORY) ?? []), { clicks: 'rocksdb', visits: 'lmdb' })
  assert.equal(readPlaces(disk, '/state/1'), null)
})

test('ERR_STATE_CORRUPT: every flipped bit and every cut of it is found', () => {
  const { disk, bytes } = written()
  const refused = (damaged: Uint8Array, what: string): void => {
    replaceFile(disk, DIRECTORY, 'ENGINES', damaged)
    assert.throws(() => readPlaces(disk, DIRECTORY), { code: /ERR_STATE_CORRUPT|ERR_FORMAT_NEWER/ }, what)
  }
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice()
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
    refused(damaged, `bit ${bit}`)
  }
  // Without the last line feed nothing is missing.
  for (let length = 0; length < bytes.length - 1; length++) refused(bytes.slice(0, length), `cut at ${length}`)
  for (const text of ['null', '7', '[]', '{"version":1}', '{"version":1,"stores":{}}']) refused(Buffer.from(text), text)
})
