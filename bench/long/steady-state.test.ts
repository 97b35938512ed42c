import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../packages/tidemark/src/clock/clock.ts'
import { MemDisk } from '../../packages/tidemark/src/disk/mem-disk.ts'
import { seededRandom } from '../../packages/tidemark/src/hash/seeded-random.ts'
import { inlineCompactor } from '../../packages/tidemark/src/lsm/inline-compactor.ts'
import { judge } from './flatness.ts'
import { toSvg } from './plot.ts'
import { fromCsv, median, type Sample, toCsv } from './samples.ts'
import { runSteady } from './steady-run.ts'

/** Overwrites in simulation: 2.3 MB that live, flushed many times. */
function simulate(durationMs: number): Promise<Sample[]> {
  const disk = new MemDisk({ tracked: false })
  const clock = new ManualClock(1000)
  return runSteady({
    disk,
    clock,
    random: seededRandom(7),
    compactor: inlineCompactor(disk, () => {}),
    directory: 'long',
    keys: 20_000,
    valueBytes: 100,
    ratePerSecond: 20_000,
    durationMs,
    sampleMs: 500,
    commitIntervalMs: 100,
    cacheBytes: 1 << 20,
    flushBytes: 128 * 1024,
    turnMs: 2,
    gauges: null,
    pause: async (ms) => clock.advance(Math.max(1, ms)),
  })
}

test('a steady load in simulation is flat: space, files, memory', async () => {
  const samples = await simulate(15_000)
  const last = samples.at(-1) as Sample
  assert.equal(samples.length, 30)
  assert.ok(last.flushes > 30 && last.compactions > 5, `${last.flushes} flushes, ${last.compactions} merges`)
  assert.deepEqual(
    judge(samples).filter(({ holds }) => !holds),
    [],
  )
  assert.ok(last.writeAmplification > 1 && last.writeAmplification < 6, String(last.writeAmplification))
  // What was overwritten many times takes no more than what lives, and a part of what was flushed since.
  assert.ok(last.spaceFactor > 0.8, String(last.spaceFactor))
  // A budget of 1 MiB for both caches, one memtable to flush and one being flushed.
  assert.ok(Math.max(...samples.map(({ layerBytes }) => layerBytes)) < 2 << 20)
})

test('the same seed gives the same samples', async () => {
  assert.deepEqual(await simulate(3000), await simulate(3000))
})

function flat(change: (i: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 30 }, (_, i) => ({
    seconds: 10 * (i + 1),
    operationsPerSecond: 30_000,
    files: 4,
    diskBytes: 150e6,
    namedBytes: 140e6,
    spaceFactor: 1.2,
    diskFactor: 1.3,
    journalBytes: 1e6,
    writeAmplification: 4,
    flushes: i,
    compactions: i,
    compactionsRunning: i % 2,
    readP50Us: 2,
    readP99Us: 50,
    writeP99Us: 15,
    lateMaxMs: 3,
    stalledMs: 0,
    loopDelayP99Ms: 2,
    loopDelayMaxMs: 20,
    rssBytes: 400e6,
    heapBytes: 50e6,
    externalBytes: 90e6,
    layerBytes: 40e6,
    cores: 0.4,
    ...change(i),
  }))
}

function failing(change: (i: number) => Partial<Sample>): string[] {
  return judge(flat(change)).flatMap(({ holds, what }) => (holds ? [] : [what.split(',')[0] as string]))
}

test('a run that grows, slows down or stops is told from a flat one', () => {
  assert.deepEqual(
    failing(() => ({})),
    [],
  )
  assert.deepEqual(
    failing((i) => ({ rssBytes: 400e6 + i * 20e6 })),
    ['rssBytes'],
  )
  assert.deepEqual(
    failing((i) => ({ heapBytes: 50e6 + i * 5e6 })),
    ['heapBytes'],
  )
  assert.deepEqual(
    failing((i) => ({ readP99Us: i < 22 ? 50 : 90 })),
    ['readP99Us'],
  )
  assert.deepEqual(
    failing((i) => ({ files: i === 25 ? 21 : 4 })),
    ['files'],
  )
  assert.deepEqual(
    failing((i) => ({ operationsPerSecond: i > 25 ? 0 : 30_000 })),
    ['operations a second'],
  )
  assert.deepEqual(
    failing((i) => ({ stalledMs: i === 25 ? 9000 : 0 })),
    ['part of the time that the state took no operations'],
  )
  assert.deepEqual(
    failing((i) => ({ spaceFactor: i % 10 === 4 ? 2.1 : 1.2 })),
    ['space factor without merges in flight'],
  )
  // A merge in flight may take more; not without bounds.
  assert.deepEqual(
    failing((i) => ({ spaceFactor: i % 10 === 5 ? 2.1 : 1.2 })),
    [],
  )
  assert.deepEqual(
    failing((i) => ({ diskFactor: i % 10 === 5 ? 3.6 : 1.2 })),
    ['bytes on disk with merges in flight for each live byte'],
  )
  // What caches take while they fill does not count.
  assert.deepEqual(
    failing((i) => ({ rssBytes: Math.min(10, i) * 40e6 })),
    [],
  )
  assert.throws(() => judge(flat(() => ({})).slice(0, 8)), /too few/)
})

test('samples are written as lines and drawn', () => {
  const samples = flat((i) => ({ rssBytes: 400e6 + i * 1e6 }))
  const lines = toCsv(samples).trimEnd().split('\n')
  assert.equal(lines.length, 31)
  assert.equal(lines[0]?.split(',')[0], 'seconds')
  const column = (lines[0] ?? '').split(',').indexOf('rssBytes')
  assert.equal(Number(lines[30]?.split(',')[column]), 429e6)
  assert.equal(toCsv([]), '')
  assert.deepEqual(fromCsv(toCsv(samples)), samples)
  assert.throws(() => fromCsv('a,b\n1\n'), /1 cells, the first 2/)
  const svg = toSvg('1 < 2', samples)
  assert.match(svg, /^<svg xmlns="[^"]+" width="\d+"/)
  assert.ok(svg.includes('1 &lt; 2') && svg.trimEnd().endsWith('</svg>') && !svg.includes('NaN'))
  const points = [...svg.matchAll(/points="([^"]+)"/g)].map(([, found]) => (found as string).split(' '))
  assert.equal(points.length, 14)
  for (const line of points) {
    assert.equal(line.length, 30)
    for (const point of line) assert.match(point, /^\d+\.\d,\d+\.\d$/)
  }
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3]), median([])], [2, 2.5, Number.NaN])
})
