import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rescaleState } from '../../src/checkpoint/rescale-state.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import type { StoreDescriptor } from '../../src/store/types.ts'
import { bytes, newCache, sortedStore, steps } from '../lsm/support.ts'
import { EVERYTHING, scanBase } from '../../src/testing/base-model.ts'

function kv(name: string, more: Partial<StoreDescriptor> = {}): StoreDescriptor {
  const serdes = { key: 'string', keyVersion: 1, value: 'json', valueVersion: 1, discipline: 'copied' } as const
  return { name, kind: 'kv', ...serdes, retentionMs: null, windowSizeMs: null, ...more }
}

interface Old {
  readonly stores: readonly StoreDescriptor[]
  readonly keys: readonly string[]
}

/** Writes each task's state, the same keys in each of its stores, and rescales it to `after` tasks. */
function rescale(disk: MemDisk, tasks: readonly Old[], after: number): void {
  const sources = tasks.map(({ stores, keys }, task) => {
    const base = openLsmBase({ disk, directory: `/old/${task}`, cache: newCache() })
    const changes = keys.map((key) => ({ key: bytes(key), value: bytes(`of ${key}`) }))
    steps(
      base.write(
        3,
        stores,
        stores.map(({ name }) => sortedStore(name, changes)),
      ),
    )
    return base
  })
  const directories = Array.from({ length: after }, (_, task) => `/new/${task}`)
  try {
    steps(rescaleState({ disk, sources, directories, id: 4, cache: newCache() }))
  } finally {
    for (const source of sources) source.close()
  }
}

const refused = (store: string, text: RegExp) => (error: unknown) => {
  const { code, details, message } = error as { code?: string; details?: { store?: string }; message: string }
  assert.equal(code, 'ERR_STORE_RESCALE')
  assert.equal(details?.store, store)
  assert.match(message, text)
  return true
}

test('R2: a store whose keys do not say their task is refused before anything is written: ERR_STORE_RESCALE', () => {
  const cases = [
    [kv('o', { partitionBy: 'opaque' }), 'o', /opaque.*Say by partitionBy/],
    [kv('f', { partitionBy: 'function' }), 'f', /function.*Key it by the message key/],
    [kv('$timers.t'), '$timers.t', /open windows or timers.*keep the number of tasks/],
    [kv('o#1', { of: 'o', partitionBy: 'opaque' }), 'o', /opaque/],
  ] as const
  for (const [store, name, text] of cases) {
    const disk = new MemDisk()
    assert.throws(() => rescale(disk, [{ stores: [kv('a'), store], keys: ['x'] }], 2), refused(name, text))
    assert.deepEqual(disk.list('/new/0'), [])
  }
})

test('R2: an empty store of the runtime does not keep a job from being rescaled', () => {
  const disk = new MemDisk()
  rescale(disk, [{ stores: [kv('a'), kv('$timers.t')], keys: [] }], 2)
  const base = openLsmBase({ disk, directory: '/new/1', cache: newCache(), readOnly: true })
  assert.equal(base.id, 4)
  assert.deepEqual(
    base.descriptors.map(({ name }) => name),
    ['a'],
  )
  base.close()
})

test('R2: an entry that is not in the task of its key is refused, and no complete state is left there', () => {
  const key = ['a', 'b', 'c', 'd', 'e', 'f'].find((each) => partitionOf(murmur2(bytes(each)), 2) === 1) as string
  const disk = new MemDisk()
  const old = [
    { stores: [kv('a')], keys: [key] },
    { stores: [kv('a')], keys: [key] },
  ]
  assert.throws(() => rescale(disk, old, 1), refused('a', /task 0 of 2 holds a key that belongs to task 1/))
  const base = openLsmBase({ disk, directory: '/new/0', cache: newCache(), readOnly: true })
  assert.equal(base.id, 0)
  base.close()
})

test('R2: a store that tasks have in two forms is refused; one that some tasks lack is not', () => {
  const two = [
    { stores: [kv('a')], keys: [] },
    { stores: [kv('a', { valueVersion: 2 })], keys: [] },
  ]
  assert.throws(() => rescale(new MemDisk(), two, 1), refused('a', /two forms/))
  const disk = new MemDisk()
  const key = ['a', 'b', 'c', 'd', 'e', 'f'].find((each) => partitionOf(murmur2(bytes(each)), 2) === 1) as string
  rescale(
    disk,
    [
      { stores: [], keys: [] },
      { stores: [kv('a')], keys: [key] },
    ],
    1,
  )
  const base = openLsmBase({ disk, directory: '/new/0', cache: newCache(), readOnly: true })
  assert.equal(scanBase(base, 'a', EVERYTHING).length, 1)
  base.close()
})
