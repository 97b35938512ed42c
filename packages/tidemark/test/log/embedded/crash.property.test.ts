import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { openSmall, Workload } from './workload.ts'

test('any life, cut off by any number of crashes, ends with every transaction there, whole and once', () => {
  const crash = fc.record({ after: fc.integer({ min: 1, max: 400 }), seed: fc.nat(), power: fc.boolean() })
  const fsync = fc.constantFrom('commit', 'always')
  fc.assert(
    fc.property(fc.nat(), fsync, fc.array(crash, { maxLength: 4 }), (seed, policy, crashes) => {
      const disk = new MemDisk()
      const workload = new Workload(seed, 10)
      for (const { after, seed: fate, power } of crashes) {
        disk.stopAfter(after)
        try {
          const log = openSmall(disk, { fsync: policy })
          workload.run(log, workload.check(disk, log))
        } catch (error) {
          if (!disk.stopped) throw error
        }
        if (power) disk.crash({ seed: fate })
        else disk.restart()
      }
      const log = openSmall(disk, { fsync: policy })
      workload.run(log, workload.check(disk, log))
      assert.equal(workload.check(disk, log), workload.all.length)
    }),
    { numRuns: 300 },
  )
})
