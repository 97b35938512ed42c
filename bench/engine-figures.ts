/* n24 bench/engine-figures.ts: engines beside each other: flushes, look-ups and ranges of a base. Ratios to `lsm` of one run; not for quoting. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeDisk } from '../packages/tidemark/src/disk/node-disk.ts'
import { openEngine } from '../packages/tidemark/src/engines/engine.ts'
import { ENGINES } from '../packages/tidemark/src/engines/registry.ts'
import { murmur2 } from '../packages/tidemark/src/hash/murmur2.ts'
import { BlockCache } from '../packages/tidemark/src/lsm/block-cache.ts'
import type { Base } from '../packages/tidemark/src/store/types.ts'
import { bytesOf, type Change, EVERYTHING, settle, sortedChanges } from '../packages/tidemark/src/testing/base-model.ts'

const KEYS = Number(process.env['TIDEMARK_BENCH_KEYS'] ?? 200_000)
const FLUSH = 20_000
const GETS = 100_000
const RANGES = 2_000
const RANGE_ENTRIES = 50
const CACHE_BYTES = 64 * 1024 * 1024

interface Figures {
  /** ns an entry, key, key or entry. */
  readonly put: number
  readonly get: number
  readonly missing: number
  readonly range: number
  /** The longest that a flush kept the thread, ms. */
  readonly pauseMs: number
}

/** 16 bytes, spread over the key space, so that a flush touches all of it. */
function keyOf(n: number): Uint8Array {
  return bytesOf(`key-${(Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')}-${n % 1000}`)
}

async function measure(engine: string, directory: string): Promise<Figures> {
  const cache = new BlockCache({ capacityBytes: CACHE_BYTES })
  const base = await openEngine(engine, { disk: nodeDisk, directory, cache, cacheBytes: CACHE_BYTES })
  try {
    let pauseMs = 0
    let puttingMs = 0
    for (let from = 0, id = 1; from < KEYS; from += FLUSH, id++) {
      const changes = Array.from(
        { length: FLUSH },
        (_, i): Change => ({ key: keyOf(from + i), value: bytesOf(`value ${i}`) }),
      )
      const store = sortedChanges('a', changes)
      const startMs = performance.now()
      const steps = base.write(id, [], [store])
      for (let step = steps.next(), beganMs = startMs; step.done !== true; ) {
        pauseMs = Math.max(pauseMs, performance.now() - beganMs)
        await step.value
        beganMs = performance.now()
        step = steps.next()
      }
      puttingMs += performance.now() - startMs
    }
    await settle(base.write(KEYS, [], []))
    lookUp(base, GETS / 4, 0)
    return {
      put: (puttingMs * 1e6) / KEYS,
      get: lookUp(base, GETS, 0),
      missing: lookUp(base, GETS, KEYS),
      range: ranges(base),
      pauseMs,
    }
  } finally {
    base.close()
  }
}

/** ns a key; keys from `from` on. */
function lookUp(base: Base, count: number, from: number): number {
  const keys = Array.from({ length: 4096 }, (_, i) => keyOf(from + ((i * 7919) % KEYS)))
  const hashes = keys.map((key) => murmur2(key))
  let found = 0
  const startMs = performance.now()
  for (let i = 0; i < count; i++) {
    const key = keys[i & 4095] as Uint8Array
    if (base.get('a', key, 0, key.length, hashes[i & 4095] as number) === 1) found++
  }
  const ns = ((performance.now() - startMs) * 1e6) / count
  if (found !== (from === 0 ? count : 0)) throw new Error(`${found} of ${count} keys found, from ${from}`)
  return ns
}

/** ns an entry. */
function ranges(base: Base): number {
  let seen = 0
  const startMs = performance.now()
  for (let i = 0; i < RANGES; i++) {
    const iterator = base.scan('a', { ...EVERYTHING, from: keyOf(i * 31), limit: RANGE_ENTRIES })
    while (iterator.next()) seen++
    iterator.close()
  }
  return ((performance.now() - startMs) * 1e6) / seen
}

const root = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
try {
  const all: (readonly [string, Figures])[] = []
  for (const engine of ENGINES) all.push([engine, await measure(engine, join(root, engine))])
  const own = all[0]?.[1] as Figures
  const row = (cells: readonly string[]): string => cells.map((cell) => cell.padStart(12)).join('')
  console.log(`${KEYS} keys; times in ratios to lsm, above 1 is slower; the longest pause by a flush in ms`)
  console.log(row(['engine', 'put', 'get', 'missing', 'range', 'pause ms']))
  for (const [engine, figures] of all) {
    const ratios = (['put', 'get', 'missing', 'range'] as const).map((name) => (figures[name] / own[name]).toFixed(2))
    console.log(row([engine, ...ratios, figures.pauseMs.toFixed(1)]))
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
