import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  isStalled,
  MAX_FILES,
  MAX_RUNNING,
  planMerge,
  type PlannedFile,
  STALL_FILES,
} from '../../src/lsm/plan-merge.ts'

function file(sizeBytes: number, more: Partial<PlannedFile> = {}): PlannedFile {
  return { sizeBytes, entries: sizeBytes, deletions: 0, group: '', busy: false, ...more }
}

function sizes(...sizesBytes: number[]): PlannedFile[] {
  return sizesBytes.map((sizeBytes) => file(sizeBytes))
}

const MIB = 1024 * 1024

test('plans: four of a size, the newest run first, and what it outgrew', () => {
  assert.equal(planMerge([]), null)
  assert.equal(planMerge(sizes(5, 5, 5)), null)
  assert.deepEqual(planMerge(sizes(5, 5, 5, 5)), [0, 1, 2, 3])
  assert.deepEqual(planMerge(sizes(5, 5, 5, 100, 1000)), null)
  assert.deepEqual(planMerge(sizes(5, 5, 5, 15, 1000)), [0, 1, 2, 3])
  assert.deepEqual(planMerge(sizes(1, 100, 90, 80, 70, 5000)), [1, 2, 3, 4])
  assert.deepEqual(planMerge(sizes(1, 2, 4, 8, 16, 32, 64, 128, 256)), [0, 1])
})

test('plans: all files as soon as the newer ones outweigh the oldest, deletions by what they delete', () => {
  assert.equal(planMerge(sizes(9 * MIB, 10 * MIB)), null)
  assert.deepEqual(planMerge(sizes(10 * MIB, 10 * MIB)), [0, 1])
  const deletions = file(MIB, { entries: 100_000, deletions: 100_000 })
  assert.deepEqual(planMerge([deletions, file(10 * MIB, { entries: 100_000 })]), [0, 1])
  assert.equal(planMerge([deletions, file(100 * MIB, { entries: 1_000_000 })]), null)
})

test('plans: what is busy is left alone, and newer files are merged beside it', () => {
  const busy = [file(40, { busy: true }), file(40, { busy: true })]
  assert.equal(planMerge([...sizes(5, 5, 5), ...busy]), null)
  assert.deepEqual(planMerge([...sizes(5, 5, 5, 5), ...busy]), [0, 1, 2, 3])
  assert.deepEqual(planMerge([...sizes(1, 2, 4, 8, 16, 32, 64, 128), ...busy]), [0, 1])
  assert.equal(planMerge(Array.from({ length: 12 }, () => file(5, { busy: true }))), null)
})

test('plans: files of different groups are never merged; the group with most files comes first', () => {
  const files = [file(5, { group: 'a' }), file(5, { group: 'b' }), file(5, { group: 'a' }), file(5, { group: 'b' })]
  assert.equal(planMerge(files), null)
  const more = [file(5, { group: 'b' }), ...files, file(5, { group: 'b' }), file(5, { group: 'b' }), ...files]
  assert.deepEqual(planMerge(more), [0, 2, 4, 5, 6, 8, 10])
})

test('a base is stalled by too many files in one group only', () => {
  const many = Array.from({ length: STALL_FILES - 1 }, () => file(5))
  assert.equal(isStalled([...many, file(5, { group: 'b' })]), false)
  assert.equal(isStalled([...many, file(5)]), true)
})

test('plans keep the number of files bounded, merge neighbours only, and write each entry a bounded number of times', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 400 }), (flushes) => {
      let files: PlannedFile[] = []
      let flushed = 0
      let merged = 0
      for (const sizeBytes of flushes) {
        files = [file(sizeBytes), ...files]
        flushed += sizeBytes
        const plan = planMerge(files)
        if (plan !== null) {
          assert.ok(plan.length >= 2)
          plan.forEach((index, i) => assert.equal(index, (plan[0] as number) + i))
          assert.ok((plan.at(-1) as number) < files.length)
          const sum = plan.reduce((total, index) => total + (files[index] as PlannedFile).sizeBytes, 0)
          merged += sum
          files = files.toSpliced(plan[0] as number, plan.length, file(sum))
        }
        assert.ok(files.length <= MAX_FILES)
      }
      if (flushes.length > 0) assert.ok(merged <= flushed * (2 + Math.log2(flushes.length)), `${merged} of ${flushed}`)
    }),
    { numRuns: 300 },
  )
})

/** A sorted file of the simulation: which keys it has; every entry is ENTRY_BYTES. */
interface SimulatedFile {
  readonly keys: ReadonlySet<number>
  busy: boolean
}

