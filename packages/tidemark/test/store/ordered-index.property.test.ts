import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { murmur2 } from '../../src/hash/murmur2.ts'
import { ByteMap } from '../../src/store/byte-map.ts'
import { openCursors } from '../../src/store/layer-cursor.ts'
import type { ByteRange } from '../../src/store/types.ts'
import { drain } from './harness.ts'

const ORDERED = { ordered: true, suffixBytes: 0, deadlines: false }

function insert(map: ByteMap, key: string): void {
  const bytes = Buffer.from(key, 'latin1')
  map.insert(bytes, 0, bytes.length, murmur2(bytes), 1, 0, 0)
}

function range(from: string | null, to: string | null, reverse: boolean, prefixBytes?: number): ByteRange {
  return {
    from: from === null ? null : Buffer.from(from, 'latin1'),
    to: to === null ? null : Buffer.from(to, 'latin1'),
    reverse,
    limit: Infinity,
    ...(prefixBytes === undefined ? {} : { prefixBytes }),
  }
}

/** Up to `most` keys of a range, with `between` called after each. */
function read(map: ByteMap, wanted: ByteRange, most: number, between: () => void = () => undefined): string[] {
  const keys: string[] = []
  for (const cursor of openCursors([map], wanted)) {
    while (keys.length < most && cursor.next()) {
      keys.push(Buffer.from(cursor.bytes.subarray(cursor.start, cursor.end)).toString('latin1'))
      between()
    }
    cursor.close()
  }
  return keys
}

function expected(keys: readonly string[], { from, to, reverse }: ByteRange, most: number): string[] {
  const low = from === null ? '' : Buffer.from(from).toString('latin1')
  const high = to === null ? null : Buffer.from(to).toString('latin1')
  const within = keys.filter((key) => key >= low && (high === null || key < high)).toSorted()
  return (reverse ? within.toReversed() : within).slice(0, most)
}

/** How keys may be spread: in order, against it, in no order, much alike, in few families. */
const SPREADS: readonly ((i: number) => string)[] = [
  (i) => `k${String(i).padStart(7, '0')}`,
  (i) => `k${String(9_999_999 - i)}`,
  (i) => `user-${String((i * 7919) % 1_000_003)}`,
  (i) => `${'a-common-beginning/'.repeat(1 + (i % 3))}${String((i * 31) % 1_000_003)}`,
  (i) =>
    `${String.fromCharCode(97 + (i % 5))}\u0000${'\u0000'.repeat(i % 3)}${String(Math.imul(i, 0x9e37_79b1) >>> 0)}`,
]

const bound = fc.option(fc.nat(50_000), { nil: null, freq: 3 })
const operation = fc.oneof(
  { weight: 2, arbitrary: fc.record({ op: fc.constant('insert' as const), count: fc.nat(3000) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('range' as const),
      from: bound,
      to: bound,
      reverse: fc.boolean(),
      most: fc.constantFrom(1, 10, 2000, 60_000),
      inserts: fc.nat(2),
    }),
  },
)

test('S1: ranges over a large map that was never in order, with inserts before, between and while they are read', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SPREADS),
      fc.nat(40_000),
      fc.boolean(),
      fc.array(operation, { maxLength: 8 }),
      (spread, first, kept, operations) => {
        const map = new ByteMap({ ...ORDERED, ordered: kept })
        const keys: string[] = []
        const add = (): void => {
          const key = spread(keys.length)
          keys.push(key)
          insert(map, key)
        }
        for (let i = 0; i < first; i++) add()
        if (!kept) drain(map.prepareOrder())
        assert.ok(map.ordered)
        for (const wanted of operations) {
          if (wanted.op === 'insert') {
            for (let i = 0; i < wanted.count; i++) add()
            continue
          }
          const from = wanted.from === null ? null : spread(wanted.from)
          const to = wanted.to === null ? null : spread(wanted.to)
          const bounds = range(from, to, wanted.reverse)
          const before = expected(keys, bounds, wanted.most)
          let left = 100
          const seen = read(map, bounds, wanted.most, () => {
            for (let i = 0; i < wanted.inserts && left > 0; i++, left--) add()
          })
          assert.deepEqual(seen, before)
        }
        assert.deepEqual(read(map, range(null, null, false), Infinity), keys.toSorted())
        assert.deepEqual(read(map, range(null, null, true), Infinity), keys.toSorted().toReversed())
      },
    ),
    { numRuns: 25 },
  )
})

test('an order that is made in steps has what was inserted between them', () => {
  const map = new ByteMap()
  const keys = Array.from({ length: 30_000 }, (_, i) => `k${(i * 7919) % 100_003}`)
  for (const key of keys.slice(0, 20_000)) insert(map, key)
  let at = 20_000
  for (const _ of map.prepareOrder()) if (at < keys.length) insert(map, keys[at++] as string)
  while (at < keys.length) insert(map, keys[at++] as string)
  assert.deepEqual(read(map, range(null, null, false), Infinity), keys.toSorted())
})

test('entries of a group come by a table of groups, in order, like those of the whole map', () => {
  const user = fc.constantFrom('', 'a', 'ab', 'b', '\u0000', 'long-user-name')
  const time = fc.nat(300).map((n) => String(n).padStart(4, '0'))
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(user, time), { maxLength: 600, size: 'max', selector: (pair) => pair.join('|') }),
      user,
      time,
      fc.option(time, { nil: null }),
      fc.boolean(),
      (pairs, who, from, to, reverse) => {
        const map = new ByteMap({ ...ORDERED, suffixBytes: 4 })
        for (const [name, at] of pairs) insert(map, `${name}!${at}`)
        const prefix = `${who}!`
        const bounds = range(prefix + from, to === null ? `${who}"` : prefix + to, reverse, prefix.length)
        const all = pairs.map(([name, at]) => `${name}!${at}`)
        const seen = read(map, bounds, Infinity, () => {
          const late = `${prefix}${String(1000 + map.size)}`
          insert(map, late)
        })
        assert.deepEqual(seen, expected(all, bounds, Infinity))
      },
    ),
    { numRuns: 200 },
  )
})
