import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFile, replaceFile } from '../../../src/disk/disk.ts'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { LogView } from '../../../src/log/embedded/log-view.ts'
import { openLog, refuses, text, untext } from './harness.ts'

const path = '/data/format.json'

test('format.json: a new directory gets it, and it names version and job', () => {
  const disk = new MemDisk()
  openLog(disk, { job: 'visits' })
  const value = JSON.parse(untext(readFile(disk, path))) as Record<string, unknown>
  assert.equal(value['format'], 1)
  assert.equal(value['job'], 'visits')
  assert.equal(typeof value['checksum'], 'string')
})

test('format.json: another job is refused, both are named; no job opens any; a job takes a directory without one', () => {
  const disk = new MemDisk()
  openLog(disk, { job: null })
  openLog(disk, { job: 'visits' })
  refuses('ERR_DATA_DIR_OTHER_JOB', ['"visits"', '"orders"', '/data'], () => openLog(disk, { job: 'orders' }))
  openLog(disk, { job: null })
  openLog(disk, { job: 'visits' })
  assert.equal(LogView.open({ disk, directory: '/data' }).job, 'visits')
})

test('format.json: a newer version is refused, by views too', () => {
  const disk = new MemDisk()
  openLog(disk)
  replaceFile(disk, '/data', 'format.json', text('{"format":2,"job":"job","checksum":"whatever","more":[]}'))
  refuses('ERR_FORMAT_NEWER', ['format 2', 'up to 1'], () => openLog(disk))
  refuses('ERR_FORMAT_NEWER', ['format 2'], () => LogView.open({ disk, directory: '/data' }))
})

test('format.json: any flipped bit that changes its meaning is refused', () => {
  const disk = new MemDisk()
  openLog(disk)
  const good = readFile(disk, path)
  let refused = 0
  for (let at = 0; at < good.length; at++) {
    const bad = good.slice()
    bad[at] = (bad[at] as number) ^ 1
    replaceFile(disk, '/data', 'format.json', bad)
    try {
      openLog(disk)
    } catch (error) {
      assert.match(String(error), /format\.json is damaged|newer version|another/)
      refused++
      continue
    }
    // Only white space may change unseen.
    assert.ok([32, 10].includes(good[at] as number), `byte ${at}`)
  }
  assert.ok(refused > 30)
})

test('view: a missing directory and one without data are refused', () => {
  const disk = new MemDisk()
  refuses('ERR_NOT_A_DATA_DIR', ['/data', 'does not exist'], () => LogView.open({ disk, directory: '/data' }))
  disk.makeDirectory('/data')
  refuses('ERR_NOT_A_DATA_DIR', ['/data', 'holds no data'], () => LogView.open({ disk, directory: '/data' }))
})
