import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { string } from '../../src/serde/string.ts'
import { uint } from '../../src/serde/uint.ts'
import { WindowStore } from '../../src/store/window-store.ts'
import { openBaseOn } from '../lsm/support.ts'
import { drain, Harness, windowSpec } from './harness.ts'

const HOUR = 3_600_000
const SPEC = windowSpec('visits', string(), uint(), { windowSizeMs: HOUR, retentionMs: 8 * HOUR })

function storeOf(harness: Harness): WindowStore<string, number> {
  return new WindowStore<string, number>(harness.state.store('visits'))
}

/** One window an hour for ten users. */
function fill(store: WindowStore<string, number>, from: number, to: number): void {
  for (let hour = from; hour < to; hour++) {
    for (let user = 0; user < 10; user++) store.put(`user${user}`, hour * HOUR, hour)
  }
}

function hours(store: { all(): Iterable<{ readonly window: { readonly start: number } }> }): number[] {
  const found = new Set<number>()
  for (const { window } of store.all()) found.add(window.start / HOUR)
  return [...found].sort((a, b) => a - b)
}

test('L5: on sorted files windows expire without deletions, as of the commit that knew of it', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  const harness = new Harness([SPEC], { base })
  const store = storeOf(harness)
  fill(store, 0, 10)
  harness.commit()
  drain(harness.state.flush())
  const files = base.statistics().files
  assert.ok(files >= 10, 'a file for each bucket')
  assert.equal(store.expire(13 * HOUR), false, 'there is nothing to go through')
  assert.deepEqual(hours(store), [5, 6, 7, 8, 9], 'what has expired is out of sight at once')
  assert.equal(harness.state.dirty, false, 'nothing was deleted')
  fill(store, 10, 11)
  const frozen = harness.state.freeze(harness.committed + 1)
  store.expire(15 * HOUR)
  harness.decide(drain(harness.state.delta(frozen)))
  drain(harness.state.commit(frozen))
  drain(harness.state.flush())
  assert.equal(base.expiredBefore('visits'), 5 * HOUR, 'as of the freeze, not of now')
  assert.equal(base.statistics().files, files - 5 + 1)
  assert.equal(base.statistics().deletions, 0)
  assert.deepEqual(hours(store), [7, 8, 9, 10])
  assert.deepEqual(hours(store.committed()), [7, 8, 9, 10])
  harness.state.close()
  const again = new Harness([SPEC], { base: openBaseOn(disk), deltas: [], id: harness.committed })
  assert.deepEqual(
    hours(storeOf(again)),
    [5, 6, 7, 8, 9, 10],
    'the watermark of the crash is not known; that of the files is',
  )
})
