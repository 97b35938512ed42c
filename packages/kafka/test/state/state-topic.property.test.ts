import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchEncoder, RecordCursor, type StoredDelta } from 'tidemark/system'
import { openTaskState } from '../../../tidemark/src/store/open.ts'
import { kvSpec, drain, Harness } from '../../../tidemark/test/store/harness.ts'
import { MapBase } from '../../../tidemark/test/store/map-base.ts'
import { string, uint } from 'tidemark'
import type { CommitRecord } from '../../src/state/commit-record.ts'
import { DeltaCollector } from '../../src/state/delta-collector.ts'
import { StateBatches } from '../../src/state/state-batches.ts'
import { StoreTable } from '../../src/state/store-table.ts'

const SPECS = [kvSpec('visits', string(), uint()), kvSpec('names', string(), string())]

interface TopicRecord {
  readonly offset: number
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

/** A state partition: records with offsets, as the broker would give them out. */
class Topic {
  records: TopicRecord[] = []
  #next = 0

  append(batches: readonly Uint8Array[]): void {
    const cursor = new RecordCursor()
    for (const batch of batches) {
      cursor.reset(batch)
      while (cursor.nextBatch()) {
        while (cursor.next()) {
          const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor
          const value = valueEnd < 0 ? null : bytes.slice(valueStart, valueEnd)
          this.records.push({ offset: this.#next++, key: bytes.slice(keyStart, keyEnd), value })
        }
      }
    }
    // The marker of the transaction.
    this.#next++
  }

  /** Keeps the newest record of each key; `tombstones` false: those go too. */
  compact(tombstones: boolean): void {
    const newest = new Map<string, number>()
    for (const { key, offset } of this.records) newest.set(Buffer.from(key).toString('hex'), offset)
    this.records = this.records.filter(
      ({ key, value, offset }) =>
        newest.get(Buffer.from(key).toString('hex')) === offset && (tombstones || value !== null),
    )
  }

  collect(from: number): { deltas: StoredDelta[]; last: CommitRecord | null; ends: Map<number, number> } {
    const collector = new DeltaCollector('state, partition 0')
    const cursor = new RecordCursor()
    const deltas: StoredDelta[] = []
    const ends = new Map<number, number>()
    let last: CommitRecord | null = null
    for (const { offset, key, value } of this.records) {
      if (offset < from) continue
      const encoder = new BatchEncoder()
      encoder.append(0, key, 0, key.length, value, 0, value?.length ?? 0, null)
      cursor.reset(encoder.finish())
      cursor.nextBatch()
      cursor.next()
      cursor.offset = offset
      const commit = collector.take(cursor)
      if (commit === null) continue
      last = commit.record
      ends.set(commit.record.id, commit.at)
      if (commit.delta !== null) deltas.push(commit.delta)
    }
    assert.equal(collector.open, 0, 'nothing follows the last commit')
    return { deltas, last, ends }
  }
}

type Step =
  | { readonly put: number; readonly key: string; readonly value: number }
  | { readonly drop: number; readonly key: string }
  | 'commit'
  | 'compact'
  | 'purge'

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ put: fc.nat(1), key: fc.constantFrom('a', 'b', 'c', 'd', ''), value: fc.nat(9) }),
  },
  { weight: 3, arbitrary: fc.record({ drop: fc.nat(1), key: fc.constantFrom('a', 'b', 'c', 'd', '') }) },
  { weight: 3, arbitrary: fc.constant('commit' as const) },
  { weight: 1, arbitrary: fc.constant('compact' as const) },
  { weight: 1, arbitrary: fc.constant('purge' as const) },
)

function entriesOf(state: ReturnType<typeof openTaskState>): unknown[] {
  return SPECS.map(({ name }) => {
    const found: [string, unknown][] = []
    const entries = state.store(name).rangeCommitted({ from: null, to: null, reverse: false, limit: 1000 })
    while (entries.next()) found.push([Buffer.from(entries.key).toString(), entries.value])
    return found
  })
}

function apply(harness: Harness, one: Exclude<Step, string>): void {
  const key = Buffer.from(one.key)
  const store = harness.state.store(SPECS['put' in one ? one.put : one.drop]?.name as string)
  if ('drop' in one) store.delete(key, 0, key.length)
  else store.put(key, 0, key.length, one.put === 0 ? one.value : `v${one.value}`)
}

test('C1 C6: what a state topic gives back after any commits and compactions is the state of the last commit', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const harness = new Harness(SPECS)
      const topic = new Topic()
      const table = new StoreTable([])
      const commit = (): void => {
        harness.commit()
        const newest = harness.deltas.at(-1)
        const delta = newest?.id === harness.committed ? newest : null
        const record = { id: harness.committed, ownerEpoch: 1, meta: '{}' }
        const batches = StateBatches.of(table, 0, 'job-0', delta, { ...record, checkpoint: new Uint8Array([7]) })
        topic.append(batches)
      }
      for (const one of steps) {
        if (one === 'commit') commit()
        else if (one === 'compact' || one === 'purge') topic.compact(one === 'compact')
        else apply(harness, one)
      }
      commit()
      const { deltas, last } = topic.collect(0)
      assert.equal(last?.id, harness.committed)
      assert.deepEqual(last.checkpoint, new Uint8Array([7]))
      const restored = openTaskState({ task: 'job-0', specs: SPECS, base: new MapBase(), deltas, id: last.id })
      assert.deepEqual(entriesOf(restored), entriesOf(harness.state))
    }),
  )
})

test('a state that is behind takes the commits that it lacks, compacted or not', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.array(step, { maxLength: 30 }), (before, after) => {
      const harness = new Harness(SPECS)
      const topic = new Topic()
      const table = new StoreTable([])
      const run = (steps: readonly Step[]): void => {
        for (const one of [...steps, 'commit' as const]) {
          if (one === 'compact' || one === 'purge') topic.compact(one === 'compact')
          else if (one !== 'commit') apply(harness, one)
          else {
            harness.commit()
            const newest = harness.deltas.at(-1)
            const delta = newest?.id === harness.committed ? newest : null
            const record = { id: harness.committed, ownerEpoch: 1, meta: '{}' }
            topic.append(StateBatches.of(table, 0, 't', delta, { ...record, checkpoint: new Uint8Array(0) }))
          }
        }
      }
      run(before)
      const local = topic.collect(0)
      const base = new MapBase()
      const behind = openTaskState({ task: 't', specs: SPECS, base, deltas: local.deltas, id: local.last?.id ?? 0 })
      drain(behind.flush())
      run(after.filter((one) => one !== 'purge'))
      const rest = topic.collect(local.ends.get(local.last?.id as number) as number)
      const caught = openTaskState({ task: 't', specs: SPECS, base, deltas: rest.deltas, id: rest.last?.id as number })
      assert.deepEqual(entriesOf(caught), entriesOf(harness.state))
    }),
  )
})
