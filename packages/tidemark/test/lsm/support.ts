import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Disk } from '../../src/disk/disk.ts'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { BlockCache } from '../../src/lsm/block-cache.ts'
import { compareBytes } from '../../src/lsm/bytes.ts'
import { openLsmBase, type LsmBase, type LsmOptions } from '../../src/lsm/lsm-base.ts'
import type { Base, ByteRange, SortedCursor, Steps, StoreDescriptor } from '../../src/store/types.ts'
import {
  bytesOf,
  type Change,
  ChangeCursor,
  EVERYTHING,
  type HexEntries,
  hexOf,
  scanBase,
  sortedChanges,
} from '../../src/testing/base-model.ts'

export type { Change }

/** What a store holds, by the hex of the key: plain, slow, and surely right. */
export type Model = Map<string, Uint8Array>

export const DIRECTORY = '/state/0'
export const ALL: typeof EVERYTHING = EVERYTHING
export const hex: typeof hexOf = hexOf
export const bytes: typeof bytesOf = bytesOf

/** The bytes of a text, as a key or a value. */
export const key: typeof bytesOf = bytesOf

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length)
}

export function newCache(capacityBytes = 64 * 1024): BlockCache {
  return new BlockCache({ capacityBytes, poisons: true })
}

export function openBaseOn(disk: Disk, options: Partial<LsmOptions> = {}): LsmBase {
  return openLsmBase({ disk, directory: DIRECTORY, cache: newCache(), ...options })
}

/** The changes of a store as a base takes them: sorted, the last one of each key. */
export const sortedStore: typeof sortedChanges = sortedChanges

/** A cursor as it is given, sorted or not. */
export function cursorOf(changes: Iterable<Change>): SortedCursor {
  return new ChangeCursor(changes)
}

export function applyTo(model: Model, changes: readonly Change[]): void {
  for (const { key: k, value } of changes) {
    if (value === null) model.delete(hex(k))
    else model.set(hex(k), value)
  }
}

export function steps(generator: Steps): number {
  let count = 1
  for (;;) {
    const step = generator.next()
    if (step.done === true) return count
    assert.ok(!(step.value instanceof Promise), 'a disk in memory has nothing to wait for')
    count++
  }
}

const NO_DESCRIPTORS: readonly StoreDescriptor[] = []

/** Writes the changes of store `a`. */
export function write(base: Base, id: number, changes: readonly Change[]): void {
  steps(base.write(id, NO_DESCRIPTORS, [sortedStore('a', changes)]))
}

/** A write of nothing: it names the merges that are done in the manifest. */
export function settle(base: Base): void {
  steps(base.write(base.id, base.descriptors, []))
}

/** The value of a key in hex, null when deleted, undefined when the base does not know it. */
export function get(base: Base, k: Uint8Array, store = 'a'): string | null | undefined {
  const shifted = new Uint8Array(k.length + 9)
  shifted.set(k, 4)
  const found = base.get(store, shifted, 4, 4 + k.length, murmur2(k))
  if (found === 0) return undefined
  return found === 2 ? null : hex(base.valueBytes.subarray(base.valueStart, base.valueEnd))
}

export function scan(base: Base, range: Partial<ByteRange> = {}, store = 'a'): HexEntries {
  return scanBase(base, store, range)
}

/** What a scan of the model gives. */
export function scanModel(model: Model, range: Partial<ByteRange> = {}): [string, string][] {
  const { from, to, reverse, limit } = { ...ALL, ...range }
  const low = from === null ? null : hex(from)
  const high = to === null ? null : hex(to)
  const keys = [...model.keys()].filter((k) => (low === null || k >= low) && (high === null || k < high)).sort()
  if (reverse) keys.reverse()
  return keys.slice(0, limit).map((k) => [k, hex(model.get(k) as Uint8Array)])
}

/** The base holds exactly what the model does, by scans in both directions and by keys. */
export function expectSame(base: Base, model: Model, store = 'a'): void {
  assert.deepEqual(scan(base, {}, store), scanModel(model))
  assert.deepEqual(scan(base, { reverse: true }, store), scanModel(model, { reverse: true }))
  for (const [k, value] of model) assert.equal(get(base, Buffer.from(k, 'hex'), store), hex(value))
}

/** Keys that share starts, with some that are starts of others. */
export const anyKey: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 3, max: 3 }),
  fc.nat({ max: 60 }).map((n) => bytes(`user:${String(n).padStart(4, '0')}`)),
  fc.nat({ max: 300 }).map((n) => bytes(`${'prefix/'.repeat(6)}${n}`)),
  fc.uint8Array({ minLength: 1, maxLength: 200 }),
)

/** Values around the limits of a block and of a large value, mostly short. */
export const anyValue: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 30, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 5, arbitrary: fc.nat({ max: 9000 }).map((n) => new Uint8Array(n).fill(n)) },
  { weight: 1, arbitrary: fc.integer({ min: 65_530, max: 65_560 }).map((n) => new Uint8Array(n).fill(n)) },
)

export const anyChange: fc.Arbitrary<Change> = fc.record({
  key: anyKey,
  value: fc.oneof({ weight: 3, arbitrary: anyValue }, { weight: 1, arbitrary: fc.constant(null) }),
})

export const anyRange: fc.Arbitrary<Partial<ByteRange>> = fc.record({
  from: fc.option(anyKey, { nil: null }),
  to: fc.option(anyKey, { nil: null }),
  reverse: fc.boolean(),
  limit: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat({ max: 20 })),
})
