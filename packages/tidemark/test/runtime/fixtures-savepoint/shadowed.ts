import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import { type App, run, type RunOptions } from '../../../src/index.ts'
import { openDataDir } from '../../../src/ops/data-dir.ts'
import { verifyData } from '../../../src/ops/verify-data.ts'
import { THOROUGH } from '../../thorough.ts'
import { until } from '../../until.ts'
import { assertBatch, makeSales, options, root, salesFile } from './sales.ts'
import job, { perShopHour, type Sale, updatesByKind } from './stages.job.ts'

export type Engines = Pick<RunOptions, 'engine' | 'storeEngines'>

/** Engines that keep the newest state only, and a job whose stores are in several. */
export const KINDS: readonly (readonly [name: string, engines: Engines])[] = [
  ['rocksdb', { engine: 'rocksdb' }],
  ['leveldb', { engine: 'leveldb' }],
  ['lmdb', { engine: 'lmdb' }],
  [
    'several',
    { engine: 'lsm', storeEngines: { 'per-item': 'rocksdb', 'per-shop-hour': 'lmdb', 'updates-by-kind': 'leveldb' } },
  ],
]

/** One alone, and the job that has all of them: what the suite has time for. Each of the others is alone somewhere. */
export const MAIN_KINDS: typeof KINDS = KINDS.filter(([name]) => THOROUGH || name === 'rocksdb' || name === 'several')

const LIST = makeSales(900)

/** Sales for jobs that are not killed, and how many of them `withHalf` has processed. */
export const SALES: readonly Sale[] = makeSales(1600)
export const HALF = 800

export function shadowOf(name: string, task: number): string {
  return join(root, name, `state/${task}/shadow`)
}

export function settingsOf(name: string, file: string, engines: Engines, more: RunOptions = {}): RunOptions {
  return { ...options(name, file), ...engines, containers: 0, ...more }
}

function firstHalf(name: string): string {
  return salesFile(name, SALES.slice(0, HALF))
}

/** Processes the first half and goes on. */
export async function withHalf(
  name: string,
  engines: Engines,
  more: RunOptions = {},
): Promise<{ app: App; file: string; warnings: string[] }> {
  const file = firstHalf(name)
  const warnings: string[] = []
  const app = await run(job, {
    ...settingsOf(name, file, engines, more),
    inputs: { sales: [{ path: file, follow: true }] },
    onWarning: (line) => warnings.push(line),
  })
  await processed(app, HALF)
  return { app, file, warnings }
}

/** So many sales have come through all stages. */
export async function processed(app: App, count: number): Promise<void> {
  const total = async (store: typeof updatesByKind | typeof perShopHour): Promise<number> => {
    let values = 0
    for await (const { value } of app.store<string, number>(store).scan()) values += value
    return values
  }
  await until('all records', async () => {
    if (app.progress().records < count) return false
    return (await total(updatesByKind)) === count && (await total(perShopHour)) === count
  })
}

export function grow(file: string): void {
  writeFileSync(file, SALES.map((sale) => `${JSON.stringify(sale)}\n`).join(''))
}

/** A job that keeps checkpoints by a policy, and in a directory; `kind` goes round. */
export function shadowedSettings(name: string, kind: number): RunOptions {
  const [, engines] = KINDS[kind % KINDS.length] as (typeof KINDS)[number]
  const to = pathToFileURL(join(root, `place-${name}`)).href
  const checkpoint = { to, uploadIntervalMs: 20, intervalMs: 60, retain: [{ periodMs: 60, forMs: 300 }] }
  return { ...options(name, salesFile(name, LIST)), containers: 1, ...engines, checkpoint }
}

export function kindName(kind: number): string {
  return (KINDS[kind % KINDS.length] as (typeof KINDS)[number])[0]
}

/** On this thread: what is tested is what a killed process has left, and threads take long to start. */
export async function finishHere(settings: RunOptions): Promise<void> {
  await (await run(job, { ...settings, containers: 0 })).done
}

/** Stores are what a plain loop gives; every byte of engines, shadows and what is kept verifies. */
export async function checkShadowed(name: string, what: string): Promise<void> {
  await assertBatch(name, LIST, what)
  const report = await verifyData(openDataDir(join(root, name), nodeDisk))
  const found = [
    ...report.tasks,
    ...report.directories.flatMap((each) => each.findings),
    ...(report.log?.findings ?? []),
  ]
  assert.deepEqual(
    found.filter(({ kind }) => kind === 'damage'),
    [],
    what,
  )
}