const ENTRY_BYTES = 1024
const FLUSH_ENTRIES = 2000
/** Entries that the compaction of a base reads or writes while its task fills a flush. */
const SPEED = 20_000

interface SimulatedMerge {
  readonly inputs: readonly SimulatedFile[]
  left: number
}

interface Figures {
  readonly writeAmplification: number
  /** Bytes of files against those of the newest entry of each key: at the end, and at worst after each flush. */
  readonly space: number
  readonly worstSpace: number
  readonly mostFiles: number
}

/** Runs the plan over flushes whose keys `next` gives; merges take time, a few run at once, as in Compactions. */
function simulate(flushes: number, next: () => number): Figures {
  let files: SimulatedFile[] = []
  let running: SimulatedMerge[] = []
  const live = new Set<number>()
  let written = 0
  let worstSpace = 0
  let mostFiles = 0
  const space = (): number => files.reduce((sum, { keys }) => sum + keys.size, 0) / live.size
  const work = (speed: number): void => {
    let left = speed
    for (const merge of running.toSorted((a, b) => a.left - b.left)) {
      const done = Math.min(left, merge.left)
      merge.left -= done
      left -= done
    }
    for (const { inputs } of running.filter((merge) => merge.left === 0)) {
      const keys = new Set(inputs.flatMap((input) => [...input.keys]))
      written += keys.size
      const last = files.indexOf(inputs.at(-1) as SimulatedFile)
      files = files.with(last, { keys, busy: false }).filter((f) => !inputs.includes(f))
    }
    running = running.filter((merge) => merge.left > 0)
  }
  const start = (): void => {
    while (running.length < MAX_RUNNING) {
      const plan = planMerge(files.map((f) => file(f.keys.size * ENTRY_BYTES, { entries: f.keys.size, busy: f.busy })))
      if (plan === null) return
      const inputs = plan.map((index) => files[index] as SimulatedFile)
      for (const input of inputs) input.busy = true
      running.push({ inputs, left: 2 * inputs.reduce((sum, { keys }) => sum + keys.size, 0) })
    }
  }
  for (let i = 0; i < flushes; i++) {
    const keys = new Set<number>()
    while (keys.size < FLUSH_ENTRIES) keys.add(next())
    for (const key of keys) live.add(key)
    files = [{ keys, busy: false }, ...files]
    work(SPEED)
    start()
    mostFiles = Math.max(mostFiles, files.length)
    worstSpace = Math.max(worstSpace, space())
  }
  while (running.length > 0) {
    work(SPEED)
    start()
  }
  return {
    writeAmplification: (written + flushes * FLUSH_ENTRIES) / (flushes * FLUSH_ENTRIES),
    space: space(),
    worstSpace,
    mostFiles,
  }
}

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}

const KEYS = 50_000

interface Workload {
  readonly name: string
  readonly flushes: number
  readonly next: () => number
  readonly limits: { readonly writes: number; readonly space: number }
}

function workloads(): Workload[] {
  const chance = random(7)
  let at = 0
  return [
    {
      name: 'churn: all keys in order, then each five times more',
      flushes: (6 * KEYS) / FLUSH_ENTRIES,
      next: () => at++ % KEYS,
      limits: { writes: 9, space: 2 },
    },
    {
      name: 'steady overwrite of random keys',
      flushes: 300,
      next: () => Math.floor(chance() * KEYS),
      limits: { writes: 9, space: 2 },
    },
    { name: 'insert only', flushes: 200, next: () => at++, limits: { writes: 8, space: 1.01 } },
    {
      name: 'zipf',
      flushes: 300,
      next: () => Math.floor(KEYS ** chance()),
      limits: { writes: 8, space: 2 },
    },
    {
      name: 'a state as large as a flush',
      flushes: 300,
      next: () => at++ % FLUSH_ENTRIES,
      limits: { writes: 4, space: 2 },
    },
  ]
}

for (const { name, flushes, next, limits } of workloads()) {
  test(`L3: files take at most twice the space of what lives in them, and entries are written a few times: ${name}`, (t) => {
    const figures = simulate(flushes, next)
    t.diagnostic(
      `${name}: write amplification ${figures.writeAmplification.toFixed(1)}, space ${figures.space.toFixed(2)} at the ` +
        `end and at most ${figures.worstSpace.toFixed(2)}, at most ${figures.mostFiles} files`,
    )
    assert.ok(figures.writeAmplification <= limits.writes, `write amplification ${figures.writeAmplification}`)
    assert.ok(figures.space <= limits.space, `space ${figures.space}`)
    assert.ok(figures.worstSpace <= 3, `worst space ${figures.worstSpace}`)
    assert.ok(figures.mostFiles < STALL_FILES, `${figures.mostFiles} files`)
  })
}
