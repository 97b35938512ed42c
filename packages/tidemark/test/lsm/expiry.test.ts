import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { LsmBase } from '../../src/lsm/lsm-base.ts'
import { isFileName } from '../../src/lsm/manifest.ts'
import type { StoreDescriptor } from '../../src/store/types.ts'
import { WindowKeys } from '../../src/store/window-key.ts'
import { DIRECTORY, get, hex, key, openBaseOn, scan, settle, sortedStore, steps, type Change } from './support.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const START = Date.UTC(2026, 0, 1)

function descriptor(more: Partial<StoreDescriptor>): StoreDescriptor {
  return {
    name: 'w',
    kind: 'windows',
    key: 'string',
    keyVersion: 1,
    value: 'uint',
    valueVersion: 1,
    discipline: 'immutable',
    retentionMs: 8 * HOUR,
    windowSizeMs: 10 * MINUTE,
    ...more,
  }
}

const WINDOWS = descriptor({})
const keys = new WindowKeys('w', 10 * MINUTE)

function windowKey(user: string, startMs: number): Uint8Array {
  const bytes = key(user)
  keys.encode(bytes, 0, bytes.length, startMs, startMs + 10 * MINUTE)
  return keys.bytes.slice(0, keys.end)
}

/** Windows of ten users in an hour, with the id as their value. */
function hourOf(hour: number, id: number): Change[] {
  return Array.from({ length: 60 }, (_, i) => ({
    key: windowKey(`user${i % 10}`, START + hour * HOUR + Math.floor(i / 10) * 10 * MINUTE),
    value: key(`${id}`),
  }))
}

function write(base: LsmBase, id: number, changes: readonly Change[], of: StoreDescriptor = WINDOWS): void {
  steps(base.write(id, [of], changes.length === 0 ? [] : [sortedStore(of.name, changes)]))
}

function distinct(values: readonly (number | undefined)[]): number[] {
  return [...new Set(values)].map(Number).sort((a, b) => a - b)
}

function bucketsOf(base: LsmBase): (number | undefined)[] {
  return base.manifest.files.map(({ bucket }) => bucket && (bucket.endMs - START) / HOUR)
}

test('windows go to the file of their bucket, and whole files go when all of it has expired, without a deletion', () => {
  const disk = new MemDisk()
  const base = openBaseOn(disk)
  for (let hour = 0; hour < 4; hour++) write(base, hour + 1, hourOf(hour, 1))
  write(base, 5, [...hourOf(0, 2), ...hourOf(3, 2)])
  assert.deepEqual(distinct(bucketsOf(base)), [1, 2, 3, 4])
  assert.equal(scan(base, {}, 'w').length, 240)
  assert.equal(get(base, windowKey('user3', START), 'w'), hex(key('2')))
  assert.equal(get(base, windowKey('user3', START + HOUR), 'w'), hex(key('1')))
  assert.equal(get(base, windowKey('nobody', START), 'w'), undefined)
  base.expire('w', START + 2 * HOUR)
  assert.equal(scan(base, {}, 'w').length, 240, 'not before the next write')
  write(base, 6, [])
  assert.deepEqual(distinct(bucketsOf(base)), [3, 4])
  assert.equal(scan(base, {}, 'w').length, 120)
  assert.equal(get(base, windowKey('user3', START), 'w'), undefined)
  assert.equal(base.expiredBefore('w'), START + 2 * HOUR)
  assert.equal(base.statistics().deletions, 0)
  base.close()
  const again = openBaseOn(disk)
  assert.equal(again.expiredBefore('w'), START + 2 * HOUR)
  assert.equal(again.get('w', windowKey('user3', START), 0, 1, 0), 0)
  assert.deepEqual(disk.list(DIRECTORY).filter(isFileName), again.manifest.files.map(({ name }) => name).sort())
})

