import assert from 'node:assert/strict'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import { run, type RunOptions } from '../../../src/index.ts'
import { openDataDir } from '../../../src/ops/data-dir.ts'
import { verifyData } from '../../../src/ops/verify-data.ts'
import { assertBatch, makeSales, options, root, salesFile } from './sales.ts'
import job from './stages.job.ts'

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

const LIST = makeSales(900)

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
  assert.equal((await verifyData(openDataDir(join(root, name), nodeDisk))).damages, 0, what)
}
