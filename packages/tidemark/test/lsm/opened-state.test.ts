import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { isTidemarkError } from '../../src/errors/error.ts'
import { bytesOf, sortedChanges } from '../../src/testing/base-model.ts'
import { DESCRIPTORS } from '../../src/testing/conformance-bench.ts'
import { drain } from '../store/harness.ts'
import { openBaseOn } from './support.ts'

test('C1: what an owner finds at its start outlives a loss of power, though the one before died as it wrote it', () => {
  const changes = [sortedChanges('a', [{ key: bytesOf('key'), value: bytesOf('value') }])]
  const ids = new Set<number>()
  for (let operations = 0; operations < 24; operations++) {
    const disk = new MemDisk()
    const first = openBaseOn(disk)
    drain(first.write(1, DESCRIPTORS, changes))
    disk.stopAfter(operations)
    try {
      drain(first.write(2, DESCRIPTORS, changes))
    } catch (error) {
      if (!isTidemarkError(error, 'ERR_DISK_IO')) throw error
    }
    disk.restart()
    const { id } = openBaseOn(disk)
    ids.add(id)
    for (const seed of [1, 2, 3]) {
      disk.crash({ seed })
      assert.equal(openBaseOn(disk).id, id, `after ${operations} operations, with seed ${seed}`)
    }
  }
  assert.deepEqual(
    [...ids].toSorted((a, b) => a - b),
    [1, 2],
  )
})