test('windows that have expired are not written, and merges leave them out', () => {
  const base = openBaseOn(new MemDisk())
  base.expire('w', START + 30 * MINUTE)
  write(base, 1, hourOf(0, 1))
  assert.equal(scan(base, {}, 'w').length, 30, 'half of the bucket has expired')
  for (let id = 2; id <= 3; id++) write(base, id, hourOf(0, id))
  assert.equal(scan(base, {}, 'w').length, 30)
  base.expire('w', START + 50 * MINUTE)
  // As large as the others, so that all four are merged.
  const large = hourOf(0, 4).map((change) => ({ ...change, value: key('x'.repeat(100)) }))
  write(base, 4, large)
  settle(base)
  assert.equal(base.statistics().files, 1)
  assert.equal(scan(base, {}, 'w').length, 10)
})

test('windows of more buckets than are written at a time all find their files', () => {
  const base = openBaseOn(new MemDisk())
  const changes = Array.from({ length: 50 }, (_, hour) => hourOf(hour, 1)).flat()
  write(base, 1, changes)
  assert.equal(base.statistics().files, 50)
  assert.equal(scan(base, {}, 'w').length, 3000)
  for (let hour = 0; hour < 50; hour++)
    assert.equal(get(base, windowKey('user7', START + hour * HOUR), 'w'), hex(key('1')))
})

test('a store that gets or loses its retention keeps its entries', () => {
  const base = openBaseOn(new MemDisk())
  const forEver = descriptor({ retentionMs: null })
  for (let id = 1; id <= 3; id++) write(base, id, hourOf(0, id), forEver)
  assert.deepEqual(bucketsOf(base), [undefined, undefined, undefined])
  for (let id = 4; id <= 9; id++) write(base, id, hourOf(id % 2, id))
  assert.equal(get(base, windowKey('user1', START), 'w'), hex(key('8')))
  write(base, 10, hourOf(0, 10), descriptor({ retentionMs: 2 * HOUR }))
  write(base, 11, hourOf(1, 11), forEver)
  settle(base)
  assert.equal(get(base, windowKey('user1', START), 'w'), hex(key('10')))
  assert.equal(get(base, windowKey('user1', START + HOUR), 'w'), hex(key('11')))
  assert.equal(scan(base, {}, 'w').length, 120)
})

const anyWindow = fc.record({
  user: fc.integer({ min: 0, max: 5 }).map((n) => `user${n}`),
  slot: fc.nat({ max: 60 }),
  value: fc.option(fc.nat({ max: 99 }), { nil: null }),
})

test('L5: after any writes and expirations a base has exactly the windows that have not expired, in any order of merges', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          windows: fc.array(anyWindow, { maxLength: 40 }),
          expireTo: fc.option(fc.nat({ max: 62 }), { nil: null }),
        }),
        {
          maxLength: 14,
        },
      ),
      fc.integer({ min: 2, max: 40 }),
      (rounds, retentionHours) => {
        const of = descriptor({ retentionMs: retentionHours * HOUR })
        const disk = new MemDisk()
        let base = openBaseOn(disk)
        const model = new Map<string, { readonly endMs: number; readonly value: string }>()
        let expiredMs = Number.NEGATIVE_INFINITY
        rounds.forEach(({ windows, expireTo }, round) => {
          const changes = windows.map(({ user, slot, value }) => {
            const startMs = START + slot * 10 * MINUTE
            const bytes = windowKey(user, startMs)
            if (value === null) model.delete(hex(bytes))
            else model.set(hex(bytes), { endMs: startMs + 10 * MINUTE, value: hex(key(`${value}`)) })
            return { key: bytes, value: value === null ? null : key(`${value}`) }
          })
          if (expireTo !== null) {
            expiredMs = Math.max(expiredMs, START + expireTo * 10 * MINUTE)
            base.expire('w', START + expireTo * 10 * MINUTE)
          }
          write(base, round + 1, changes, of)
          if (round % 4 === 3) {
            base.close()
            base = openBaseOn(disk)
          }
          const live = [...model].filter(([, { endMs }]) => endMs > expiredMs)
          for (const [bytes, { value }] of live) assert.equal(get(base, Buffer.from(bytes, 'hex'), 'w'), value)
          const shown = scan(base, {}, 'w').filter(([bytes]) => keys.endOf(Buffer.from(bytes, 'hex')) > expiredMs)
          assert.deepEqual(new Map(shown), new Map(live.map(([bytes, { value }]) => [bytes, value])))
          for (const { bucket } of base.manifest.files) assert.ok(bucket === undefined || bucket.endMs > expiredMs)
        })
      },
    ),
    { numRuns: 60 },
  )
})

