import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunOptions } from '../../../src/index.ts'
import { readResults } from '../fixtures/crash-harness.ts'
import type { Sale } from './stages.job.ts'

export const JOB: URL = new URL('./stages.job.ts', import.meta.url)
export const STORES: readonly string[] = ['per-item', 'updates-by-kind', 'per-shop-hour', 'closed-hours']
export const root: string = mkdtempSync(join(tmpdir(), 'tidemark-savepoint-'))

const HOUR_MS = 3_600_000

/** Sales in order of time; the first of them are the same however many there are. */
export function makeSales(count: number): Sale[] {
  return Array.from({ length: count }, (_, i) => ({
    shop: `shop-${(i * 7) % 13}`,
    item: `${'abcdef'[(i * 5) % 6]}${(i * 31) % 97}`,
    at: i * 4000,
  }))
}

export function salesFile(name: string, list: readonly Sale[]): string {
  const path = join(root, `${name}.jsonl`)
  writeFileSync(path, list.map((sale) => `${JSON.stringify(sale)}\n`).join(''))
  return path
}

/**
 * Small budgets and four tasks in two containers, so that much happens in a short run. No partition is taken for idle while a
 * busy machine lets it wait: its records would be late.
 */
export function options(name: string, file: string): RunOptions {
  return {
    dataDir: join(root, name),
    inputs: { sales: [{ path: file }] },
    containers: 2,
    partitions: 4,
    commit: { intervalMs: 20 },
    idleMs: 600_000,
    recentMaxBytes: 4096,
  }
}

/** What the stores hold after all sales, by a plain loop: the lines that `readResults` gives. */
export function batchResults(list: readonly Sale[]): Record<string, string> {
  const items = new Map<string, number>()
  const kinds = new Map<string, number>()
  const hours = new Map<string, Map<number, number>>()
  for (const { shop, item, at } of list) {
    items.set(item, (items.get(item) ?? 0) + 1)
    kinds.set(item.slice(0, 1), (kinds.get(item.slice(0, 1)) ?? 0) + 1)
    const start = Math.floor(at / HOUR_MS) * HOUR_MS
    const ofShop = hours.get(shop) ?? new Map<number, number>()
    hours.set(shop, ofShop.set(start, (ofShop.get(start) ?? 0) + 1))
  }
  const windows = [...hours]
    .sort(byKey)
    .flatMap(([key, ofShop]) =>
      [...ofShop].map(([start, value]) => JSON.stringify({ key, value, window: { start, end: start + HOUR_MS } })),
    )
  return {
    'per-item': plain(items),
    'updates-by-kind': plain(kinds),
    'per-shop-hour': windows.join('\n'),
    'closed-hours': plain(new Map([...hours].map(([shop, ofShop]) => [`${shop}!`, ofShop.size]))),
  }
}

function plain(map: ReadonlyMap<string, number>): string {
  return [...map]
    .sort(byKey)
    .map(([key, value]) => JSON.stringify({ key, value }))
    .join('\n')
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

/** The stores of a data directory are what the plain loop gives, byte for byte. */
export async function assertBatch(name: string, list: readonly Sale[], what: string): Promise<void> {
  const { stores } = await readResults(join(root, name), STORES, [])
  for (const [store, expected] of Object.entries(batchResults(list))) {
    if (stores[store] === expected) continue
    const found = (stores[store] ?? '').split('\n')
    const at = expected.split('\n').findIndex((line, i) => line !== found[i])
    assert.fail(`${what}: ${store} differs at line ${at}: ${found[at]} instead of ${expected.split('\n')[at]}`)
  }
}
