import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench, do_not_optimize, group } from 'mitata'
import { nodeDisk } from '../packages/tidemark/src/disk/node-disk.ts'
import { openBase } from '../packages/tidemark/src/engines/engine.ts'
import { type FileEngine, type OpenBaseOptions } from '../packages/tidemark/src/engines/registry.ts'
import { murmur2 } from '../packages/tidemark/src/hash/murmur2.ts'
import { BlockCache } from '../packages/tidemark/src/lsm/block-cache.ts'
import { runWaiting } from '../packages/tidemark/src/lsm/open-files.ts'
import type { Base, SortedCursor } from '../packages/tidemark/src/store/types.ts'

/** Keys of 16 bytes, values of 12. Of the numbers below twice the count the even ones are there. */
const KEYS = 1_000_000
const WRITTEN_KEYS = 100_000
const KEY_BYTES = 16
const VALUE_BYTES = 12
const RANGE_ENTRIES = 10
const CACHE_BYTES = 64 * 1024 * 1024
/** Holds index and filters of the state, and little of its data. */
const INDEX_CACHE_BYTES = 2.5 * KEYS
const BATCH_KEYS = 256

/** Puts the key of a number together: 8 bytes alike, the number, 4 bytes that look random. */
function writeKey(target: Uint8Array, number: number): void {
  target.fill(7, 0, 8)
  const mixed = Math.imul(number, 0x9e3779b1)
  for (let i = 0; i < 4; i++) {
    target[8 + i] = number >>> (24 - 8 * i)
    target[12 + i] = mixed >>> (24 - 8 * i)
  }
}

/** Every second number, in order. */
class Numbers implements SortedCursor {
  readonly keyBytes: Uint8Array = new Uint8Array(KEY_BYTES)
  readonly keyStart = 0
  readonly keyEnd: number = KEY_BYTES
  hash = 0
  readonly present = true
  readonly valueBytes: Uint8Array = new Uint8Array(VALUE_BYTES)
  readonly valueStart = 0
  readonly valueEnd: number = VALUE_BYTES
  readonly #end: number
  #number = -2

  constructor(count: number) {
    this.#end = 2 * count
  }

  next(): boolean {
    this.#number += 2
    if (this.#number >= this.#end) return false
    writeKey(this.keyBytes, this.#number)
    this.hash = murmur2(this.keyBytes)
    return true
  }
}

async function writeAll(base: Base, count: number): Promise<void> {
  await runWaiting(base.write(base.id + 1, [], [{ name: 'a', count, cursor: new Numbers(count) }]))
}

/** Keys in random order, one after the other: each call gives the next in `key`. */
class RandomKeys {
  readonly key: Uint8Array = new Uint8Array(KEY_BYTES)
  #state = 1

  next(odd: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    writeKey(this.key, 2 * (this.#state % KEYS) + odd)
    return murmur2(this.key)
  }
}

function readBenches(name: string, base: Base): void {
  const keys = new RandomKeys()
  const { key } = keys
  bench(`${name}: get`, () => do_not_optimize(base.get('a', key, 0, KEY_BYTES, keys.next(0))))
  bench(`${name}: get, missing`, () => do_not_optimize(base.get('a', key, 0, KEY_BYTES, keys.next(1))))
  for (const reverse of [false, true]) {
    bench(`${name}: range of ${RANGE_ENTRIES}, ${reverse ? 'descending' : 'ascending'}`, () => {
      keys.next(0)
      const from = reverse ? null : key
      const to = reverse ? key : null
      const iterator = base.scan('a', { from, to, reverse, limit: RANGE_ENTRIES })
      let sum = 0
      while (iterator.next()) sum += iterator.valueEnd
      return do_not_optimize(sum)
    })
  }
}

/** Prefetches of batches of random keys, then look-ups of these, in a cache that holds hardly a block of them. */
function prefetchBench(base: Base): void {
  const keys = new RandomKeys()
  const bytes = new Uint8Array(BATCH_KEYS * KEY_BYTES)
  const starts = Int32Array.from({ length: BATCH_KEYS }, (_, i) => i * KEY_BYTES)
  const ends = Int32Array.from({ length: BATCH_KEYS }, (_, i) => (i + 1) * KEY_BYTES)
  const hashes = new Int32Array(BATCH_KEYS)
  const batch = { count: BATCH_KEYS, bytes, starts, ends, hashes }
  const fill = (): void => {
    for (let i = 0; i < BATCH_KEYS; i++) {
      hashes[i] = keys.next(0)
      bytes.set(keys.key, i * KEY_BYTES)
    }
  }
  const getAll = (): number => {
    let found = 0
    for (let i = 0; i < BATCH_KEYS; i++) {
      found += base.get('a', bytes, starts[i] as number, ends[i] as number, hashes[i] as number)
    }
    return found
  }
  bench(`cold (page cache): ${BATCH_KEYS} gets`, () => {
    fill()
    return do_not_optimize(getAll())
  })
  bench(`cold (page cache): prefetch of ${BATCH_KEYS}, then their gets`, async () => {
    fill()
    await base.prefetch?.('a', batch)
    return do_not_optimize(getAll())
  })
}

/** The storage engines, on real files in a temporary directory; the page cache of the system holds all of them. */
export async function lsmBench(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
  process.once('exit', () => rmSync(root, { recursive: true, force: true }))
  const options = (directory: string, capacityBytes: number): OpenBaseOptions => ({
    disk: nodeDisk,
    directory: join(root, directory),
    cache: new BlockCache({ capacityBytes }),
  })
  const open = (engine: FileEngine, directory: string, capacityBytes: number): Base =>
    openBase(engine, options(directory, capacityBytes))
  await writeAll(open('lsm', 'state', CACHE_BYTES), KEYS)
  await writeAll(openBase('lsm', { ...options('zstd', CACHE_BYTES), compression: 'zstd' }), KEYS)

  group(`lsm: ${KEYS} keys of ${KEY_BYTES} B`, () => {
    bench('key alone (part of every get below)', () => do_not_optimize(new RandomKeys().next(0)))
    readBenches('hot (block cache)', open('lsm', 'state', CACHE_BYTES))
    readBenches('cold (page cache; index and filters in the block cache)', open('lsm', 'state', INDEX_CACHE_BYTES))
    readBenches('memory', open('memory', 'state', 0))
    readBenches('zstd, hot (block cache)', open('lsm', 'zstd', CACHE_BYTES))
    readBenches('zstd, cold (page cache; index and filters in the block cache)', open('lsm', 'zstd', INDEX_CACHE_BYTES))
    prefetchBench(open('lsm', 'state', INDEX_CACHE_BYTES))
    bench('open and close', () => open('lsm', 'state', 0).close())
    let writes = 0
    for (const compression of ['none', 'zstd'] as const) {
      bench(`write of ${WRITTEN_KEYS} keys to a new base, compression ${compression}`, async () => {
        const base = openBase('lsm', { ...options(`write-${++writes}`, 0), compression })
        await writeAll(base, WRITTEN_KEYS)
        base.close()
      })
    }
  })
}
