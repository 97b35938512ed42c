import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rescaleState } from '../../src/checkpoint/rescale-state.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { openLsmBase } from '../../src/lsm/lsm-base.ts'
import type { ClockReading } from '../../src/store/task-clock.ts'
import type { StoreDescriptor } from '../../src/store/types.ts'
import { WindowKeys } from '../../src/store/window-key.ts'
import { bytes, newCache, sortedStore, steps } from '../lsm/support.ts'
import { type Change, EVERYTHING, type HexEntries, hexOf, scanBase } from '../../src/testing/base-model.ts'

function kv(name: string, more: Partial<StoreDescriptor> = {}): StoreDescriptor {
  const serdes = { key: 'string', keyVersion: 1, value: 'json', valueVersion: 1, discipline: 'copied' } as const
  return { name, kind: 'kv', ...serdes, retentionMs: null, windowSizeMs: null, ...more }
}

const NO_CLOCK = { processingMs: null, eventMs: null }

interface Old {
  readonly stores: readonly StoreDescriptor[]
  readonly keys: readonly string[]
  /** The store that has the keys, if not all have them. */
  readonly only?: string
}

/** Writes each task's state, the same keys in each of its stores, and rescales it to `after` tasks. */
function rescale(disk: MemDisk, tasks: readonly Old[], after: number): void {
  const sources = tasks.map(({ stores, keys, only }, task) => {
    const base = openLsmBase({ disk, directory: `/old/${task}`, cache: newCache() })
    const changes = keys.map((key) => ({ key: bytes(key), value: bytes(`of ${key}`) }))
    steps(
      base.write(
        3,
        stores,
        stores.map(({ name }) => sortedStore(name, only === undefined || only === name ? changes : [])),
      ),
    )
    return base
  })
  const directories = Array.from({ length: after }, (_, task) => `/new/${task}`)
  try {
    const states = sources.map((base, task) => ({ task, base, clock: NO_CLOCK }))
    steps(rescaleState({ disk, states, directories, id: 4, cache: newCache() }))
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
    [kv('f', { partitionBy: 'function' }), 'f', /function of the job's code.*--job/],
    [kv('$timers.t'), '$timers.t', /holds timers.*--job/],
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

test('R2: a store that tasks spread differently is refused; one that some tasks lack is not', () => {
  const two = [
    { stores: [kv('a')], keys: [] },
    { stores: [kv('a', { partitionBy: 'function' })], keys: [] },
  ]
  assert.throws(() => rescale(new MemDisk(), two, 1), refused('a', /different partitionBy/))
  const disk = new MemDisk()
  const [key] = keysOf(1, 1) as [string]
  rescale(
    disk,
    [
      { stores: [], keys: [] },
      { stores: [kv('a')], keys: [key] },
    ],
    1,
  )
  assert.equal(read(disk, 0, 'a').length, 1)
})

test('R1: entries of several versions of a store keep theirs, whatever each task calls them', () => {
  const [old] = keysOf(0, 1) as [string]
  const [fresh, more] = keysOf(1, 2) as [string, string]
  const disk = new MemDisk()
  const tasks = [
    // Was written as version 1; the next version has got a name of its own, and no entries yet.
    { stores: [kv('a'), kv('a~2', { of: 'a', valueVersion: 2 })], keys: [old], only: 'a' },
    // Has had version 2 from the beginning.
    { stores: [kv('a', { valueVersion: 2 })], keys: [fresh, more] },
  ]
  rescale(disk, tasks, 1)
  const base = openLsmBase({ disk, directory: '/new/0', cache: newCache(), readOnly: true })
  const forms = base.descriptors.map(({ name, of, valueVersion }) => ({ store: of ?? name, name, valueVersion }))
  base.close()
  assert.deepEqual(
    forms.map(({ store, valueVersion }) => `${store} v${valueVersion}`),
    ['a v1', 'a v2'],
  )
  const [first, second] = forms.map(({ name }) => read(disk, 0, name).map(([key]) => key))
  assert.deepEqual(first, [hexOf(bytes(old))])
  assert.deepEqual(second, [fresh, more].map((key) => hexOf(bytes(key))).toSorted())
})

test('R1: that windows were emitted before they closed is known to every new task if one of the old ones had done so', () => {
  const disk = new MemDisk()
  const pending = kv('$pending.w', { key: 'bytes', value: 'uint' })
  const mark = (value: number): Change => ({ key: Uint8Array.of(0xff), value: Uint8Array.of(value) })
  const flushed = [[mark(1)], [], [mark(1)]]
  write(disk, pending, flushed)
  rescaleWritten(disk, flushed.length, 4)
  for (const task of [0, 1, 2, 3]) assert.deepEqual(read(disk, task, '$pending.w'), [['ff', '01']], `task ${task}`)
})

test('R1: what has ended by the clock of its old task is left behind, since the new clock may be earlier', () => {
  const timed = kv('t', { ttl: { durationMs: 10, time: 'event' } })
  const deadline = (ms: number): Uint8Array => {
    const value = Buffer.alloc(9)
    value.writeBigInt64BE(BigInt(ms))
    return new Uint8Array(value)
  }
  const disk = new MemDisk()
  const changes = [0, 1].map((task) =>
    keysOf(task, 3).map((key, i): Change => ({ key: bytes(key), value: deadline([50, 100, 150][i] as number) })),
  )
  write(disk, timed, changes)
  const events = (ms: number): ClockReading => ({ processingMs: 1000, eventMs: 0, events: { t: ms } })
  rescaleWritten(disk, 2, 1, [events(100), events(60)])
  const left = read(disk, 0, 't').map(([key]) => Buffer.from(key, 'hex').toString())
  const [, , a3] = keysOf(0, 3)
  const [, b2, b3] = keysOf(1, 3)
  assert.deepEqual(new Set(left), new Set([a3, b2, b3]))
})

test('R1: windows that have expired in their old task do not come back', () => {
  const store: StoreDescriptor = { ...kv('w'), kind: 'windows', windowSizeMs: 10, retentionMs: 480_000 }
  const keys = new WindowKeys('w', 10)
  const changes = [0, 1].map((task) =>
    [0, 60_000, 120_000].map((start): Change => {
      const user = bytes(keysOf(task, 1)[0] as string)
      keys.encode(user, 0, user.length, start, start + 10)
      return { key: keys.bytes.slice(0, keys.end), value: Uint8Array.of(1) }
    }),
  )
  const disk = new MemDisk()
  write(disk, store, changes, [100_000, 30_000])
  rescaleWritten(disk, 2, 1)
  assert.equal(read(disk, 0, 'w').length, 3, 'one of task 0, two of task 1')
  const base = openLsmBase({ disk, directory: '/new/0', cache: newCache(), readOnly: true })
  assert.equal(base.expiredBefore('w'), 30_000)
  base.close()
})

/** The first keys that belong to a task of two. */
function keysOf(task: number, count: number): string[] {
  return ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l']
    .filter((each) => partitionOf(murmur2(bytes(each)), 2) === task)
    .slice(0, count)
}

function read(disk: MemDisk, task: number, store: string): HexEntries {
  const base = openLsmBase({ disk, directory: `/new/${task}`, cache: newCache(), readOnly: true })
  const entries = scanBase(base, store, EVERYTHING)
  base.close()
  return entries
}

/** Writes one store of each task, and up to where its windows have expired. */
function write(
  disk: MemDisk,
  store: StoreDescriptor,
  tasks: readonly (readonly Change[])[],
  expired: number[] = [],
): void {
  for (const [task, changes] of tasks.entries()) {
    const base = openLsmBase({ disk, directory: `/old/${task}`, cache: newCache() })
    steps(base.write(3, [store], [sortedStore(store.name, changes)]))
    const endMs = expired[task]
    if (endMs !== undefined) {
      base.expire(store.name, endMs)
      steps(base.write(4, [store], []))
    }
    base.close()
  }
}

function rescaleWritten(disk: MemDisk, before: number, after: number, clocks: readonly ClockReading[] = []): void {
  const states = Array.from({ length: before }, (_, task) => ({
    task,
    base: openLsmBase({ disk, directory: `/old/${task}`, cache: newCache(), readOnly: true }),
    clock: clocks[task] ?? NO_CLOCK,
  }))
  const directories = Array.from({ length: after }, (_, task) => `/new/${task}`)
  steps(rescaleState({ disk, states, directories, id: 4, cache: newCache() }))
  for (const { base } of states) base.close()
}