const TTL = descriptor({
  name: 't',
  kind: 'kv',
  retentionMs: null,
  windowSizeMs: null,
  ttl: { durationMs: HOUR, time: 'event' },
})

function timed(deadlineMs: number, text: string): Uint8Array {
  const bytes = new Uint8Array(8 + text.length)
  new DataView(bytes.buffer).setBigInt64(0, BigInt(deadlineMs))
  bytes.set(key(text), 8)
  return bytes
}

test('entries past their deadline go as files are written and merged, by the time of the checkpoint', () => {
  const base = openBaseOn(new MemDisk())
  const entries = (id: number): Change[] =>
    Array.from({ length: 40 }, (_, i) => ({ key: key(`k${i + id * 20}`), value: timed(START + id * MINUTE, `${id}`) }))
  for (let id = 1; id <= 3; id++) {
    base.advance({ eventMs: START, processingMs: START + 9 * HOUR })
    write(base, id, entries(id), TTL)
  }
  assert.equal(scan(base, {}, 't').length, 80)
  base.advance({ eventMs: START + 2 * MINUTE, processingMs: null })
  write(base, 4, [{ key: key('late'), value: timed(START + MINUTE, 'x') }, ...entries(4)], TTL)
  assert.equal(get(base, key('late'), 't'), undefined, 'nothing older has it')
  settle(base)
  assert.equal(base.statistics().files, 1)
  const left = scan(base, {}, 't').map(
    ([, value]) => Number(BigInt(`0x${value.slice(0, 16)}`) - BigInt(START)) / MINUTE,
  )
  assert.deepEqual(distinct(left), [3, 4])
  assert.equal(left.length, 60)
})

test('an expired value hides an older one that would live longer, and time does not go back', () => {
  const disk = new MemDisk()
  let base = openBaseOn(disk)
  write(base, 1, [{ key: key('k'), value: timed(START + 9 * HOUR, 'long') }], TTL)
  base.advance({ eventMs: START + HOUR, processingMs: null })
  write(base, 2, [{ key: key('k'), value: timed(START, 'short') }], TTL)
  assert.equal(get(base, key('k'), 't'), null)
  base.advance({ eventMs: START - HOUR, processingMs: null })
  write(base, 3, [{ key: key('other'), value: timed(START, 'x') }], TTL)
  assert.equal(get(base, key('other'), 't'), undefined)
  base.close()
  base = openBaseOn(disk)
  write(base, 4, [{ key: key('other'), value: timed(START, 'x') }], TTL)
  assert.equal(get(base, key('other'), 't'), undefined, 'the time is in the manifest')
})

test('a store with processing time does not expire by event time, and one without TTL not at all', () => {
  const base = openBaseOn(new MemDisk())
  base.advance({ eventMs: START + HOUR, processingMs: START - HOUR })
  write(base, 1, [{ key: key('k'), value: timed(START, 'v') }], { ...TTL, ttl: { durationMs: 1, time: 'processing' } })
  assert.notEqual(get(base, key('k'), 't'), undefined)
  const plain = descriptor({ name: 't', kind: 'kv', retentionMs: null })
  write(base, 2, [{ key: key('l'), value: timed(0, 'v') }], plain)
  assert.notEqual(get(base, key('l'), 't'), undefined)
})
