import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { CompactionHandle, CompactionResult, CompactionTask, Compactor } from '../../src/lsm/compaction.ts'
import { inlineCompactor } from '../../src/lsm/inline-compactor.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import { MAX_RUNNING, STALL_FILES } from '../../src/lsm/plan-merge.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { drain, Harness, kvSpec } from '../store/harness.ts'
import { applyTo, expectSame, key, openBaseOn, settle, write, type Change, type Model } from './support.ts'

function changesOf(id: number): Change[] {
  return Array.from({ length: 30 }, (_, i) => ({ key: key(`k${(i * 7 + id) % 50}`), value: key(`${id} of ${i}`) }))
}

/** A compactor that works only when the test lets it. */
class HeldCompactor implements Compactor {
  readonly tasks: CompactionTask[] = []
  readonly #inner: Compactor
  #held: (() => void)[] = []

  constructor(disk: MemDisk) {
    this.#inner = inlineCompactor(disk, () => {})
  }

  compact(task: CompactionTask, done: (result: CompactionResult) => void): CompactionHandle {
    this.tasks.push(task)
    let cancelled = false
    this.#held.push(() => {
      const { steps } = this.#inner.compact(task, (result) => {
        if (!cancelled) done(result)
      })
      if (steps !== null && !cancelled) runToEnd(steps)
    })
    return {
      steps: null,
      cancel: () => {
        cancelled = true
      },
    }
  }

  letGo(): void {
    const held = this.#held
    this.#held = []
    for (const work of held) work()
  }
}

test('L4: a base whose files pile up says so, asks for a write when a merge is done, and goes on', () => {
  const disk = new MemDisk()
  const compactor = new HeldCompactor(disk)
  const base = openBaseOn(disk, { compactor })
  const model: Model = new Map()
  let id = 0
  while (!base.stalled) {
    id++
    assert.ok(id <= STALL_FILES, 'it is stalled in time')
    assert.equal(base.wantsWrite, false)
    write(base, id, changesOf(id))
    applyTo(model, changesOf(id))
  }
  assert.equal(base.statistics().files, STALL_FILES)
  assert.equal(base.statistics().writes?.stalled, true)
  assert.equal(compactor.tasks.length, MAX_RUNNING, 'so many at a time')
  assert.equal(base.wantsWrite, false, 'there is nothing to be had from a write yet')
  compactor.letGo()
  assert.equal(base.wantsWrite, true)
  expectSame(base, model)
  settle(base)
  assert.equal(base.stalled, false)
  assert.equal(base.wantsWrite, false)
  expectSame(base, model)
  base.close()
})

test('L4: a base that was left with too many files asks for a write when it is opened and nothing is under way', () => {
  const disk = new MemDisk()
  const held = openBaseOn(disk, { compactor: new HeldCompactor(disk) })
  for (let id = 1; id <= STALL_FILES; id++) write(held, id, changesOf(id))
  held.close()
  const compactor = new HeldCompactor(disk)
  const base = openBaseOn(disk, { compactor })
  assert.equal(base.stalled, true)
  assert.ok(compactor.tasks.length > 0, 'merges start at opening')
  compactor.letGo()
  assert.equal(base.wantsWrite, true)
  settle(base)
  compactor.letGo()
  settle(base)
  assert.equal(base.stalled, false)
})

test('L4: a state whose flush is slower than its changes is stalled until the flush is done', () => {
  const harness = new Harness([kvSpec('numbers', string(), uint())], { flushThresholdBytes: 2000 })
  const store = harness.state.store('numbers')
  const put = (from: number): void => {
    for (let i = from; i < from + 20; i++) {
      const bytes = key(`key ${i}`)
      store.put(bytes, 0, bytes.length, i)
    }
    harness.commit()
  }
  put(0)
  const flush = harness.state.flush()
  flush.next()
  let rounds = 1
  for (; !harness.state.stalled; rounds++) {
    assert.ok(rounds < 100)
    put(rounds * 20)
  }
  assert.ok(rounds > 2)
  drain(flush)
  assert.equal(harness.state.stalled, false)
})
