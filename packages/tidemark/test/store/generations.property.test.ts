import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { StoredDelta } from '../../src/log/types.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import { readingSpec } from '../../src/ops/known-serde.ts'
import { json } from '../../src/serde/json.ts'
import type { Serde } from '../../src/serde/serde.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { upgraded } from '../../src/serde/upgraded.ts'
import { describe } from '../../src/store/descriptor.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { StoreSpec, TaskState } from '../../src/store/types.ts'
import { drain, kvSpec } from './harness.ts'

const v1 = uint()
const v2 = upgraded(v1, json<{ n: number }>(), (n) => ({ n }))
const v3 = upgraded(v2, json<{ total: number; of: string }>(), ({ n }) => ({ total: n, of: 'v2' }))
const SERDES = [v1, v2, v3] as unknown as readonly Serde<unknown>[]

/** What a number is in a version of the store; `written` is the version that put it. */
function shown(n: number, version: number): unknown {
  if (version === 0) return n
  return version === 1 ? { n } : { total: n, of: 'v2' }
}

/** A task's state on sorted files, whose job is changed now and then. */
class ChangingJob {
  readonly disk = new MemDisk()
  readonly #cache = new BlockCache({ capacityBytes: 1 << 20, poisons: true })
  deltas: StoredDelta[] = []
  committed = 0
  version = 0
  name = 'users'
  renamedFrom: string | null = null
  state: TaskState
  store: KeyValueStore<string, unknown>

  constructor() {
    this.state = this.#open()
    this.store = new KeyValueStore(this.state.store(this.name))
  }

  get spec(): StoreSpec {
    const spec = kvSpec(this.name, string(), SERDES[this.version] as Serde<unknown>)
    return this.renamedFrom === null ? spec : { ...spec, renamedFrom: this.renamedFrom }
  }

  #open(specs: readonly StoreSpec[] | null = null): TaskState {
    const base = openLsmBase({ disk: this.disk, directory: '/state/0', cache: this.#cache })
    return openTaskState({
      task: 'job-0',
      specs: specs ?? [this.spec],
      base,
      deltas: this.deltas,
      id: this.committed,
      moveMaxBytes: 120,
    })
  }

  reopen(): void {
    this.state.close()
    this.state = this.#open()
    this.store = new KeyValueStore(this.state.store(this.name))
  }

  upgrade(): void {
    this.version = Math.min(this.version + 1, SERDES.length - 1)
    this.reopen()
  }

  rename(): void {
    this.renamedFrom = this.name
    this.name = this.name === 'users' ? 'accounts' : 'users'
    this.reopen()
  }

  commit(): void {
    const frozen = this.state.freeze(++this.committed)
    const bytes = drain(this.state.delta(frozen))
    if (bytes !== null) this.deltas.push({ id: this.committed, bytes })
    drain(this.state.commit(frozen))
  }

  flush(): void {
    drain(this.state.flush())
    this.deltas = this.deltas.filter(({ id }) => id > this.state.flushedId)
  }

  /** The power goes in the middle of a flush. */
  crash(afterOperations: number): void {
    this.disk.stopAfter(afterOperations)
    try {
      drain(this.state.flush())
    } catch {
      // It need not get so far.
    }
    this.disk.crash({ seed: afterOperations })
    this.state = this.#open()
    this.store = new KeyValueStore(this.state.store(this.name))
  }

  /** A tool that knows no store flushes what is there. */
  flushByTool(): void {
    this.state.close()
    const state = this.#open([])
    drain(state.flush())
    this.deltas = this.deltas.filter(({ id }) => id > state.flushedId)
    state.close()
    this.state = this.#open()
    this.store = new KeyValueStore(this.state.store(this.name))
  }

  /** As a tool without the job reads it: values of any version, as numbers. */
  readByTool(): (readonly [string, number])[] {
    const base = openLsmBase({ disk: this.disk, directory: '/state/0', cache: this.#cache, readOnly: true })
    const state = openTaskState({
      task: 'job-0',
      specs: (written) => [readingSpec(describe(this.spec), false, written)],
      base,
      deltas: this.deltas,
      id: this.committed,
    })
    try {
      const store = new KeyValueStore<string, unknown>(state.store(this.name))
      return [...store.entries()].map(({ key, value }) => [key, numberOf(value)] as const)
    } finally {
      state.close()
    }
  }
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  const { n, total } = value as { n?: number; total?: number }
  return (n ?? total) as number
}

const round = fc.record({
  writes: fc.array(fc.tuple(fc.nat(60), fc.option(fc.nat(1000), { freq: 3 })), { maxLength: 40, size: 'max' }),
  after: fc.constantFrom('commit', 'flush', 'flush', 'reopen', 'upgrade', 'rename', 'crash', 'flushByTool'),
  operations: fc.nat(25),
  read: fc.nat(60),
  reverse: fc.boolean(),
})

test('V1: values of older versions, under older names, are read as the newest, through commits, flushes, crashes and merges', () => {
  let moved = 0
  fc.assert(
    fc.property(fc.array(round, { minLength: 2, maxLength: 18, size: 'max' }), (rounds) => {
      const job = new ChangingJob()
      const model = new Map<string, number>()
      for (const { writes, after, read, reverse, operations } of rounds) {
        for (const [number, value] of writes) {
          const key = `key-${number}`
          if (value === null) job.store.delete(key)
          else job.store.put(key, shown(value, job.version))
          if (value === null) model.delete(key)
          else model.set(key, value)
        }
        job.commit()
        if (after === 'crash') job.crash(operations)
        else if (after !== 'commit') job[after as 'flush']()
        const found = model.get(`key-${read}`)
        const expected = found === undefined ? undefined : shown(found, job.version)
        assert.deepEqual(job.store.get(`key-${read}`), expected)
        const all = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1))
        assert.deepEqual(job.readByTool(), all)
        if (reverse) all.reverse()
        const seen = [...job.store.entries({ reverse })].map(({ key, value }) => [key, value])
        assert.deepEqual(
          seen,
          all.map(([key, n]) => [key, shown(n, job.version)]),
        )
      }
      // What is left of the older generations goes with the flushes that follow.
      for (let turn = 0; job.state.wantsFlush; turn++) {
        assert.ok(turn < 200, 'moving comes to an end')
        job.flush()
        moved++
      }
      job.state.close()
      const base = openLsmBase({
        disk: job.disk,
        directory: '/state/0',
        cache: new BlockCache({ capacityBytes: 1 << 20, poisons: true }),
        readOnly: true,
      })
      assert.ok(base.descriptors.length <= 1, JSON.stringify(base.descriptors))
      for (const { valueVersion } of base.descriptors) assert.equal(valueVersion, job.version + 1)
      base.close()
    }),
    { numRuns: 120 },
  )
  assert.ok(moved > 50)
})
