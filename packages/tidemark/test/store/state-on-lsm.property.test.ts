import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import type { StoredDelta } from '../../src/log/types.ts'
import { KeyValueStore } from '../../src/store/kv-store.ts'
import { openTaskState } from '../../src/store/open.ts'
import type { TaskState } from '../../src/store/types.ts'
import { drain, NUMBERS } from './harness.ts'

/** A task's state on sorted files. */
class OnFiles {
  readonly #disk = new MemDisk()
  readonly #cache = new BlockCache({ capacityBytes: 1 << 20, poisons: true })
  #deltas: StoredDelta[] = []
  #committed = 0
  state: TaskState = this.#open()
  store: KeyValueStore<string, number> = new KeyValueStore(this.state.store('numbers'))

  #open(): TaskState {
    const base = openLsmBase({ disk: this.#disk, directory: 'state/0', cache: this.#cache })
    return openTaskState({ task: 'job-0', specs: [NUMBERS], base, deltas: this.#deltas, id: this.#committed })
  }

  reopen(): void {
    this.state.close()
    this.state = this.#open()
    this.store = new KeyValueStore(this.state.store('numbers'))
  }

  commit(): void {
    const frozen = this.state.freeze(++this.#committed)
    const bytes = drain(this.state.delta(frozen))
    if (bytes !== null) this.#deltas.push({ id: this.#committed, bytes })
    drain(this.state.commit(frozen))
  }

  flush(): void {
    drain(this.state.flush())
    this.#deltas = this.#deltas.filter(({ id }) => id > this.state.flushedId)
  }
}

const round = fc.record({
  writes: fc.array(fc.tuple(fc.nat(300), fc.option(fc.nat(1000), { freq: 3 })), { maxLength: 120, size: 'max' }),
  after: fc.constantFrom('commit' as const, 'flush' as const, 'reopen' as const),
  read: fc.nat(300),
  reverse: fc.boolean(),
})

test('a state on sorted files looks like a sorted map, through flushes, merges of files and restarts (C1)', () => {
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 15, size: 'max' }), (rounds) => {
      const files = new OnFiles()
      const model = new Map<string, number>()
      for (const { writes, after, read, reverse } of rounds) {
        for (const [number, value] of writes) {
          const key = `key-${number}`
          if (value === null) files.store.delete(key)
          else files.store.put(key, value)
          if (value === null) model.delete(key)
          else model.set(key, value)
        }
        files.commit()
        if (after !== 'commit') files[after]()
        assert.equal(files.store.get(`key-${read}`), model.get(`key-${read}`))
        const expected = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1))
        if (reverse) expected.reverse()
        const seen = [...files.store.entries({ reverse })].map(({ key, value }) => [key, value])
        assert.deepEqual(seen, expected)
      }
    }),
    { numRuns: 60 },
  )
})

test('an iterator over sorted files is stable while flushes replace them', () => {
  const files = new OnFiles()
  for (let i = 0; i < 500; i++) files.store.put(`key-${i}`, i)
  files.commit()
  files.flush()
  const before = files.store.entries()
  const first = before.next().value
  for (let turn = 0; turn < 12; turn++) {
    for (let i = 0; i < 500; i++) {
      if ((i + turn) % 3 === 0) files.store.delete(`key-${i}`)
      else files.store.put(`key-${i}`, 1000 + turn)
    }
    files.commit()
    files.flush()
  }
  const seen = [first, ...before].map((entry) => entry?.value)
  assert.deepEqual(
    seen,
    Array.from({ length: 500 }, (_, i) => `key-${i}`)
      .toSorted()
      .map((key) => Number(key.slice(4))),
  )
  files.state.close()
})
