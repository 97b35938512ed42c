import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../../src/clock/clock.ts'
import { MemDisk } from '../../../src/disk/mem-disk.ts'
import { seededRandom } from '../../../src/hash/seeded-random.ts'
import { inlineCompactor } from '../../../src/lsm/inline-compactor.ts'
import { openBenchState } from '../../../src/ops/bench-store/bench-state.ts'
import { benchStore, type StoreBenchOptions } from '../../../src/ops/bench-store/bench-store.ts'
import { Latency } from '../../../src/ops/bench-store/latency.ts'
import { WorkloadRun } from '../../../src/ops/bench-store/run-workload.ts'
import { WORKLOADS } from '../../../src/ops/bench-store/workloads.ts'

const KEYS = 2000

function options(disk: MemDisk): Omit<StoreBenchOptions, 'workloads'> {
  return {
    disk,
    clock: systemClock,
    random: seededRandom(3),
    compactor: inlineCompactor(disk, () => {}),
    directory: 'bench',
    engine: 'lsm',
    keys: KEYS,
    valueBytes: 100,
    distribution: 'zipf',
    durationMs: 5,
    commitEvery: 500,
    cacheBytes: 1 << 20,
    valueCacheBytes: 65_536,
    flushBytes: 1024 * 1024,
    loadLimitMs: 600_000,
    dropPageCache: () => false,
  }
}

test('every workload is measured, in order; a cold read says whether the page cache was emptied', async () => {
  const seen: string[] = []
  for await (const result of benchStore({ ...options(new MemDisk()), workloads: [...WORKLOADS] })) {
    seen.push(result.workload)
    assert.ok(result.opsPerSecond > 0 && result.p99Us > 0 && result.keys === KEYS, JSON.stringify(result))
    assert.equal(result.cold, result.workload !== 'get-cold')
    assert.equal(result.state.base.entries >= KEYS, true)
  }
  assert.deepEqual(seen, [...WORKLOADS])
})

test('workloads do what they say: found are all keys, none, or ten entries for each range', async () => {
  const disk = new MemDisk()
  const common = { ...options(disk), workloads: [] }
  const found = async (workload: (typeof WORKLOADS)[number]): Promise<number> => {
    const state = await openBenchState({ ...common, directory: 'bench/lsm' })
    const run = new WorkloadRun(state, workload, common)
    const { operations } = await run.run()
    state.close()
    return run.found / operations
  }
  assert.equal(await found('put'), 0)
  assert.equal(await found('get-cold'), 1)
  assert.equal(await found('get-missing'), 0)
  assert.ok((await found('range')) > 9.5)
  const mixed = await found('mixed-50')
  assert.ok(mixed > 0.3 && mixed < 0.7, String(mixed))
})

test('percentiles are within 4 % of the sorted durations', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 1, maxLength: 300 }), (durations) => {
      const latency = new Latency()
      for (const ns of durations) latency.add(ns)
      const sorted = durations.toSorted((a, b) => a - b)
      for (const part of [0.5, 0.99, 1]) {
        const exact = sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] as number
        const told = latency.percentileUs(part) * 1000
        assert.ok(told >= exact && told <= exact * 1.04 + 1, `${told} for ${exact}`)
      }
    }),
  )
})
