import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeltaWriter, type StateLoader, type StoreDescriptor } from 'tidemark/system'
import { MemDisk } from '../../../tidemark/src/disk/mem-disk.ts'
import { openLsmBase } from '../../../tidemark/src/lsm/lsm-base.ts'
import { BaseLoader } from '../../../tidemark/src/runtime/base-loader.ts'
import { string } from '../../../tidemark/src/serde/string.ts'
import { describe } from '../../../tidemark/src/store/descriptor.ts'
import { newCache } from '../../../tidemark/test/lsm/support.ts'
import { kvSpec } from '../../../tidemark/test/store/harness.ts'
import { loadHistory, type PartitionSource } from '../../src/host/state-partition.ts'
import { StateBatches } from '../../src/state/state-batches.ts'
import { StoreTable } from '../../src/state/store-table.ts'

const FIRST = describe(kvSpec('names', string(), string()))
/** The same store, whose values are written otherwise since. */
const SECOND: StoreDescriptor = { ...FIRST, valueVersion: 2 }
const RENAMED: StoreDescriptor = { ...SECOND, name: 'people', renamedFrom: 'names' }

/** A partition with the commits of these changes, one after the other. */
function partition(commits: readonly (readonly [StoreDescriptor, string, string | null])[]): {
  readonly source: PartitionSource
  readonly end: number
  readonly stores: readonly StoreDescriptor[]
} {
  const table = new StoreTable([])
  const reads: { readonly bytes: Uint8Array; readonly start: number; readonly end: number }[] = []
  let offset = 0
  for (const [i, [store, name, value]] of commits.entries()) {
    const writer = new DeltaWriter()
    const [key, bytes] = [Buffer.from(name), Buffer.from(value ?? '')]
    writer.add(1, key, 0, key.length, bytes, value === null ? -1 : 0, bytes.length)
    const delta = { id: i + 1, bytes: writer.finish(i + 1, i, [store]) }
    const commit = { id: i + 1, ownerEpoch: 1, meta: '', checkpoint: new Uint8Array(0) }
    for (const batch of StateBatches.of(table, 0, 'task', delta, commit)) {
      const copy = new Uint8Array(batch)
      const view = new DataView(copy.buffer)
      view.setBigInt64(0, BigInt(offset))
      const start = offset
      offset += view.getInt32(23) + 1
      reads.push({ bytes: copy, start, end: offset })
    }
  }
  let at = 0
  const reader = { position: 0, seek: () => {}, read: () => reads[at++] ?? null, close: () => {} }
  return { source: { reader, more: () => Promise.reject(new Error('no more')) }, end: offset, stores: table.stores }
}

test('what is loaded in bulk is kept by the form it was written in, also under a name that the store had before', async () => {
  const { source, end, stores } = partition([
    [FIRST, 'ada', 'one'],
    [FIRST, 'bob', 'one'],
    [SECOND, 'bob', 'two'],
    [SECOND, 'cyd', 'two'],
    [RENAMED, 'cyd', 'three'],
    [RENAMED, 'dan', null],
  ])
  const base = openLsmBase({ disk: new MemDisk(), directory: '/state/0', cache: newCache() })
  const loader: StateLoader = new BaseLoader(base, () => {})
  await loadHistory('state, partition 0', source, { from: 0, end }, { id: 6, stores, loader })
  const found: string[] = []
  for (const { name, of = name, valueVersion } of base.descriptors) {
    const entries = base.scan(name, { from: null, to: null, reverse: false, limit: 100 })
    while (entries.next()) {
      const value = Buffer.from(entries.valueBytes.subarray(entries.valueStart, entries.valueEnd)).toString()
      found.push(`${of} v${valueVersion} ${Buffer.from(entries.key).toString()} ${value}`)
    }
    entries.close()
  }
  assert.deepEqual(
    found.toSorted((a, b) => (a < b ? -1 : 1)),
    ['people v1 ada one', 'people v2 bob two', 'people v2 cyd three'],
  )
  base.close()
})
