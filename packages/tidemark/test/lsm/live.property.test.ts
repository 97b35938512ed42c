import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemDisk } from '../../src/disk/mem-disk.ts'
import type { Compactor } from '../../src/lsm/compaction.ts'
import type { LsmBase } from '../../src/lsm/lsm-base.ts'
import type { LiveShare } from '../../src/lsm/live-share.ts'
import { runToEnd } from '../../src/lsm/open-files.ts'
import { seededRandom } from '../../src/hash/seeded-random.ts'
import type { StoreDescriptor } from '../../src/store/types.ts'
import { anyChange, applyTo, bytes, type Change, type Model, newCache, openBaseOn, sortedStore } from './support.ts'
import { steps, write } from './support.ts'

/** Files stay as they were written. */
const NEVER: Compactor = { compact: () => ({ steps: null, cancel: () => {} }) }

function openBase(): LsmBase {
  return openBaseOn(new MemDisk({ tracked: false }), { compactor: NEVER, cache: newCache(1 << 20) })
}

function estimated(base: LsmBase, store = 'a'): LiveShare {
  return runToEnd(base.live(store))
}

function counted(base: LsmBase, store = 'a'): LiveShare {
  let told = 0
  const share = runToEnd(base.live(store, (entries) => (told += entries)))
  assert.equal(told, share.entries)
  return share
}

const anyBatches = fc.array(fc.array(anyChange, { maxLength: 120 }), { minLength: 1, maxLength: 7 })

test('what is live of a small store is counted, with samples too: overwritten and deleted entries are not', () => {
  fc.assert(
    fc.property(anyBatches, (batches) => {
      const base = openBase()
      const model: Model = new Map()
      for (const [i, changes] of batches.entries()) {
        write(base, i + 1, changes)
        applyTo(model, changes)
      }
      const exact = counted(base)
      assert.equal(exact.liveKeys, model.size)
      assert.equal(exact.liveKeysError, 0)
      const about = estimated(base)
      assert.deepEqual(about, { ...exact, liveBytes: about.liveBytes })
      assert.ok(Math.abs(about.liveBytes - exact.liveBytes) <= 1)
      assert.ok(exact.liveBytes <= exact.bytes)
      if (model.size === 0) assert.equal(exact.liveBytes, 0)
      base.close()
    }),
    { numRuns: 100 },
  )
})

/** Keys 0 to `count`, in random order, from a part of them that `pick` chooses. */
type Pick = (random: () => number, count: number) => number

const COUNT = 40_000
const PATTERNS: Readonly<Record<string, Pick>> = {
  'of any keys': (random, count) => Math.floor(random() * count),
  'of keys side by side': (random, count) => Math.floor(count * 0.3 + random() * count * 0.4),
  'of some keys often': (random, count) => Math.floor(count * random() ** 4),
}

for (const [what, pick] of Object.entries(PATTERNS)) {
  test(`an estimate of what is live is within the error that it says: changes ${what}`, () => {
    let [within, errors, runs] = [0, 0, 0]
    for (let seed = 1; seed <= 5; seed++) {
      const random = seededRandom(seed)
      const base = openBase()
      const size = (): Uint8Array => new Uint8Array(Math.floor(random() * 40))
      const change = (key: number, part: number): Change => {
        return { key: bytes(`key ${String(key).padStart(8, '0')}`), value: random() < part ? null : size() }
      }
      write(
        base,
        1,
        Array.from({ length: COUNT }, (_, key) => change(key, 0)),
      )
      for (let id = 2; id <= 5; id++) {
        const changes = Array.from({ length: COUNT / 5 }, () => change(pick(random, COUNT), 0.2))
        write(base, id, changes)
      }
      const exact = counted(base)
      const about = estimated(base)
      assert.equal(about.entries, exact.entries)
      assert.ok(about.liveKeysError > 0 && about.liveKeysError < COUNT * 0.05, `error ${about.liveKeysError}`)
      runs++
      errors += Math.abs(about.liveKeys - exact.liveKeys) / exact.liveKeys
      if (Math.abs(about.liveKeys - exact.liveKeys) <= about.liveKeysError) within++
      assert.ok(Math.abs(about.liveBytes - exact.liveBytes) < exact.liveBytes * 0.06, 'bytes')
      base.close()
    }
    assert.ok(within >= runs - 1, `${within} of ${runs}`)
    assert.ok(errors / runs < 0.02, `off by ${errors / runs} on average`)
  })
}

test('what has ended by its time to live, and windows that have expired, are not live', () => {
  const ttl: StoreDescriptor = {
    name: 'a',
    kind: 'kv',
    key: 'string',
    keyVersion: 1,
    value: 'bytes',
    valueVersion: 1,
    discipline: 'copied',
    retentionMs: null,
    windowSizeMs: null,
    ttl: { time: 'processing', durationMs: 1000 },
  }
  const base = openBase()
  const timed = (key: string, deadlineMs: number, size = 5): Change => {
    const value = Buffer.alloc(8 + size)
    value.writeBigInt64BE(BigInt(deadlineMs))
    return { key: bytes(key), value }
  }
  base.advance({ eventMs: null, processingMs: 500 })
  steps(base.write(1, [ttl], [sortedStore('a', [timed('x', 1000), timed('y', 2000), timed('z', 1000, 100_000)])]))
  assert.equal(counted(base).liveKeys, 3)
  base.advance({ eventMs: null, processingMs: 1500 })
  steps(base.write(2, [ttl], [sortedStore('a', [timed('v', 3000)])]))
  assert.equal(counted(base).liveKeys, 2)
  const about = estimated(base)
  assert.equal(about.liveKeys, 2)
  assert.ok(about.liveBytes < 100, `${about.liveBytes}: the large value has ended`)
  base.close()
})
