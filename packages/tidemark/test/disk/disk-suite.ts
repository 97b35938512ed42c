import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Disk, readFile, replaceFile } from '../../src/disk/disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import type { ErrorCode } from '../../src/errors/table.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function refuses(code: ErrorCode, path: string, work: () => unknown): void {
  assert.throws(work, (error) => {
    assert.ok(isTidemarkError(error, code), String(error))
    assert.ok(error.message.includes(path), error.message)
    return true
  })
}

type Make = () => { readonly disk: Disk; readonly root: string }

/** What every Disk must do. `make` gives a disk and an empty directory on it. */
export function diskSuite(name: string, make: Make): void {
  contentSuite(name, make)
  nameSuite(name, make)
  errorSuite(name, make)
}

function contentSuite(name: string, make: Make): void {
  test(`${name}: writes at positions, reads short at the end, leaves zeros in holes`, () => {
    const { disk, root } = make()
    const file = disk.open(`${root}/a`, 'create')
    file.write(text('hello'), 0)
    file.write(text('X'), 7)
    const target = new Uint8Array(10).fill(9)
    assert.equal(file.read(target, 1, 9, 2), 6)
    assert.deepEqual([...target], [9, 108, 108, 111, 0, 0, 88, 9, 9, 9])
    assert.equal(file.read(target, 0, 4, 8), 0)
    assert.equal(file.size(), 8)
    assert.equal(disk.size(`${root}/a`), 8)
    assert.equal(file.path, `${root}/a`)
    file.sync()
    file.close()
    file.close()
  })

  test(`${name}: truncates, and shows zeros where a file grows again`, () => {
    const { disk, root } = make()
    const file = disk.open(`${root}/a`, 'create')
    file.write(text('abcdef'), 0)
    file.truncate(2)
    file.write(text('z'), 4)
    file.close()
    assert.deepEqual(readFile(disk, `${root}/a`), new Uint8Array([97, 98, 0, 0, 122]))
  })
}

function nameSuite(name: string, make: Make): void {
  test(`${name}: lists names in order, only of the directory itself, none for a missing one`, () => {
    const { disk, root } = make()
    disk.makeDirectory(`${root}/d/e`)
    disk.makeDirectory(`${root}/d/e`)
    for (const path of ['d/b', 'd/a', 'd/e/c']) disk.open(`${root}/${path}`, 'create').close()
    assert.deepEqual(disk.list(`${root}/d`), ['a', 'b', 'e'])
    assert.deepEqual(disk.list(`${root}/none`), [])
    assert.equal(disk.exists(`${root}/d/e`), true)
    assert.equal(disk.exists(`${root}/d/x`), false)
    disk.syncDirectory(`${root}/d`)
  })

  test(`${name}: renames over a file, links without replacing, removes`, () => {
    const { disk, root } = make()
    replaceFile(disk, root, 'one', text('1'))
    replaceFile(disk, root, 'one', text('uno'))
    disk.link(`${root}/one`, `${root}/two`)
    refuses('ERR_FILE_EXISTS', `${root}/two`, () => disk.link(`${root}/one`, `${root}/two`))
    disk.remove(`${root}/one`)
    assert.deepEqual(readFile(disk, `${root}/two`), text('uno'))
    assert.deepEqual(disk.list(root), ['two'])
  })

  test(`${name}: an open file outlives its name`, () => {
    const { disk, root } = make()
    replaceFile(disk, root, 'gone', text('still here'))
    const file = disk.open(`${root}/gone`, 'read')
    disk.remove(`${root}/gone`)
    const bytes = new Uint8Array(5)
    assert.equal(file.read(bytes, 0, 5, 6), 4)
    assert.deepEqual(bytes, text('here\0'))
    file.close()
  })
}

function errorSuite(name: string, make: Make): void {
  test(`${name}: missing files are ERR_FILE_NOT_FOUND with the path`, () => {
    const { disk, root } = make()
    const path = `${root}/none`
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.open(path, 'read'))
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.open(path, 'write'))
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.open(`${path}/a`, 'create'))
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.size(path))
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.remove(path))
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.rename(path, `${root}/b`))
    refuses('ERR_FILE_NOT_FOUND', path, () => disk.syncDirectory(path))
  })

  test(`${name}: a closed file is ERR_DISK_IO`, () => {
    const { disk, root } = make()
    const file = disk.open(`${root}/a`, 'create')
    file.close()
    refuses('ERR_DISK_IO', `${root}/a`, () => file.write(text('a'), 0))
    refuses('ERR_DISK_IO', `${root}/a`, () => file.size())
    refuses('ERR_DISK_IO', `${root}/a`, () => file.sync())
  })
}
