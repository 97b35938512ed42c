import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { tellingReads } from '../../src/disk/telling-reads.ts'

test('reads are told once, however often and in whatever order they are repeated', () => {
  const disk = new MemDisk()
  const file = disk.open('/a', 'create')
  file.write(new Uint8Array(1000), 0)
  file.close()
  const told: number[] = []
  const telling = tellingReads(disk, (bytes) => told.push(bytes))
  const opened = telling.open('/a', 'read')
  const target = new Uint8Array(1000)
  assert.equal(opened.read(target, 0, 400, 0), 400)
  assert.equal(opened.read(target, 0, 400, 0), 400)
  assert.equal(opened.read(target, 0, 600, 200), 600)
  assert.equal(opened.read(target, 0, 1000, 900), 100)
  opened.close()
  assert.deepEqual(told, [400, 400, 200])
  assert.equal(telling.size('/a'), 1000)
})
