import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rescaleState } from '../../src/checkpoint/rescale-state.ts'
import type { Disk } from '../../src/disk/disk.ts'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import { murmur2, partitionOf } from '../../src/hash/murmur2.ts'
import { type LsmBase, openLsmBase } from '../../src/lsm/lsm-base.ts'
import { SetKeys } from '../../src/store/set-key.ts'
import type { StoreDescriptor, StoreKind } from '../../src/store/types.ts'
import { WindowKeys } from '../../src/store/window-key.ts'
import { newCache, sortedStore, steps } from '../lsm/support.ts'
import { type Change, EVERYTHING, type HexEntries, hexOf, scanBase } from '../../src/testing/base-model.ts'

const KINDS: readonly StoreKind[] = ['counter', 'kv', 'list', 'session', 'set', 'versioned', 'windows']

function described(name: string, kind: StoreKind, more: Partial<StoreDescriptor> = {}): StoreDescriptor {
  const serdes = { key: 'bytes', keyVersion: 1, value: 'bytes', valueVersion: 1, discipline: 'copied' } as const
  return { name, kind, ...serdes, retentionMs: null, windowSizeMs: kind === 'windows' ? 10 : null, ...more }
}

/** Stores of each kind, named by it, and those that the runtime keeps for windows and for timers. */
const STORES: readonly StoreDescriptor[] = [
  ...KINDS.map((kind) => described(kind, kind)),
  described('$pending.windows', 'kv'),
  described('$timers.step', 'kv'),
]

/** What a job would say: timers are of the keys of messages. */
const ruleFor = (before: number, after: number) => () => ({ before, after, messageKey: null })

function timed(head: string, n: number, user: Uint8Array): Uint8Array {
  const time = Buffer.alloc(8)
  time.writeBigInt64BE(BigInt(n * 256) ^ -0x8000_0000_0000_0000n)
  return Uint8Array.from([...Buffer.from(head), ...time, ...user])
}

/** The encoded key of the n-th entry of a user's key. */
function encoded({ name, kind }: StoreDescriptor, user: Uint8Array, n: number): Uint8Array {
  if (name === '$pending.windows') return timed('', n, user)
  if (name === '$timers.step') {
    return n === 0 ? Uint8Array.from([...Buffer.from('kidle\0'), ...user]) : timed('tidle\0', n, user)
  }
  if (kind === 'kv' || kind === 'counter') return user
  if (kind === 'set') {
    const keys = new SetKeys(kind)
    keys.encodeHead(user, 0, user.length)
    // Members that look like the end of a user's key.
    if (n > 0) keys.encodeMember(new Uint8Array([0, 1, n, 0, 1]), 0, 5)
    return keys.bytes.slice(0, keys.end)
  }
  const sizeMs = kind === 'windows' ? 10 : kind === 'session' ? null : 0
  const keys = new WindowKeys(kind, sizeMs)
  keys.encode(user, 0, user.length, n * 20 - 20, n * 20 - 10)
  return keys.bytes.slice(0, keys.end)
}

/** By store and hex of the encoded key: the user's key, by which the entry belongs to a task. */
type Users = ReadonlyMap<string, Uint8Array>

function usersOf(keys: readonly Uint8Array[]): Users {
  const users = new Map<string, Uint8Array>()
  for (const store of STORES) {
    for (const user of keys) {
      for (let n = 0; n < 3; n++) users.set(`${store.name} ${hexOf(encoded(store, user, n))}`, user)
    }
  }
  return users
}

function openAll(disk: Disk, prefix: string, tasks: number, readOnly = false): LsmBase[] {
  return Array.from({ length: tasks }, (_, task) =>
    openLsmBase({ disk, directory: `/${prefix}/${task}`, cache: newCache(), readOnly }),
  )
}

function closeAll(bases: readonly LsmBase[]): void {
  for (const base of bases) base.close()
}

/** The state of `tasks` tasks, each with the keys that are its own. */
function makeState(disk: Disk, tasks: number, keys: readonly Uint8Array[]): void {
  const bases = openAll(disk, 'old', tasks)
  for (const [task, base] of bases.entries()) {
    const own = keys.filter((user) => partitionOf(murmur2(user), tasks) === task)
    const stores = STORES.map((store) => {
      const changes = own.flatMap((user) =>
        [0, 1, 2].map((n): Change => ({ key: encoded(store, user, n), value: new Uint8Array([n, ...user]) })),
      )
      return sortedStore(store.name, changes)
    })
    steps(base.write(7, STORES, stores))
  }
  closeAll(bases)
}

function rescale(disk: Disk, from: string, before: number, to: string, after: number): void {
  const sources = openAll(disk, from, before, true)
  const directories = Array.from({ length: after }, (_, task) => `/${to}/${task}`)
  try {
    const states = sources.map((base, task) => ({ task, base, clock: { processingMs: null, eventMs: null } }))
    const ruleOf = ruleFor(before, after)
    // Small batches, so that there are many, and merges of what they make.
    steps(rescaleState({ disk, states, directories, id: 9, cache: newCache(), ruleOf, batchBytes: 2000 }))
  } finally {
    closeAll(sources)
  }
}

/** What each task holds, by store. */
function contents(disk: Disk, prefix: string, tasks: number): HexEntries[][] {
  const bases = openAll(disk, prefix, tasks, true)
  const found = bases.map((base) => STORES.map(({ name }) => scanBase(base, name, EVERYTHING)))
  closeAll(bases)
  return found
}

function union(tasks: readonly HexEntries[][], store: number): HexEntries {
  return tasks.flatMap((stores) => stores[store] as HexEntries).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

const aTaskCount = fc.integer({ min: 1, max: 8 })
/** With many bytes 0, 1 and 255, of which the ends of keys and the escapes are made. */
const aKey = fc.uint8Array({ maxLength: 5 }).map((bytes) => bytes.map((byte) => [0, 1, 255, byte][byte % 4] as number))
const someKeys = fc.uniqueArray(aKey, { maxLength: 24, selector: hexOf })

test('R1: every entry of every kind is in the one task its key belongs to, none is lost, and N to M to N is the same', () => {
  const property = fc.property(aTaskCount, aTaskCount, someKeys, (before, after, keys) => {
    const disk = new MemDisk()
    makeState(disk, before, keys)
    const old = contents(disk, 'old', before)
    rescale(disk, 'old', before, 'new', after)
    const now = contents(disk, 'new', after)
    const users = usersOf(keys)
    for (const [store, { name }] of STORES.entries()) {
      assert.equal(union(old, store).length, new Set(union(old, store).map(([key]) => key)).size)
      assert.deepEqual(union(now, store), union(old, store))
      for (const [task, stores] of now.entries()) {
        for (const [key] of stores[store] as HexEntries) {
          const user = users.get(`${name} ${key}`)
          assert.ok(user !== undefined, `${name} has a key that was never written: ${key}`)
          assert.equal(partitionOf(murmur2(user), after), task, `${name} ${key}`)
        }
      }
    }
    rescale(disk, 'new', after, 'back', before)
    assert.deepEqual(contents(disk, 'back', before), old)
    assert.deepEqual(contents(disk, 'old', before), old, 'what is rescaled is only read')
  })
  fc.assert(property, { numRuns: 60 })
})
